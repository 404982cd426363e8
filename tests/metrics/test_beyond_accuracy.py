"""What lists do to the catalogue."""

from math import log2

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from collaborative_autoencoders.metrics.beyond_accuracy import (
    count_recommended,
    coverage,
    gini,
    lorenz,
    novelty,
)


def test_recommendations_are_counted_without_the_padding():
    assert count_recommended(np.array([[2, 0], [2, -1]]), n_items=4).tolist() == [1, 0, 2, 0]


def test_gini_is_zero_where_every_item_is_shown_alike():
    assert gini(np.array([3, 3, 3])) == 0


def test_gini_of_a_single_shown_item_is_all_but_its_own_share():
    assert gini(np.array([0, 5, 0, 0])) == pytest.approx(3 / 4)


def test_gini_by_hand_is_the_mean_difference_over_twice_the_mean():
    # pairs of 1, 2, 6: differences 1, 5, 4, each counted both ways among 9 pairs; the mean is 3
    assert gini(np.array([2, 6, 1])) == pytest.approx((2 * (1 + 5 + 4) / 9) / (2 * 3))


@given(st.lists(st.integers(0, 50), min_size=2, max_size=20))
def test_gini_lies_between_nought_and_one_and_knows_no_order(counts):
    if sum(counts) == 0:
        assert np.isnan(gini(np.array(counts)))
        return
    value = gini(np.array(counts))
    assert -1e-12 <= value < 1
    assert value == pytest.approx(gini(np.array(counts[::-1])))


def test_coverage_asks_for_training_items_only():
    # four items, nobody has the last one in training; of the other three two are recommended
    assert coverage(np.array([4, 0, 1, 9]), owners_I=np.array([1, 1, 5, 0])) == pytest.approx(2 / 3)


def test_coverage_without_a_training_item_cannot_be_told():
    assert np.isnan(coverage(np.array([1, 1]), owners_I=np.array([0, 0])))


def test_novelty_is_the_mean_surprise_of_the_list():
    # of 8 users 4 have item 0, 1 has item 1
    novelty_U = novelty(np.array([[0, 1]]), owners_I=np.array([4, 1]), n_users=8)
    assert novelty_U == pytest.approx([(-log2(4 / 8) - log2(1 / 8)) / 2])


def test_an_item_that_nobody_has_surprises_as_one_that_a_single_user_has():
    owners_I = np.array([1, 0])
    novelty_U = novelty(np.array([[0], [1]]), owners_I, n_users=8)
    assert novelty_U.tolist() == [3, 3]


def test_a_short_list_is_as_novel_as_what_is_in_it_and_no_list_is_not_zero():
    novelty_U = novelty(np.array([[0, -1], [-1, -1]]), owners_I=np.array([4, 1]), n_users=8)
    assert novelty_U[0] == 1
    assert np.isnan(novelty_U[1])


def test_a_lorenz_curve_by_hand():
    items, shown = lorenz(np.array([2, 6, 0]))
    assert items == pytest.approx([0, 1 / 3, 2 / 3, 1])
    assert shown == pytest.approx([0, 0 / 8, (0 + 2) / 8, (0 + 2 + 6) / 8])


@given(st.lists(st.integers(0, 50), min_size=1, max_size=20).filter(any).map(np.array))
def test_a_lorenz_curve_ends_at_one_below_the_diagonal_and_its_area_is_the_gini(counts):
    items, shown = lorenz(counts)
    assert (items[-1], shown[-1]) == (1, 1)
    assert np.all(shown <= items + 1e-12)
    assert 2 * (0.5 - np.trapezoid(shown, items)) == pytest.approx(gini(counts), abs=1e-12)


def test_where_nothing_is_recommended_there_is_no_lorenz_curve():
    assert np.isnan(lorenz(np.zeros(3, dtype=np.int64))[1][-1])
