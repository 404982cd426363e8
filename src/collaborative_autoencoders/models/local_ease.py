"""EASE within the most similar items of each item, for catalogues whose pairs take too much memory.

Dimension key: U users, I items, K neighbours, B items of a block, S an item and its neighbours.
"""

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve
from scipy.sparse import csc_array, csr_array

Floats = NDArray[np.float64]

CELLS_AT_ONCE = 2**22
"""Maximum cells of a block of cosines."""

BYTES_PER_NEIGHBOUR = 2 * (4 + 4)
"""A weight in float32 and its item in int32, by column and by row at once."""

BYTES_PER_CELL = 8 + 4 + 8
"""A cell of a block of cosines, or of the Gram matrix of an item and its neighbours: the sparse
product, at worst with every cell, and the dense array."""

BYTES_PER_LIKE = 8 + 3 * (8 + 4)
"""A like as given, with its weights by user and by item, and squared."""


def gib_of_neighbours(items: int, neighbours: int, likes: int) -> float:
    """Return the memory of a fit over so many neighbours of each item, in GiB."""
    size = min(neighbours, items - 1) + 1
    cells = items_of_block(items) * items + size**2
    used = items * size * BYTES_PER_NEIGHBOUR + cells * BYTES_PER_CELL + likes * BYTES_PER_LIKE
    return used / 2**30


def items_of_block(items: int) -> int:
    """Return how many items have their cosines with all items computed at once."""
    return min(items, max(1, CELLS_AT_ONCE // items))


def local_weights(
    scaled_UI: csr_array, neighbours: int, penalty: float, gammas: Callable[[Floats], Floats]
) -> csr_array:
    """Return I − P diag γ of EASE, shape (I, I), with P of j and its neighbours alone in column j.

    P_j = (Z_Sᵀ Z_S + λI)⁻¹ with the columns S of Z: item j and the `neighbours` items of largest
    cosine with it. `gammas` returns γ of items, given the diagonal of P. With all items as
    neighbours it is EASE.
    """
    items = scaled_UI.shape[1]
    columns_UI = scaled_UI.tocsc()
    ends = np.zeros(items + 1, dtype=np.int64)
    # one array for all columns: many small ones would be there twice when they are joined
    most = items * (min(neighbours, items - 1) + 1)
    indices, data = np.empty(most, dtype=np.int32), np.empty(most, dtype=np.float32)
    for item, nearest_K in enumerate(nearest(scaled_UI, columns_UI, neighbours)):
        own_S = np.concatenate([[item], nearest_K])
        value_S = column_of_inverse(columns_UI[:, own_S], penalty)
        value_S *= -gammas(value_S[:1])
        value_S[0] += 1
        order = np.argsort(own_S)
        ends[item + 1] = ends[item] + len(own_S)
        column = slice(ends[item], ends[item + 1])
        indices[column], data[column] = own_S[order], value_S[order]
    used = slice(ends[-1])
    return csc_array((data[used], indices[used], ends), shape=(items, items)).tocsr()


def nearest(
    scaled_UI: csr_array, columns_UI: csc_array, neighbours: int
) -> Iterator[NDArray[np.int64]]:
    """Yield the items of largest positive cosine with each item, without the item itself.

    Both matrices are the same, by row and by column.
    """
    items = columns_UI.shape[1]
    norm_I = np.sqrt(np.maximum(columns_UI.power(2).sum(axis=0), 1e-30))
    block, k = items_of_block(items), min(neighbours, items - 1)
    for start in range(0, items, block):
        items_B = np.arange(start, min(start + block, items))
        cosine_BI = (columns_UI[:, items_B].T @ scaled_UI).toarray()
        cosine_BI /= norm_I
        cosine_BI[np.arange(len(items_B)), items_B] = 0
        for cosine_I in cosine_BI:
            best_K = np.argpartition(-cosine_I, k - 1)[:k] if k else np.arange(0)
            yield best_K[cosine_I[best_K] > 0]


def column_of_inverse(columns_US: csc_array, penalty: float) -> Floats:
    """Return the first column of (Z_Sᵀ Z_S + λI)⁻¹. Raises LinAlgError if it has no inverse."""
    gram_SS = (columns_US.T @ columns_US).toarray().astype(np.float64, copy=False)
    gram_SS[np.diag_indices_from(gram_SS)] += penalty
    first_S = np.zeros(len(gram_SS))
    first_S[0] = 1
    factor = cho_factor(gram_SS, overwrite_a=True, check_finite=False)
    solved: Floats = cho_solve(factor, first_S, overwrite_b=True, check_finite=False)
    return solved
