"""What stored lists, scores and predictions claim, checked when they are read.

Dimension key: U users, L rows of a table of lists.
"""

from collections.abc import Iterator

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api import types

from collaborative_autoencoders.columns import ITEM_INDEX, RANK, RATING, SCORE, USER_INDEX
from collaborative_autoencoders.interactions import Interactions
from collaborative_autoencoders.metrics.hits import count_relevant, find_hits
from collaborative_autoencoders.metrics.rating import sum_by_user
from collaborative_autoencoders.metrics.table import METRICS, SHARE, Lists, Owners, at, metrics_of

from .claims import ROUNDING, bounds_of, metric_of
from .evaluate import LIST_BY_POPULARITY, N_RATINGS, N_RELEVANT, PREDICTED, sum_column

ROWS_AT_ONCE = 2**20
"""Rows of lists that are checked at once, and the rest of the last user's: some 100 MB."""


def check_user_scores(scores: pd.DataFrame) -> None:
    """Raise ValueError unless there is one row of possible scores per user."""
    if scores.empty:
        return
    index_U = whole_numbers(scores, USER_INDEX)
    groups = [name for name in ("answered_as",) if name in scores]
    if scores.duplicated([USER_INDEX, *groups]).any():
        raise ValueError(f"a {USER_INDEX} occurs twice")
    sums = {sum_column(each) for each in metrics_of("ratings")} | {N_RATINGS}
    if missing := sums - set(scores) if sums & set(scores) else None:
        raise ValueError(f"it lacks the columns {sorted(missing)}")
    has_likes_U = whole_numbers(scores, N_RELEVANT) > 0
    if N_RATINGS in scores:
        whole_numbers(scores, N_RATINGS)
    if LIST_BY_POPULARITY in scores and not types.is_bool_dtype(scores[LIST_BY_POPULARITY]):
        raise ValueError(f"{LIST_BY_POPULARITY} holds {scores[LIST_BY_POPULARITY].dtype}")
    others = [USER_INDEX, N_RELEVANT, LIST_BY_POPULARITY, N_RATINGS, *groups]
    for name in scores.columns.difference(others):
        values_U, metric = numbers(scores, name), metric_of(str(name))
        lowest, highest = bounds_of(metric)
        wrong_U = (values_U < lowest - ROUNDING) | (values_U > highest + ROUNDING)
        wrong_U |= np.isinf(values_U)
        if metric is not None and METRICS[metric].bounds == SHARE:
            wrong_U |= has_likes_U == np.isnan(values_U)
        if name in sums:
            wrong_U |= np.isnan(values_U)
        if wrong_U.any():
            place = int(np.argmax(wrong_U))
            raise ValueError(f"{name} of {USER_INDEX} {index_U[place]} is {values_U[place]}")


def check_ranked_items(lists: pd.DataFrame) -> None:
    """Raise ValueError unless the ranks of every user are 1, 2, …, by score, of distinct items."""
    for name in (USER_INDEX, RANK, ITEM_INDEX):
        whole_numbers(lists.head(0), name)
    if not lists[USER_INDEX].is_monotonic_increasing:
        lists = lists.sort_values(USER_INDEX, kind="stable")
    for some in pieces_by_user(lists):
        _check_piece(some)


def pieces_by_user(table: pd.DataFrame) -> Iterator[pd.DataFrame]:
    """Yield a table that is sorted by user in pieces, each with all rows of its users."""
    user_L, start = table[USER_INDEX].to_numpy(), 0
    while start < len(user_L):
        last = min(start + ROWS_AT_ONCE, len(user_L)) - 1
        stop = int(np.searchsorted(user_L, user_L[last], side="right"))
        yield table.iloc[start:stop]
        start = stop


def _check_piece(lists: pd.DataFrame) -> None:
    users, ranks, items = (whole_numbers(lists, name) for name in (USER_INDEX, RANK, ITEM_INDEX))
    user_L, rank_L, score_L = users, ranks, numbers(lists, SCORE)
    if not ((users[1:] != users[:-1]) | (ranks[1:] > ranks[:-1])).all():
        order_L = np.lexsort((ranks, users))
        user_L, rank_L, score_L = users[order_L], ranks[order_L], score_L[order_L]
    is_next_L = user_L[1:] == user_L[:-1]
    _refuse_user(rank_L[:1] != 1, user_L, "has ranks that are not 1, 2, …")
    expected_L = np.where(is_next_L, rank_L[:-1] + 1, 1)
    _refuse_user(rank_L[1:] != expected_L, user_L[1:], "has ranks that are not 1, 2, …")
    _refuse_user(~np.isfinite(score_L), user_L, "has a score that is not a finite number")
    rises_L = is_next_L & (score_L[1:] > score_L[:-1])
    _refuse_user(rises_L, user_L[1:], "is not ranked by score")
    pair_L = np.sort(users * (items.max(initial=0) + 1) + items)
    if (pair_L[1:] == pair_L[:-1]).any():
        raise ValueError("a list has a duplicate item")


def check_predicted_ratings(table: pd.DataFrame) -> None:
    """Raise ValueError unless there is one finite prediction per user and item."""
    for name in (USER_INDEX, ITEM_INDEX):
        whole_numbers(table, name)
    if table.duplicated([USER_INDEX, ITEM_INDEX]).any():
        raise ValueError("a pair of user and item occurs twice")
    for name in (RATING, PREDICTED):
        if not np.isfinite(numbers(table, name)).all():
            raise ValueError(f"{name} is not always a finite number")


def check_predictions(
    table: pd.DataFrame, user_scores: pd.DataFrame, test: Interactions, first: int = 0
) -> None:
    """Raise ValueError unless there is a prediction for every rating of the test part.

    The errors of each user must be those of the scores. The scores and the test part are of the
    same users, the first of which is `first`.
    """
    cells = test.ratings.tocoo()
    expected = np.stack([cells.row + first, cells.col, cells.data], axis=1).astype(np.float64)
    found = table[[USER_INDEX, ITEM_INDEX, RATING]].sort_values([USER_INDEX, ITEM_INDEX])
    if not np.array_equal(found.to_numpy(dtype=np.float64), expected):
        raise ValueError("predicted_ratings is not of the ratings of the test part")
    error_N = (table[PREDICTED].astype(np.float64) - table[RATING]).to_numpy()
    user_N = table[USER_INDEX].to_numpy() - first
    for metric in metrics_of("ratings"):
        sum_U = sum_by_user(user_N, metric.function(error_N), test.shape[0])
        if not np.allclose(sum_U, user_scores[sum_column(metric)], rtol=1e-6):
            raise ValueError(f"user_scores has other sums of {metric.name} than predicted_ratings")


def check_scores_of_lists(
    item_UK: NDArray[np.integer],
    user_scores: pd.DataFrame,
    test: Interactions,
    owners: Owners,
) -> None:
    """Raise ValueError unless NDCG and novelty of the longest lists in the scores are of the lists.

    Lists, scores and the test part are of the same users.
    """
    check_held_out(user_scores, test)
    k, n_listed = item_UK.shape[1], test.core_shape[0]
    hits_UK, n_relevant_U = find_hits(item_UK, test.likes), count_relevant(test.likes)
    found = Lists(item_UK, hits_UK, n_relevant_U, owners)
    user_scores = user_scores.head(n_listed)
    for name in ("ndcg", "novelty"):
        values_U = METRICS[name].function(found)
        if not np.allclose(user_scores[at(name, k)], values_U, rtol=1e-6, equal_nan=True):
            raise ValueError(f"user_scores has another {at(name, k)} than ranked_items")


def check_held_out(user_scores: pd.DataFrame, test: Interactions) -> None:
    """Raise ValueError unless the scores count the held-out likes and ratings of the test part.

    Those of another sample of users do not. Both are of the same users.
    """
    n_listed = test.core_shape[0]
    if user_scores[N_RELEVANT].iloc[n_listed:].any():
        raise ValueError("user_scores has held-out likes of a user outside the core")
    if not np.array_equal(user_scores[N_RELEVANT].head(n_listed), count_relevant(test.likes)):
        raise ValueError("user_scores has other numbers of held-out likes than the test part")
    if N_RATINGS in user_scores and not np.array_equal(
        user_scores[N_RATINGS], count_relevant(test.ratings)
    ):
        raise ValueError("user_scores has other numbers of held-out ratings than the test part")


def check_sizes(user_scores: pd.DataFrame, n_users: int, k: list[int]) -> None:
    """Raise ValueError unless there are all scores of all users."""
    names = {at(metric.name, length) for metric in metrics_of("list") for length in k}
    if missing := names - set(user_scores):
        raise ValueError(
            f"user_scores lacks the columns {sorted(missing)}: it is not of this evaluation.k"
        )
    if not np.array_equal(user_scores[USER_INDEX].to_numpy(), np.arange(n_users)):
        raise ValueError(f"user_scores is not of the {n_users} users of the split")


def check_indices(name: str, table: pd.DataFrame, shape: tuple[int, int]) -> None:
    """Raise ValueError unless a table is of so many users and items."""
    for column, size in zip((USER_INDEX, ITEM_INDEX), shape, strict=True):
        outside = table[column][(table[column] < 0) | (table[column] >= size)]
        if len(outside):
            raise ValueError(outside_of(name, column, outside.iloc[0], size))


def outside_of(name: str, column: str, index: int, size: int) -> str:
    """Return why an index of a user or item in a table is an error."""
    return f"{name}: {column} {index} is not one of {size:,}"


def numbers(table: pd.DataFrame, name: str) -> NDArray[np.float64]:
    """Return a column of numbers. Raises ValueError if it is missing or has another type."""
    if name not in table or not types.is_numeric_dtype(table[name]):
        raise ValueError(f"it has no numbers in a column {name}, only {list(table.columns)}")
    if types.is_bool_dtype(table[name]) or types.is_complex_dtype(table[name]):
        raise ValueError(f"{name} holds {table[name].dtype}")
    return table[name].to_numpy(dtype=np.float64)


def whole_numbers(table: pd.DataFrame, name: str) -> NDArray[np.int64]:
    """Return a column of integers from 0. Raises ValueError if it is missing or has others."""
    numbers(table, name)
    if not types.is_integer_dtype(table[name]) or (table[name] < 0).any():
        raise ValueError(f"{name} is not always an integer from 0")
    return table[name].to_numpy(dtype=np.int64)


def _refuse_user(wrong_L: NDArray[np.bool_], user_L: NDArray[np.int64], reason: str) -> None:
    if wrong_L.any():
        raise ValueError(f"the list of {USER_INDEX} {user_L[np.argmax(wrong_L)]} {reason}")
