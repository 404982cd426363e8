"""Lists as a table and as arrays, and the lists that are refused."""

import numpy as np
import pandas as pd
import pytest
from evaluation.small_world import matrix
from peak import many_lists, peak_of, size_of, table_of_many

from collaborative_autoencoders.evaluation.lists import (
    check_lists,
    lists_to_table,
    table_to_lists,
)

ITEM_UK = np.array([[7, 3], [-1, -1], [5, -1]], dtype=np.int32)
SCORE_UK = np.array([[0.9, 0.4], [-np.inf, -np.inf], [0.2, -np.inf]], dtype=np.float32)


def ranked(**columns):
    return pd.DataFrame({"user_index": [0, 0], "rank": [1, 2]} | columns)


def test_a_table_has_a_row_per_item_and_none_for_padding():
    table = lists_to_table(ITEM_UK, SCORE_UK, np.array([4, 5, 6]))
    assert table[["user_index", "rank", "item_index"]].to_numpy().tolist() == [
        [4, 1, 7],
        [4, 2, 3],
        [6, 1, 5],
    ]
    assert table["score"].tolist() == np.float32([0.9, 0.4, 0.2]).tolist()


def test_a_table_of_lists_is_made_in_the_memory_of_two():
    lists, users = many_lists(), np.arange(2000)
    assert peak_of(lambda: lists_to_table(*lists, users)) < 2 * size_of(table_of_many())


def test_lists_come_back_from_the_table_whatever_the_order_of_its_rows():
    table = lists_to_table(ITEM_UK, SCORE_UK, np.arange(3))
    for rows in (table, table.iloc[::-1]):
        item_UK, score_UK = table_to_lists(rows, n_users=3, length=2)
        assert np.array_equal(item_UK, ITEM_UK)
        assert np.array_equal(score_UK, SCORE_UK)


@pytest.mark.parametrize(
    ("ranks", "reason"), [([1, 1], "same rank"), ([0, 1], "from 1 to 2"), ([1, 3], "from 1 to 2")]
)
def test_ranks_that_do_not_form_a_list_are_refused(ranks, reason):
    with pytest.raises(ValueError, match=reason):
        table_to_lists(ranked(rank=ranks, item_index=[3, 4], score=[2.0, 1.0]), 1, 2)


def test_a_list_that_skips_a_rank_is_refused():
    table = pd.DataFrame({"user_index": [3], "rank": [2], "item_index": [3], "score": [2.0]})
    with pytest.raises(ValueError, match="user_index 3 skips a rank"):
        table_to_lists(table, n_users=4, length=2)


@pytest.mark.parametrize(
    ("items", "scores", "reason"),
    [
        ([3, 4], [1.0, 2.0], "user_index 8 is not ranked best first"),
        ([3, 4], [1.0, np.nan], "user_index 8 is not ranked best first"),
        ([3, 3], [2.0, 1.0], "user_index 8 has a duplicate item"),
        ([3, 0], [2.0, 1.0], "user_index 8 has an item that was seen"),
    ],
)
def test_a_list_that_is_not_valid_is_refused_with_the_user(items, scores, reason):
    item_UK, score_UK = np.array([[-1, -1], items]), np.array([[-np.inf, -np.inf], scores])
    with pytest.raises(ValueError, match=reason):
        seen_UI = matrix([0, 0, 0, 0, 0], [5, 0, 0, 0, 0])
        check_lists(item_UK, score_UK, seen_UI, np.array([3, 8]))


def test_a_valid_list_may_have_padding_and_ties():
    item_UK = np.array([[1, 2, -1, -1]])
    score_UK = np.array([[0.5, 0.5, -np.inf, -np.inf]])
    check_lists(item_UK, score_UK, matrix([5, 0, 0, 0, 0]), np.array([3]))
