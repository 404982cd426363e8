"""What lists do to the catalogue, whether they hit or not.

Dimension key: U users, I items of the catalogue, K places of a list.
"""

import numpy as np
from numpy.typing import NDArray

BEYOND_ACCURACY = ("gini", "coverage", "novelty")
"""The names these are reported under."""

Counts = NDArray[np.integer]


def count_recommended(item_UK: NDArray[np.integer], n_items: int) -> NDArray[np.int64]:
    """How often each item of the catalogue stands in a list, shape (I,); −1 is padding."""
    return np.bincount(item_UK[item_UK >= 0], minlength=n_items)


def gini(recommended_I: Counts) -> float:
    """How unequally the catalogue is shown: 0 = every item alike, (I − 1) / I = only one item.

    Σ_i (2i − I − 1) · x_i / (I · Σ x) over the counts x in ascending order, i from 1. Items that
    are never recommended count. NaN where nothing is recommended at all.
    """
    n_items, total = len(recommended_I), recommended_I.sum()
    if total == 0:
        return float("nan")
    weight_I = 2 * np.arange(1, n_items + 1) - n_items - 1
    return float(weight_I @ np.sort(recommended_I) / (n_items * total))


def lorenz(recommended_I: Counts) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """What share of all recommendations the least recommended items have together.

    Share of items (0, 1/I, … 1), and beside it the share of recommendations that these items have,
    items ascending; both shape (I + 1,), from (0, 0) to (1, 1). On the diagonal every item is shown
    alike; Gini is twice the area between the diagonal and the curve. NaN where nothing is
    recommended at all. Source: Lorenz 1905.
    """
    shown_I = np.concatenate([[0], np.cumsum(np.sort(recommended_I))]).astype(np.float64)
    total = shown_I[-1] or np.nan
    return np.linspace(0, 1, len(shown_I)), shown_I / total


def coverage(recommended_I: Counts, owners_I: Counts) -> float:
    """What share of the training items is recommended to anyone.

    `owners_I`: how many users have each item in training. An item that nobody has is no training
    item and counts neither above nor below the line. NaN without any training item.
    """
    trained_I = owners_I > 0
    if not trained_I.any():
        return float("nan")
    return float((recommended_I[trained_I] > 0).mean())


def novelty(item_UK: NDArray[np.integer], owners_I: Counts, n_users: int) -> NDArray[np.float64]:
    """How surprising each user's list is: the mean of −log2(owners / n_users) over it, shape (U,).

    An item that nobody has in training counts as if one user had it: rarer than that cannot be
    told apart, and −log2(0) would be infinite. NaN for a user without a list.
    Source: mean self-information, Castells et al. 2015, Novelty and Diversity in Recommender
    Systems.
    """
    surprise_I = -np.log2(np.maximum(owners_I, 1) / n_users)
    listed_UK = item_UK >= 0
    total_U = np.where(listed_UK, surprise_I[item_UK], 0.0).sum(axis=1)
    length_U = listed_UK.sum(axis=1)
    return np.where(length_U > 0, total_U / np.maximum(length_U, 1), np.nan)
