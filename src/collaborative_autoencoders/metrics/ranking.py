"""How good a list is, from its hits alone: each function answers one question per user.

Every function takes `hits_UK` (bool, best place first; the length of the list is k) and
`n_relevant_U` (how many items are held out), and returns one value in [0, 1] per user, shape (U,).
A user with nothing held out gets NaN: there is no question to answer, and a zero would be a lie.
A list that is shorter than k misses in the places it does not fill.

Dimension key: U users, K places of a list.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Hits = NDArray[np.bool_]
Counts = NDArray[np.integer]
Values = NDArray[np.float64]


def precision(hits_UK: Hits, n_relevant_U: Counts) -> Values:
    """What share of the k places is a hit: hits / k."""
    return _judged(hits_UK.sum(axis=1) / hits_UK.shape[1], n_relevant_U)


def recall(hits_UK: Hits, n_relevant_U: Counts) -> Values:
    """What share of the held-out items is in the list: hits / |R|. Below 1 where |R| > k."""
    return _judged(hits_UK.sum(axis=1) / np.maximum(n_relevant_U, 1), n_relevant_U)


def capped_recall(hits_UK: Hits, n_relevant_U: Counts) -> Values:
    """What share of the hits that a list of k could have: hits / min(k, |R|).

    Source: Liang et al. 2018, Variational Autoencoders for Collaborative Filtering, 4.2.
    """
    return _judged(hits_UK.sum(axis=1) / _possible(hits_UK, n_relevant_U), n_relevant_U)


def ndcg(hits_UK: Hits, n_relevant_U: Counts) -> Values:
    """How near the hits stand to the top: DCG / the DCG of min(k, |R|) hits in the first places.

    DCG = Σ_p hit_p / log2(p + 1), p from 1. Source: Järvelin and Kekäläinen 2002, binary gains.
    """
    discount_K = 1 / np.log2(np.arange(hits_UK.shape[1]) + 2)
    best_U = np.cumsum(discount_K)[_possible(hits_UK, n_relevant_U) - 1]
    # in float32 a perfect list could come out above 1
    return _judged(hits_UK.astype(np.float64) @ discount_K / best_U, n_relevant_U)


def average_precision(hits_UK: Hits, n_relevant_U: Counts) -> Values:
    """The precision seen at each hit: Σ_p hit_p · (hits up to p) / p, divided by min(k, |R|).

    Its mean over users is MAP@k.
    """
    hits_so_far_UK = np.cumsum(hits_UK, axis=1, dtype=np.int32)
    total_U = hits_UK * hits_so_far_UK @ (1 / np.arange(1, hits_UK.shape[1] + 1))
    return _judged(total_U / _possible(hits_UK, n_relevant_U), n_relevant_U)


def reciprocal_rank(hits_UK: Hits, n_relevant_U: Counts) -> Values:
    """How soon the first hit comes: 1 / its place, 0 without one. Its mean over users is MRR@k."""
    inverse_place_U = 1 / (hits_UK.argmax(axis=1) + 1)
    return _judged(np.where(hits_UK.any(axis=1), inverse_place_U, 0.0), n_relevant_U)


def hit_rate(hits_UK: Hits, n_relevant_U: Counts) -> Values:
    """Whether there is any hit: 1 or 0."""
    return _judged(np.asarray(hits_UK.any(axis=1), dtype=np.float64), n_relevant_U)


RANKING_METRICS: dict[str, Callable[[Hits, Counts], Values]] = {
    "ndcg": ndcg,
    "recall": recall,
    "capped_recall": capped_recall,
    "precision": precision,
    "map": average_precision,
    "mrr": reciprocal_rank,
    "hit_rate": hit_rate,
}
"""The metrics by the name they are reported under."""


def ndcg_by_length(hits_UK: Hits, n_relevant_U: Counts) -> Values:
    """NDCG of the first 1, 2, … K places of each list, shape (U, K); the last column is `ndcg`."""
    discount_K = 1 / np.log2(np.arange(hits_UK.shape[1]) + 2)
    dcg_UK = np.cumsum(hits_UK * discount_K, axis=1)
    possible_UK = np.minimum(_lengths(hits_UK), np.maximum(n_relevant_U, 1)[:, None])
    best_UK = np.cumsum(discount_K)[possible_UK - 1]
    return _judged(dcg_UK / best_UK, n_relevant_U[:, None])


def recall_by_length(hits_UK: Hits, n_relevant_U: Counts) -> Values:
    """Recall of the first 1, 2, … K places of each list, shape (U, K)."""
    hits_so_far_UK = np.cumsum(hits_UK, axis=1)
    n_relevant_U1 = n_relevant_U[:, None]
    return _judged(hits_so_far_UK / np.maximum(n_relevant_U1, 1), n_relevant_U1)


def _lengths(hits_UK: Hits) -> NDArray[np.int64]:
    return np.arange(1, hits_UK.shape[1] + 1)


def _possible(hits_UK: Hits, n_relevant_U: Counts) -> NDArray[np.int64]:
    # min(k, |R|), and 1 where nothing is held out, so that nothing is divided by zero
    return np.clip(n_relevant_U, 1, hits_UK.shape[1]).astype(np.int64)


def _judged(values_U: Values, n_relevant_U: Counts) -> Values:
    return np.where(n_relevant_U > 0, values_U, np.nan)
