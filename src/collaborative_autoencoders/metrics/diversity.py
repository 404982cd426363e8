"""How different the items of a list are, by the users who like them.

The similarity of two items is the cosine of their columns of likes,

    cos(i, j) = (users who like both) / √(users who like i · users who like j),

from 0, where no user likes both, to 1, where the same users like them. Their distance is
1 − cos(i, j). No matrix of all pairs of items is made.

Dimension key: U users with a list, V users whose likes are known, I items, K places of a list, M
items that are compared, B lists of a block, L items of these lists, N likes of these items.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

CELLS_AT_ONCE = 2**18
"""Most cells of a block of more than one list, by users: 2 MB, which caches hold."""


def unit_likes(likes_VI: csr_array) -> csr_array:
    """Return the likes of each item as a vector of length 1, shape (I, V).

    An item without likes has the vector 0, and is similar to no item.
    """
    unit_IV = likes_VI.T.tocsr()
    likes_I = np.diff(unit_IV.indptr)
    unit_IV.data = np.repeat(1 / np.sqrt(np.maximum(likes_I, 1)), likes_I).astype(np.float32)
    return unit_IV


def similarities(unit_IV: csr_array, item_M: NDArray[np.integer]) -> NDArray[np.float32]:
    """Return the similarity of each pair of these items, shape (M, M)."""
    unit_MV = unit_IV[item_M]
    return np.asarray((unit_MV @ unit_MV.T).toarray())


def intra_list_diversity(item_UK: NDArray[np.integer], unit_IV: csr_array) -> NDArray[np.float64]:
    """Return the mean distance of the pairs of items of each list, shape (U,), from 0 to 1.

    1 − (|Σ v_i|² − Σ |v_i|²) / (K (K − 1)) over the items of the list, v_i being rows of `unit_IV`,
    which is the mean over pairs without computing them. −1 in `item_UK` is padding. NaN for a list
    of fewer than two items.
    Source: Ziegler et al. 2005, Improving Recommendation Lists Through Topic Diversification, with
    the mean for the sum; the similarity is theirs for items without features.
    """
    length_U = (item_UK >= 0).sum(axis=1)
    alike_U, n_users = np.empty(len(item_UK)), unit_IV.shape[1]
    block = max(1, CELLS_AT_ONCE // max(1, n_users))
    for start in range(0, len(item_UK), block):
        item_BK = item_UK[start : start + block]
        list_L, place_L = np.nonzero(item_BK >= 0)
        unit_LV = unit_IV[item_BK[list_L, place_L]]
        likes_L, n_lists = np.diff(unit_LV.indptr), len(item_BK)
        cell_N = np.repeat(list_L * n_users, likes_L) + unit_LV.indices
        # added up in dense rows: a product of sparse matrices takes four times as long
        sum_BV = np.bincount(cell_N, unit_LV.data, n_lists * n_users).reshape(n_lists, n_users)
        with_likes_B = np.bincount(list_L, likes_L > 0, n_lists)  # Σ |v_i|²
        squares_B = np.einsum("bv,bv->b", sum_BV, sum_BV)  # |Σ v_i|²
        alike_U[start : start + block] = squares_B - with_likes_B
    pairs_U = length_U * (length_U - 1)
    mean_U = alike_U / np.maximum(pairs_U, 1)
    return np.where(pairs_U > 0, np.clip(1 - mean_U, 0, 1), np.nan)  # rounding leaves the range
