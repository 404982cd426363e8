"""Whom and what a model serves well: users by their activity, items by their popularity.

Dimension key: U users, I items, K places of a list, N held-out likes or ratings, G groups.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

ACTIVITY = tuple(f"fifth_{place}" for place in range(1, 6))
"""The fifths of the users, the least active first."""

POPULARITY = ("head", "middle", "tail")
"""The groups of items that hold a third of the ratings each, the most popular first."""

Counts = NDArray[np.integer]
Groups = NDArray[np.int64]
Values = NDArray[np.float64]


def fifth_of_users(n_ratings_U: Counts) -> Groups:
    """Which fifth each user is in by how many ratings it has: 0 = fewest … 4 = most, shape (U,).

    ⌊5 · (users with fewer ratings) / U⌋: users with equally many are never taken apart, so the
    fifths are as large as each other only as far as ties allow, and one may be empty.
    """
    fewer_U = np.searchsorted(np.sort(n_ratings_U), n_ratings_U, side="left")
    return len(ACTIVITY) * fewer_U // max(1, len(n_ratings_U))


def third_of_items(owners_I: Counts) -> Groups:
    """Whether each item is of the head (0), the middle (1) or the tail (2), shape (I,).

    Items are taken the most rated first (equal ones as they stand): the ones that begin in the
    first third of all ratings are the head, in the second the middle, the others the tail. So is
    an item that nobody has.
    """
    order_I = np.argsort(-owners_I, kind="stable")
    before_I = np.cumsum(owners_I[order_I]) - owners_I[order_I]
    third_I = np.empty(len(owners_I), dtype=np.int64)
    parts, total = len(POPULARITY), max(1, owners_I.sum())
    third_I[order_I] = np.minimum(parts * before_I // total, parts - 1)
    return third_I


def count_by_group(group_N: Groups, n_groups: int) -> NDArray[np.int64]:
    """How many are in each group, shape (G,)."""
    return np.bincount(group_N, minlength=n_groups)


def mean_by_group(values_N: Values, group_N: Groups, n_groups: int) -> Values:
    """The mean of each group over those that have a value, shape (G,); NaN where none has."""
    told_N = ~np.isnan(values_N)
    return ratio_by_group(np.where(told_N, values_N, 0.0), told_N, group_N, n_groups)


def ratio_by_group(
    numerators_N: Values, denominators_N: NDArray, group_N: Groups, n_groups: int
) -> Values:
    """Σ numerator / Σ denominator of each group, shape (G,); NaN where nothing is to divide by."""
    sums_G, counts_G = (
        np.bincount(group_N, weights=values_N, minlength=n_groups)
        for values_N in (numerators_N, denominators_N)
    )
    return np.where(counts_G > 0, sums_G / np.maximum(counts_G, 1), np.nan)


def relevant_by_group(relevant_UI: csr_array, group_I: Groups, n_groups: int) -> Counts:
    """How many held-out items of each group a user has, shape (U, G); together, all of them."""
    n_users = relevant_UI.shape[0]
    user_N = np.repeat(np.arange(n_users), np.diff(relevant_UI.indptr))
    cell_N = user_N * n_groups + group_I[relevant_UI.indices]
    return np.bincount(cell_N, minlength=n_users * n_groups).reshape(n_users, n_groups)


def recall_by_group(
    item_UK: NDArray[np.integer],
    hits_UK: NDArray[np.bool_],
    n_relevant_UG: Counts,
    group_I: Groups,
) -> Values:
    """What share of a user's held-out items of each group is in the list, mean over users, (G,).

    A user with nothing held out in a group has no say in it. NaN where nobody has.
    """
    groups = np.arange(n_relevant_UG.shape[1])
    hits_UG = np.stack([(hits_UK & (group_I[item_UK] == g)).sum(axis=1) for g in groups], axis=1)
    recall_UG = np.where(n_relevant_UG > 0, hits_UG / np.maximum(n_relevant_UG, 1), 0.0)
    judged_G = (n_relevant_UG > 0).sum(axis=0)
    return np.where(judged_G > 0, recall_UG.sum(axis=0) / np.maximum(judged_G, 1), np.nan)
