"""Groups of users by activity and of items by popularity, and metrics per group.

Dimension key: U users, I items, K positions of a list, N held-out likes or ratings, G groups.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

ACTIVITY_GROUPS = tuple(f"fifth_{place}" for place in range(1, 6))
"""Names of the fifths of the users, least active first."""

POPULARITY_GROUPS = ("head", "middle", "tail")
"""Names of the item groups, most popular first. Each has about a third of the ratings."""

Counts = NDArray[np.integer]
Groups = NDArray[np.int64]
Values = NDArray[np.float64]


def fifth_of_users(n_ratings_U: Counts) -> Groups:
    """Return the fifth of each user by number of ratings: 0 = fewest … 4 = most, shape (U,).

    ⌊5 · (users with fewer ratings) / U⌋. Users with equally many ratings are in the same fifth, so
    ties can make the fifths unequal or leave one empty.
    """
    fewer_U = np.searchsorted(np.sort(n_ratings_U), n_ratings_U, side="left")
    return len(ACTIVITY_GROUPS) * fewer_U // max(1, len(n_ratings_U))


def third_of_items(owners_I: Counts) -> Groups:
    """Return the group of each item: head (0), middle (1) or tail (2), shape (I,).

    Items are sorted by number of ratings, descending; ties keep the order of the items. The group
    of an item is ⌊3 · (ratings of the items before it) / (all ratings)⌋. Items without ratings are
    in the tail.
    """
    order_I = np.argsort(-owners_I, kind="stable")
    before_I = np.cumsum(owners_I[order_I]) - owners_I[order_I]
    third_I = np.empty(len(owners_I), dtype=np.int64)
    parts, total = len(POPULARITY_GROUPS), max(1, owners_I.sum())
    third_I[order_I] = np.minimum(parts * before_I // total, parts - 1)
    return third_I


def count_by_group(group_N: Groups, n_groups: int) -> NDArray[np.int64]:
    """Return the size of each group, shape (G,)."""
    return np.bincount(group_N, minlength=n_groups)


def mean_by_group(values_N: Values, group_N: Groups, n_groups: int) -> Values:
    """Return the mean of each group over the values that are not NaN, shape (G,).

    The mean of a group without values is NaN.
    """
    has_value_N = ~np.isnan(values_N)
    return ratio_by_group(np.where(has_value_N, values_N, 0.0), has_value_N, group_N, n_groups)


def ratio_by_group(
    numerators_N: Values, denominators_N: NDArray, group_N: Groups, n_groups: int
) -> Values:
    """Return Σ numerator / Σ denominator of each group, shape (G,).

    The ratio is NaN where the sum of the denominators is 0.
    """
    sums_G, counts_G = (
        np.bincount(group_N, weights=values_N, minlength=n_groups)
        for values_N in (numerators_N, denominators_N)
    )
    return np.where(counts_G > 0, sums_G / np.maximum(counts_G, 1), np.nan)


def relevant_by_group(relevant_UI: csr_array, group_I: Groups, n_groups: int) -> Counts:
    """Return the number of held-out items of each user in each group, shape (U, G)."""
    n_users = relevant_UI.shape[0]
    user_N = np.repeat(np.arange(n_users), np.diff(relevant_UI.indptr))
    cell_N = user_N * n_groups + group_I[relevant_UI.indices]
    return np.bincount(cell_N, minlength=n_users * n_groups).reshape(n_users, n_groups)


def listed_by_group(item_UK: NDArray[np.integer], group_I: Groups, n_groups: int) -> Counts:
    """Return the number of items of each list in each group, shape (U, G). −1 is padding."""
    group_UK = np.where(item_UK >= 0, group_I[item_UK], -1)
    return np.stack([(group_UK == group).sum(axis=1) for group in range(n_groups)], axis=1)


def recall_by_group(
    item_UK: NDArray[np.integer],
    hits_UK: NDArray[np.bool_],
    n_relevant_UG: Counts,
    group_I: Groups,
) -> Values:
    """Return the recall of each user in each group of items, shape (U, G).

    It is the share of the held-out items of the group that are in the list, and NaN for a user
    without held-out items in the group.
    """
    hit_UK = np.where(hits_UK, item_UK, -1)
    hits_UG = listed_by_group(hit_UK, group_I, n_relevant_UG.shape[1])
    return np.where(n_relevant_UG > 0, hits_UG / np.maximum(n_relevant_UG, 1), np.nan)
