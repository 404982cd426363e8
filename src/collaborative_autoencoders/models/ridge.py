"""P = (ZᵀZ + λI)⁻¹ of a sparse matrix Z, in float32 where a measurement finds that harmless.

In float32 the inverse takes half the time. What it costs is measured on a sample of the columns of
P: with the residual R = E − (ZᵀZ + λI) P E of unit vectors E in float64, the error of P E is P R,
but for a share of it as small as the error itself.

Dimension key: U users, I items, S sampled items, N rows of the matrix that is inverted.
"""

import logging
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import LinAlgError
from scipy.sparse import csr_array

from .inverse import inverse_of

logger = logging.getLogger(__name__)

Matrix = NDArray[np.float32] | NDArray[np.float64]
Times = Callable[[NDArray[np.float64]], NDArray[np.float64]]
"""Multiplies vectors by P."""

SMALLEST = 1e-10
"""Least penalty, as a share of the mean of the Gram matrix's diagonal: float64 has 16 digits."""

FEW = 1_024
"""Rows up to which float64 takes no time worth saving."""

HARMLESS = 1e-4
"""Largest error of a weight −P_ij / P_jj, as a share of the largest weight. With the penalties of
conf/base it is 3e-6 for the 3,125 items of MovieLens 1M and 1e-5 for 20,824 fabricated ones, and no
list of ten items changes (benchmarks/ease_inverse.py)."""

SAMPLED = 16
"""Columns of P on which the error is measured."""

ROWS_AT_ONCE = 512
"""Rows of a matrix in float32 that are multiplied in float64."""


def over_items(scaled_UI: csr_array, penalty: float) -> Matrix:
    """Return P, shape (I, I). Raises LinAlgError if the penalty is too small to invert."""

    def invert(dtype: type) -> Matrix:
        return inverse_with(dense(scaled_UI.T @ scaled_UI, dtype), penalty)

    def times(inverse_II: Matrix) -> Times:
        return lambda vectors_IS: in_float64(inverse_II, vectors_IS)

    return as_precise_as_needed(invert, times, scaled_UI, penalty, scaled_UI.shape[1])


def over_users(scaled_UI: csr_array, penalty: float) -> Matrix:
    """Return K = (ZZᵀ + λI)⁻¹, shape (U, U), with which P = (I − ZᵀKZ) / λ.

    With λ below 1, scores in float32 of a user's own history, x − x Zᵀ K Z, are the difference of
    nearly equal numbers, whatever type K has. Raises LinAlgError if the penalty is too small to
    invert.
    """

    def invert(dtype: type) -> Matrix:
        return inverse_with(dense(scaled_UI @ scaled_UI.T, dtype), penalty)

    def times(kernel_UU: Matrix) -> Times:
        def of_users(vectors_IS: NDArray[np.float64]) -> NDArray[np.float64]:
            explained_IS = scaled_UI.T @ in_float64(kernel_UU, scaled_UI @ vectors_IS)
            return np.asarray((vectors_IS - explained_IS) / penalty)

        return of_users

    return as_precise_as_needed(invert, times, scaled_UI, penalty, scaled_UI.shape[0])


def as_precise_as_needed(
    invert: Callable[[type], Matrix],
    times: Callable[[Matrix], Times],
    scaled_UI: csr_array,
    penalty: float,
    size: int,
) -> Matrix:
    """Return the inverse of `invert`, in float32 if it is large and no weight is harmed."""
    if size > FEW:
        try:
            inverse_NN = invert(np.float32)
        except LinAlgError:
            logger.info("inverse in float64: there is none in float32")
        else:
            error = error_of_weights(times(inverse_NN), scaled_UI, penalty)
            if error <= HARMLESS:
                logger.info("inverse in float32: weights have an error of %.1g", error)
                return inverse_NN
            logger.info("inverse in float64: weights from float32 have an error of %.1g", error)
            del inverse_NN  # room for the other
    return invert(np.float64)


def dense(gram_NN: Any, dtype: type) -> Matrix:
    """Return a sparse matrix, which is overwritten, as a dense one of this type.

    It was summed in float64. Sums in float32 would have most of the error of the inverse.
    """
    gram_NN.data = gram_NN.data.astype(dtype, copy=False)
    dense_NN: Matrix = gram_NN.toarray()
    return dense_NN


def inverse_with(gram_NN: Any, penalty: float) -> Matrix:
    """Return (G + λI)⁻¹. G is overwritten. Raises LinAlgError if the penalty is too small."""
    diagonal = np.diag_indices_from(gram_NN)
    if penalty < SMALLEST * gram_NN[diagonal].mean():
        raise LinAlgError("the penalty is too small")
    gram_NN[diagonal] += penalty
    inverse_NN: Matrix = inverse_of(gram_NN)
    return inverse_NN


def error_of_weights(times: Times, scaled_UI: csr_array, penalty: float) -> float:
    """Return the largest error of a weight −P_ij / P_jj, as a share of the largest weight.

    Of the items of most and of least likes, and of others between them. The error of P_jj is
    relative, as that of the weight from an item to itself is at most. It is inf if these items have
    no weights to compare it with.
    """
    order_I = np.argsort(-np.bincount(scaled_UI.indices, minlength=scaled_UI.shape[1]))
    items_S = order_I[np.linspace(0, len(order_I) - 1, SAMPLED).astype(int)]
    own = items_S, np.arange(SAMPLED)
    unit_IS = np.zeros((len(order_I), SAMPLED))
    unit_IS[own] = 1
    column_IS = times(unit_IS)
    residual_IS = unit_IS - scaled_UI.T @ (scaled_UI @ column_IS) - penalty * column_IS
    weight_IS, relative_IS = column_IS / column_IS[own], times(residual_IS) / column_IS[own]
    error_IS = relative_IS - weight_IS * relative_IS[own]
    error_IS[own], weight_IS[own] = relative_IS[own], 0
    largest = np.abs(weight_IS).max()
    return float(np.abs(error_IS).max() / largest) if largest else np.inf


def in_float64(matrix_NN: Matrix, vectors_NS: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the product in float64, without a copy of the matrix."""
    starts = range(0, len(matrix_NN), ROWS_AT_ONCE)
    blocks = (matrix_NN[start : start + ROWS_AT_ONCE] for start in starts)
    return np.concatenate([block.astype(np.float64) @ vectors_NS for block in blocks])
