"""Gini, Lorenz curve, coverage and novelty of lists."""

from math import log2

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from collaborative_autoencoders.metrics.beyond_accuracy import (
    average_popularity,
    count_recommended,
    coverage,
    gini,
    long_tail_share,
    lorenz,
    novelty,
)


def test_recommendations_are_counted_without_the_padding():
    assert count_recommended(np.array([[2, 0], [2, -1]]), n_items=4).tolist() == [1, 0, 2, 0]


def test_gini_is_0_if_every_item_is_shown_equally_often():
    assert gini(np.array([3, 3, 3])) == 0


def test_gini_of_a_single_shown_item_is_1_minus_its_share_of_the_catalogue():
    assert gini(np.array([0, 5, 0, 0])) == pytest.approx(3 / 4)


def test_gini_by_hand_is_the_mean_difference_over_twice_the_mean():
    # pairs of 1, 2, 6: differences 1, 5, 4, each counted both ways among 9 pairs; the mean is 3
    assert gini(np.array([2, 6, 1])) == pytest.approx((2 * (1 + 5 + 4) / 9) / (2 * 3))


@given(st.lists(st.integers(0, 50), min_size=2, max_size=20))
def test_gini_is_in_0_to_1_and_does_not_depend_on_the_order_of_items(counts):
    if sum(counts) == 0:
        assert np.isnan(gini(np.array(counts)))
        return
    value = gini(np.array(counts))
    assert -1e-12 <= value < 1
    assert value == pytest.approx(gini(np.array(counts[::-1])))


def test_coverage_counts_training_items_only():
    # four items; the last one has no user in training, and two of the other three are recommended
    assert coverage(np.array([4, 0, 1, 9]), owners_I=np.array([1, 1, 5, 0])) == pytest.approx(2 / 3)


def test_coverage_without_a_list_is_nan():
    assert np.isnan(coverage(np.zeros(2, int), owners_I=np.array([1, 1])))


def test_coverage_without_a_training_item_is_nan():
    assert np.isnan(coverage(np.array([1, 1]), owners_I=np.array([0, 0])))


def test_average_popularity_is_the_mean_number_of_users_over_all_places():
    # two places have item 0, which five users have, and one has item 2, which nobody has
    assert average_popularity(np.array([2, 0, 1]), np.array([5, 9, 0])) == (2 * 5 + 1 * 0) / 3


def test_the_long_tail_is_behind_the_fewest_items_with_80_percent_of_the_ratings():
    # 5 + 3 of 10 ratings are 80 %, so items 1 and 3 are the head
    owners_I = np.array([1, 5, 1, 3, 0])
    places_I = np.array([4, 20, 3, 10, 2])
    assert long_tail_share(places_I, owners_I) == pytest.approx((4 + 3 + 2) / 39)
    # 4 + 3 are 70 %, so the first item of the next ones is in the head too
    assert long_tail_share(np.array([0, 1, 1, 1]), np.array([4, 3, 2, 1])) == pytest.approx(1 / 3)


@given(st.lists(st.integers(0, 50), min_size=1, max_size=20).filter(any), st.integers(1, 5))
def test_the_long_tail_share_is_from_0_to_1_and_of_the_popular_first_0(counts, scale):
    owners_I = np.array(counts)
    share = long_tail_share(np.full(len(counts), scale), owners_I)
    assert 0 <= share <= 1
    assert long_tail_share(np.eye(len(counts), dtype=int)[owners_I.argmax()], owners_I) == 0


def test_popularity_without_a_recommendation_is_nan():
    nothing = np.zeros(2, dtype=np.int64), np.array([1, 2])
    assert np.isnan(average_popularity(*nothing)) and np.isnan(long_tail_share(*nothing))


def test_novelty_is_the_mean_surprise_of_the_list():
    # of 8 users 4 have item 0, 1 has item 1
    novelty_U = novelty(np.array([[0, 1]]), owners_I=np.array([4, 1]), n_users=8)
    assert novelty_U == pytest.approx([(-log2(4 / 8) - log2(1 / 8)) / 2])


def test_an_item_without_users_counts_as_an_item_of_one_user():
    owners_I = np.array([1, 0])
    novelty_U = novelty(np.array([[0], [1]]), owners_I, n_users=8)
    assert novelty_U.tolist() == [3, 3]


def test_novelty_ignores_padding_and_is_nan_for_an_empty_list():
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


def test_the_lorenz_curve_is_nan_if_nothing_is_recommended():
    assert np.isnan(lorenz(np.zeros(3, dtype=np.int64))[1][-1])
