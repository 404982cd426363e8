"""The calibration of lists by hand, its range, and against the sum that a person would write."""

from math import log

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from collaborative_autoencoders.metrics.calibration import miscalibration
from collaborative_autoencoders.metrics.groups import listed_by_group

COUNTS = arrays(np.int64, (5, 3), elements=st.integers(0, 20))


def test_a_list_with_the_shares_of_the_history_is_calibrated_and_one_with_none_is_least():
    histories = np.array([[8, 4, 4], [5, 5, 0], [0, 0, 0], [3, 1, 0]])
    lists = np.array([[2, 1, 1], [0, 0, 10], [1, 1, 1], [0, 0, 0]])
    np.testing.assert_allclose(
        miscalibration(histories, lists), [0, log(100), np.nan, np.nan], atol=1e-12
    )


def test_a_divergence_by_hand():
    found = miscalibration(np.array([[3, 1, 0]]), np.array([[1, 1, 2]]))
    first, second = 0.99 * 0.25 + 0.01 * 0.75, 0.99 * 0.25 + 0.01 * 0.25
    assert found == pytest.approx(0.75 * log(0.75 / first) + 0.25 * log(0.25 / second))


@given(COUNTS, COUNTS)
def test_it_is_the_sum_over_groups_and_from_0_to_that_of_no_common_group(histories, lists):
    for user, found in enumerate(miscalibration(histories, lists)):
        history, listed = histories[user].tolist(), lists[user].tolist()
        if not sum(history) or not sum(listed):
            assert np.isnan(found)
            continue
        total = 0.0
        for likes, places in zip(history, listed, strict=True):
            p, q = likes / sum(history), places / sum(listed)
            if p > 0:
                total += p * log(p / (0.99 * q + 0.01 * p))
        assert found == pytest.approx(total, abs=1e-12)
        assert 0 <= found <= log(100) + 1e-12


def test_popular_items_alone_are_worse_for_a_user_of_niche_items():
    head, middle, tail = np.arange(10), np.arange(10, 20), np.arange(20, 30)
    group_I = np.repeat([0, 1, 2], 10)
    niche, mainstream = [0, 3, 17], [17, 3, 0]
    mixed = np.concatenate([tail[:8], middle[:2]])
    lists = np.array([head, head, mixed, np.where(mixed < 25, mixed, -1)])
    listed = listed_by_group(lists, group_I, 3)
    assert listed.tolist() == [[10, 0, 0], [10, 0, 0], [0, 2, 8], [0, 2, 5]]
    histories = np.array([niche, mainstream, niche, niche])
    popular, liked, fitting, short = miscalibration(histories, listed)
    assert popular > liked > fitting
    assert popular > short > fitting
