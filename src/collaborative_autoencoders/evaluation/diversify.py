"""Diversified lists: candidates in the order of their maximal marginal relevance (MMR).

A list begins with the best candidate. Each further place goes to the candidate with the largest

    (1 − λ) · relevance − λ · (similarity to the most similar item above it),

so that λ = 0 keeps the order of the model, and λ = 1 looks at the similarity alone. The similarity
is the cosine of likes (`metrics/diversity.py`). The relevance of the candidate that the model has
in place r is 1 / log2(r + 1), the worth of this place in NDCG. It is from 0 to 1 as the similarity
is, and depends on the order of the candidates alone, so λ has the same meaning for every model,
whatever the unit of its scores.

Departs from the paper: λ is the weight of diversity, 1 − λ there.
Source: Carbonell and Goldstein, SIGIR 1998, The Use of MMR.

Dimension key: M candidates of a list, K places of a list, B lists of one batch, I items, V users
whose likes are known.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

FEWEST, PER_PLACE, MOST = 100, 5, 500
"""Candidates: five for each place of a list, at least 100 and at most 500.

At least 100, so that lists of up to 20 places have the same candidates, and a short list is the
beginning of a longer one. At most 500, which bounds the time of a list."""


def n_candidates(k: int) -> int:
    """Return how many of the best items a diversified list of `k` places is made of."""
    return max(k, min(MOST, max(FEWEST, PER_PLACE * k)))


def diversified(
    item_BM: NDArray[np.int32],
    score_BM: NDArray[np.float32],
    unit_IV: csr_array,
    k: int,
    diversify: float,
    before_list: Callable[[], None] = lambda: None,
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Return the first `k` items of each list by MMR, and their scores, both shape (B, K).

    `item_BM` are the candidates, best first, and −1 is padding. Of more than 500, the first 500 are
    put in order and the others keep their places. `before_list` is called before every list, and
    may end the work by raising an error. `diversify` is λ.
    """
    item_BK, score_BK = item_BM[:, :k].copy(), score_BM[:, :k].copy()
    for row, item_M in enumerate(item_BM[:, :MOST]):
        before_list()
        unit_MV = unit_IV[item_M[item_M >= 0]]
        place_K = order_by_mmr(unit_MV, min(k, unit_MV.shape[0]), diversify)
        item_BK[row, : len(place_K)] = item_M[place_K]
        score_BK[row, : len(place_K)] = score_BM[row, place_K]
    return item_BK, score_BK


def order_by_mmr(unit_MV: csr_array, k: int, diversify: float) -> NDArray[np.intp]:
    """Return the places of `k` candidates, from 0, in the order of their MMR, shape (K,).

    The rows of `unit_MV` are the candidates, best first, as `unit_likes` returns them. Of equal
    candidates, the one that the model has first comes first.
    """
    candidates = unit_MV.shape[0]
    worth_M = (1 - diversify) / np.log2(np.arange(candidates) + 2)
    most_alike_M = np.zeros(candidates)
    place_K = np.empty(k, dtype=np.intp)
    for rank in range(k):
        place_K[rank] = place = np.argmax(worth_M - diversify * most_alike_M)
        worth_M[place] = -np.inf
        # by one column of similarities at a time: a list needs few of the pairs of its candidates
        similar_M = unit_MV @ unit_MV[[place]].toarray()[0]
        most_alike_M = np.maximum(most_alike_M, similar_M)
    return place_K
