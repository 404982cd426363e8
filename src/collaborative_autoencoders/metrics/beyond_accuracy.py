"""Metrics of the recommended items that do not depend on hits: concentration and popularity.

Dimension key: U users, I items of the catalogue, K positions of a list.
"""

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.integer]


def count_recommended(item_UK: NDArray[np.integer], n_items: int) -> NDArray[np.int64]:
    """Return how often each item is recommended, shape (I,). −1 in `item_UK` is padding."""
    return np.bincount(item_UK[item_UK >= 0], minlength=n_items)


def gini(recommended_I: Counts) -> float:
    """Return the Gini index of the recommendations: 0 if equal, (I − 1) / I if only one item.

    Σ_i (2i − I − 1) · x_i / (I · Σ x) over the counts x in ascending order, i from 1. Items that
    are never recommended are included. NaN if nothing is recommended.
    """
    n_items, total = len(recommended_I), recommended_I.sum()
    if total == 0:
        return float("nan")
    weight_I = 2 * np.arange(1, n_items + 1) - n_items - 1
    return float(weight_I @ np.sort(recommended_I) / (n_items * total))


def lorenz(recommended_I: Counts) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the Lorenz curve of the recommendations: shares of items and of recommendations.

    Items are sorted by count, ascending. The first array is the share of items (0, 1/I, … 1), the
    second the share of recommendations that these items receive. Both have shape (I + 1,) and run
    from (0, 0) to (1, 1). The curve is the diagonal if every item is recommended equally often; the
    Gini index is twice the area between diagonal and curve. The second array is NaN if nothing is
    recommended. Source: Lorenz 1905.
    """
    shown_I = np.concatenate([[0], np.cumsum(np.sort(recommended_I))]).astype(np.float64)
    total = shown_I[-1] or np.nan
    return np.linspace(0, 1, len(shown_I)), shown_I / total


def coverage(recommended_I: Counts, owners_I: Counts) -> float:
    """Return the share of the training items that are recommended to at least one user.

    `owners_I` is the number of users who have each item in training. An item without users is not a
    training item and is excluded. NaN if there are no training items, or if nothing is recommended.
    """
    trained_I = owners_I > 0
    if not (trained_I.any() and recommended_I.any()):
        return float("nan")
    return float((recommended_I[trained_I] > 0).mean())


def average_popularity(recommended_I: Counts, owners_I: Counts) -> float:
    """Return the mean number of users who have a recommended item in training.

    Σ recommended · owners / Σ recommended, over the places of all lists. With lists of one length
    it is the mean over users of the mean over each list. NaN if nothing is recommended.
    Source: average recommendation popularity (ARP), Yin et al., VLDB 2012, Challenging the Long
    Tail Recommendation.
    """
    return _mean_over_places(recommended_I, owners_I)


def long_tail_share(recommended_I: Counts, owners_I: Counts) -> float:
    """Return the share of the places of all lists that have an item of the long tail.

    The short head is the fewest items that have 80 % of the training ratings, the most popular
    first, ties in the order of the items; the long tail is all others. With lists of one length it
    is the mean over users of each list's share. NaN if nothing is recommended.
    Source: average percentage of long-tail items (APLT), Abdollahpouri, Burke and Mobasher, RecSys
    2017 and FLAIRS 2019; head and tail as there.
    """
    order_I = np.argsort(-owners_I, kind="stable")
    before_I = np.cumsum(owners_I[order_I]) - owners_I[order_I]
    is_tail_I = np.empty(len(owners_I), dtype=np.bool_)
    is_tail_I[order_I] = 10 * before_I >= 8 * owners_I.sum()  # integers: 0.8 is not exact
    return _mean_over_places(recommended_I, is_tail_I)


def _mean_over_places(recommended_I: Counts, values_I: NDArray) -> float:
    total = recommended_I.sum()
    return float(recommended_I @ values_I / total) if total else float("nan")


def novelty(item_UK: NDArray[np.integer], owners_I: Counts, n_users: int) -> NDArray[np.float64]:
    """Return the mean of −log2(owners / n_users) over each user's list, shape (U,).

    An item without users in training counts as if one user had it, since −log2(0) is infinite. NaN
    for a user with an empty list.
    Source: mean self-information, Castells et al. 2015, Novelty and Diversity in Recommender
    Systems.
    """
    surprise_I = -np.log2(np.maximum(owners_I, 1) / n_users)
    listed_UK = item_UK >= 0
    total_U = np.where(listed_UK, surprise_I[item_UK], 0.0).sum(axis=1)
    length_U = listed_UK.sum(axis=1)
    return np.where(length_U > 0, total_U / np.maximum(length_U, 1), np.nan)
