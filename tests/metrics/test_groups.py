"""Users by activity and items by popularity, by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array

from collaborative_autoencoders.metrics.groups import (
    fifth_of_users,
    mean_by_group,
    ratio_by_group,
    recall_by_group,
    relevant_by_group,
    third_of_items,
)
from collaborative_autoencoders.metrics.hits import find_hits

COUNTS = st.lists(st.integers(0, 30), min_size=1, max_size=40).map(np.array)


def test_ten_users_are_two_in_each_fifth():
    n_ratings_U = np.array([90, 10, 80, 20, 70, 30, 60, 40, 50, 100])
    assert fifth_of_users(n_ratings_U).tolist() == [4, 0, 3, 0, 3, 1, 2, 1, 2, 4]


def test_users_with_equally_many_ratings_are_in_one_fifth():
    # six of ten have fewer than 7 ratings: 5 · 6 / 10 = 3
    assert fifth_of_users(np.array([5] * 6 + [7] * 4)).tolist() == [0] * 6 + [3] * 4


@given(COUNTS)
def test_a_more_active_user_is_never_in_a_lower_fifth(n_ratings_U):
    fifth_U = fifth_of_users(n_ratings_U)
    assert np.all(np.diff(fifth_U[np.argsort(n_ratings_U)]) >= 0)
    assert set(fifth_U) <= set(range(5))


def test_head_middle_and_tail_begin_in_a_third_of_the_ratings_each():
    # of 12 ratings 0, 5, 8, 10, 11 and 12 come before each item: the thirds begin at 0, 4 and 8
    assert third_of_items(np.array([5, 3, 2, 1, 1, 0])).tolist() == [0, 1, 2, 2, 2, 2]


def test_the_order_of_the_catalogue_decides_only_between_equal_items():
    assert third_of_items(np.array([1, 3, 5])).tolist() == [2, 1, 0]
    assert third_of_items(np.array([2, 2, 2])).tolist() == [0, 1, 2]


@given(COUNTS)
def test_a_more_popular_item_is_never_nearer_to_the_tail(owners_I):
    third_I = third_of_items(owners_I)
    assert np.all(np.diff(third_I[np.argsort(-owners_I, kind="stable")]) >= 0)
    assert set(third_I) <= {0, 1, 2}


def test_means_are_over_those_with_a_value():
    values, groups = np.array([1.0, 3.0, np.nan, 4.0]), np.array([0, 0, 0, 2])
    assert mean_by_group(values, groups, 3) == pytest.approx([(1 + 3) / 2, np.nan, 4], nan_ok=True)


def test_ratios_are_those_of_the_sums():
    found = ratio_by_group(np.array([9.0, 1.0, 8.0]), np.array([3, 1, 2]), np.array([0, 0, 1]), 2)
    assert found.tolist() == [(9 + 1) / (3 + 1), 8 / 2]


RELEVANT = csr_array(np.array([[1, 1, 1, 0], [0, 0, 1, 1], [0, 0, 0, 0]], dtype=np.float32))
GROUP = np.array([0, 1, 1, 2])


def test_held_out_items_are_counted_by_group():
    assert relevant_by_group(RELEVANT, GROUP, 3).tolist() == [[1, 2, 0], [0, 1, 1], [0, 0, 0]]


@given(st.lists(st.lists(st.booleans(), min_size=4, max_size=4), min_size=1, max_size=6))
def test_the_groups_add_up_to_all_held_out_items(rows):
    relevant_UI = csr_array(np.array(rows, dtype=np.float32))
    counts_UG = relevant_by_group(relevant_UI, GROUP, 3)
    assert counts_UG.sum(axis=1).tolist() == np.diff(relevant_UI.indptr).tolist()


def test_recall_of_a_group_is_of_users_with_a_held_out_item_of_the_group():
    # hits: user 0 has items 0 and 2, user 1 item 3; −1 is padding and hits nothing
    item_UK = np.array([[0, 2], [3, -1], [0, 1]])
    recall_UG = recall_by_group(
        item_UK, find_hits(item_UK, RELEVANT), relevant_by_group(RELEVANT, GROUP, 3), GROUP
    )
    no = np.nan
    np.testing.assert_array_equal(recall_UG, [[1 / 1, 1 / 2, no], [no, 0 / 1, 1 / 1], [no] * 3])


def test_a_group_without_held_out_items_has_no_recall():
    item_UK = np.array([[0]])
    relevant_UI = csr_array(np.array([[1, 0, 0, 0]], dtype=np.float32))
    counts_UG = relevant_by_group(relevant_UI, GROUP, 3)
    recall_UG = recall_by_group(item_UK, find_hits(item_UK, relevant_UI), counts_UG, GROUP)
    assert recall_UG[0] == pytest.approx([1, np.nan, np.nan], nan_ok=True)
