"""EASE within the most similar items of each item, for catalogues whose pairs take too much memory.

Dimension key: U users, I items, K neighbours, P popular items, S an item and its neighbours, D the
popular ones among them, L penalties, N stored weights.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import LinAlgError
from scipy.linalg.lapack import dpotrf, dpotrs
from scipy.sparse import csc_array, csr_array

from collaborative_autoencoders.side_by_side import map_side_by_side
from collaborative_autoencoders.threads import blas_threads, map_in_threads

from .nearest import blocks_of, bytes_of_block, in_blocks, nearest_items

Floats = NDArray[np.float64]
Positions = NDArray[np.intp]

MOST_POPULAR = 8_192
"""Items of most likes whose Gram matrix is computed once, if memory allows: half a GiB. They have
most of the likes, and each is a neighbour of many items."""

BYTES_PER_PAIR = 8
"""A pair of popular items."""

BYTES_PER_WEIGHT = 4
"""A weight of a neighbour, in float32."""

BYTES_PER_NEIGHBOUR = 2 * (4 + 4) + 2 * BYTES_PER_WEIGHT
"""A neighbour of an item: its index and the place of its weight, by column and by row at once, and
its weight, twice while it is sorted."""

BYTES_PER_CELL = 2 * 8
"""A cell of the Gram matrix of an item and its neighbours, and of a sparse product in it."""

BYTES_PER_LIKE = 8 + 4 * (8 + 4)
"""A like as given, with its weights by user and by item, and both of the popular items."""


def gib_of_neighbours(items: int, neighbours: int, likes: int) -> float:
    """Return the memory of a fit over so many neighbours of each item, in GiB.

    The Gram matrix of popular items is not in it: that takes what is left.
    """
    size = min(neighbours, items - 1) + 1
    in_thread = 2 * size**2 * BYTES_PER_CELL + bytes_of_block(items)
    cells = items * size * BYTES_PER_NEIGHBOUR + blas_threads.number * in_thread
    return (cells + likes * BYTES_PER_LIKE) / 2**30


def gib_of_weights(items: int, neighbours: int) -> float:
    """Return the memory of one more fit, in GiB."""
    return items * (min(neighbours, items - 1) + 1) * BYTES_PER_WEIGHT / 2**30


def popular_within(gib: float) -> int:
    """Return how many popular items have a Gram matrix in this memory, within `MOST_POPULAR`."""
    return int(min(MOST_POPULAR, (max(0, gib) * 2**30 / BYTES_PER_PAIR) ** 0.5))


def local_weights(
    scaled_UI: csr_array,
    neighbours: int,
    penalties: Sequence[float],
    gammas: Callable[[Floats, float], Floats],
    popular: int = MOST_POPULAR,
    of_items: Positions | None = None,
) -> list[csr_array]:
    """Return I − P diag γ of EASE, shape (I, I), with P of j and its neighbours alone in column j.

    P_j = (Z_Sᵀ Z_S + λI)⁻¹ with the columns S of Z: item j and the `neighbours` items of largest
    cosine with it. `gammas` returns γ of items, given the diagonal of P and λ. With all items as
    neighbours it is EASE. There is a matrix for each of the penalties λ, with the same stored
    cells; all but the solutions is computed once. The number of `popular` items changes time and
    memory, not the result. The columns are those of `of_items`, in this order, shape (I, S);
    None means all. Blocks of them are solved for side by side.
    Raises LinAlgError if a matrix has no inverse.
    """
    items, columns_UI = scaled_UI.shape[1], scaled_UI.tocsc()
    of_items = np.arange(items) if of_items is None else of_items
    solved = Columns(
        Gram.of(scaled_UI, columns_UI, popular),
        scaled_UI,
        np.sqrt(np.maximum(columns_UI.power(2).sum(axis=0), 1e-30)),
        neighbours,
        penalties,
        gammas,
    )
    ends = np.zeros(len(of_items) + 1, dtype=np.int64)
    # one array for all columns: many small ones would be there twice when they are joined
    most = len(of_items) * (min(neighbours, items - 1) + 1)
    indices, weights_LN = np.empty(most, np.int32), np.empty((len(penalties), most), np.float32)
    blocks = map_side_by_side(solved.of, in_blocks(of_items))
    columns = (each for block in blocks for each in block)
    for place, (own_S, value_LS) in enumerate(columns):
        ends[place + 1] = ends[place] + len(own_S)
        column = slice(ends[place], ends[place + 1])
        indices[column], weights_LN[:, column] = own_S, value_LS
    del solved, blocks, columns  # the Gram matrix, before the weights are there twice
    return by_row(weights_LN[:, : ends[-1]], indices[: ends[-1]], ends, items)


def by_row(
    weights_LN: NDArray[np.float32],
    indices: NDArray[np.int32],
    ends: NDArray[np.int64],
    items: int,
) -> list[csr_array]:
    """Return the matrices with these weights by column, which have the same stored cells."""
    shape, place_N = (items, len(ends) - 1), np.arange(len(indices), dtype=np.int32)
    # SciPy copies all indices as int64 if the ends are
    places = csc_array((place_N, indices, ends.astype(np.int32)), shape=shape).tocsr()
    return [
        csr_array((weight_N[places.data], places.indices, places.indptr), shape=shape)
        for weight_N in weights_LN
    ]


class Columns(NamedTuple):
    """The columns of I − P diag γ, each of an item and its neighbours."""

    gram: "Gram"
    rows_UI: csr_array
    norm_I: Floats
    neighbours: int
    penalties: Sequence[float]
    gammas: Callable[[Floats, float], Floats]

    def of(self, items_B: Positions) -> list[tuple[NDArray[np.int32], NDArray[np.float32]]]:
        """Return, for each of these items, the items of its column, sorted, and their values.

        They have the shapes (S,) and (L, S).
        """
        nearest = nearest_items(
            self.gram.columns_UI,
            self.rows_UI,
            self.neighbours,
            lambda product_C, _, items_C: product_C / self.norm_I[items_C],
            items_B,
        )
        return [
            self._column(item, found.items_K)
            for item, found in zip(items_B.tolist(), nearest, strict=True)
        ]

    def _column(
        self, item: int, nearest_K: NDArray[np.int32]
    ) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        own_S = np.append(nearest_K, np.int32(item))
        own_S = own_S[np.argsort(self.gram.rank_I[own_S])]
        gram_SS, is_own_S = self.gram.above_diagonal(own_S), own_S == item
        value_LS = np.empty((len(self.penalties), len(own_S)), dtype=np.float32)
        for penalty, kept_S in zip(self.penalties, value_LS, strict=True):
            value_S = column_of_inverse(gram_SS, is_own_S, penalty)
            value_S *= -self.gammas(value_S[is_own_S], penalty)
            value_S[is_own_S] += 1
            kept_S[:] = value_S
        order = np.argsort(own_S)
        return own_S[order], value_LS[:, order]


class Gram(NamedTuple):
    """Zᵀ Z for some items at once: looked up for the popular ones, computed for the others."""

    columns_UI: csc_array
    rank_I: Positions
    """0 for the item with most likes."""
    popular_PP: Floats

    @classmethod
    def of(cls, scaled_UI: csr_array, columns_UI: csc_array, popular: int) -> "Gram":
        """Compute the Gram matrix of so many popular items."""
        order_I = np.argsort(-np.diff(columns_UI.indptr), kind="stable")
        rank_I, popular_P = np.empty_like(order_I), order_I[:popular]
        rank_I[order_I] = np.arange(len(order_I))
        rows_UP, columns_UP = scaled_UI[:, popular_P], columns_UI[:, popular_P]
        popular_PP = np.empty((len(popular_P),) * 2)

        def multiply(block: tuple[int, int]) -> None:
            rows = slice(*block)
            (columns_UP[:, rows].T @ rows_UP).toarray(out=popular_PP[rows])

        for _ in map_in_threads(multiply, blocks_of(columns_UP, rows_UP)):
            pass
        return cls(columns_UI, rank_I, popular_PP)

    def above_diagonal(self, items_S: NDArray[np.int32]) -> Floats:
        """Return the Gram matrix of these items, in the order of their ranks, above its diagonal.

        The diagonal is in it. What is below is not defined.
        """
        rank_S = self.rank_I[items_S]
        rank_D = rank_S[: np.searchsorted(rank_S, len(self.popular_PP))]
        gram_SS, others = np.empty((len(rank_S),) * 2), slice(len(rank_D), None)
        gram_SS[: len(rank_D), : len(rank_D)] = self.popular_PP[rank_D[:, None], rank_D]
        if len(rank_D) < len(rank_S):
            columns_US = self.columns_UI[:, items_S]
            gram_SS[:, others] = (columns_US.T @ columns_US[:, others].tocsr()).toarray()
        return gram_SS


def column_of_inverse(gram_SS: Floats, is_own_S: NDArray[np.bool_], penalty: float) -> Floats:
    """Return the column of an item in (G + λI)⁻¹. G is read above its diagonal.

    Raises LinAlgError if the matrix has no inverse.
    """
    penalised_SS = gram_SS.copy()
    penalised_SS[np.diag_indices_from(gram_SS)] += penalty
    # the transpose is in LAPACK's order, with what is known of G in its lower triangle
    factor_SS, failed = dpotrf(penalised_SS.T, lower=1, overwrite_a=1, clean=0)
    if failed:
        raise LinAlgError("a matrix of neighbours is not positive definite")
    column_S: Floats
    column_S, _ = dpotrs(factor_SS, is_own_S.astype(np.float64), lower=1, overwrite_b=1)
    return column_S
