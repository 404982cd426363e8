"""Ranking metrics, computed from the hits of each list.

Every function takes `hits_UK` (bool, best position first; k is the length of the list) and
`n_relevant_U` (the number of held-out items, |R|), and returns one value in [0, 1] per user, shape
(U,). The value is NaN for a user without held-out items. In a list shorter than k, the positions
that are not filled are misses.

Dimension key: U users, K positions of a list.
"""

import numpy as np
from numpy.typing import NDArray

Hits = NDArray[np.bool_]
Counts = NDArray[np.integer]
Values = NDArray[np.float64]


def precision(hits_UK: Hits, n_relevant_U: Counts) -> Values:
    """Return the precision of each list: hits / k."""
    return _evaluated(hits_UK.sum(axis=1) / hits_UK.shape[1], n_relevant_U)


def recall(hits_UK: Hits, n_relevant_U: Counts) -> Values:
    """Return the recall of each list: hits / |R|. It is below 1 if |R| > k."""
    return _evaluated(hits_UK.sum(axis=1) / np.maximum(n_relevant_U, 1), n_relevant_U)


def capped_recall(hits_UK: Hits, n_relevant_U: Counts) -> Values:
    """Return the recall relative to the possible hits of a list: hits / min(k, |R|).

    Source: Liang et al. 2018, Variational Autoencoders for Collaborative Filtering, 4.2.
    """
    return _evaluated(hits_UK.sum(axis=1) / _possible(hits_UK, n_relevant_U), n_relevant_U)


def ndcg(hits_UK: Hits, n_relevant_U: Counts) -> Values:
    """Return the NDCG of each list: DCG / (DCG of min(k, |R|) hits in the first positions).

    DCG = Σ_p (2^hit_p − 1) / log2(p + 1) = Σ_p hit_p / log2(p + 1), p from 1.
    Source: Burges et al. 2005, Learning to Rank using Gradient Descent. Järvelin and
    Kekäläinen 2002, who introduced NDCG, divide by log2(p) from the second position on.
    """
    discount_K = 1 / np.log2(np.arange(hits_UK.shape[1]) + 2)
    best_U = np.cumsum(discount_K)[_possible(hits_UK, n_relevant_U) - 1]
    # float64, because the value of a perfect list can exceed 1 in float32
    return _evaluated(_sums_of_rows(hits_UK, discount_K) / best_U, n_relevant_U)


def average_precision(hits_UK: Hits, n_relevant_U: Counts) -> Values:
    """Return the average precision of each list: Σ_p hit_p · (hits up to p) / p / min(k, |R|).

    Positions p count from 1. The mean over users is MAP@k.
    """
    hits_so_far_UK = np.cumsum(hits_UK, axis=1, dtype=np.int32)
    total_U = _sums_of_rows(hits_UK * hits_so_far_UK, 1 / np.arange(1, hits_UK.shape[1] + 1))
    return _evaluated(total_U / _possible(hits_UK, n_relevant_U), n_relevant_U)


def reciprocal_rank(hits_UK: Hits, n_relevant_U: Counts) -> Values:
    """Return 1 / position of the first hit, or 0 without a hit. The mean over users is MRR@k."""
    inverse_position_U = 1 / (hits_UK.argmax(axis=1) + 1)
    return _evaluated(np.where(hits_UK.any(axis=1), inverse_position_U, 0.0), n_relevant_U)


def hit_rate(hits_UK: Hits, n_relevant_U: Counts) -> Values:
    """Return 1 if the list has a hit, else 0."""
    return _evaluated(np.asarray(hits_UK.any(axis=1), dtype=np.float64), n_relevant_U)


def _sums_of_rows(values_UK: Hits | Counts, weight_K: Values) -> Values:
    """Return Σ_k value · weight of each row, shape (U,).

    Not a matrix product, whose sum of a row depends in the last digit on how many rows there are.
    """
    sums_U: Values = (values_UK * weight_K).sum(axis=1)
    return sums_U


def _possible(hits_UK: Hits, n_relevant_U: Counts) -> NDArray[np.int64]:
    # min(k, |R|), and 1 without held-out items to avoid a division by zero
    return np.clip(n_relevant_U, 1, hits_UK.shape[1]).astype(np.int64)


def _evaluated(values_U: Values, n_relevant_U: Counts) -> Values:
    # a sum and its highest value, added up in another order, differ in the last bit
    return np.where(n_relevant_U > 0, np.minimum(values_U, 1), np.nan)
