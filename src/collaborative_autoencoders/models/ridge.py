"""P = (ZᵀZ + λI)⁻¹ of a sparse matrix Z, in float32 where that is shown to be harmless.

In float32 it takes half the time or less. What it costs is measured on some columns of P in
float64: with the residual R = E − (ZᵀZ + λI) P E of unit vectors E, the error of P E is P R, but
for a share of it as small as the error itself.

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

HARMLESS = 1e-5
"""Largest error of a weight −P_ij / P_jj, as a share of the largest weight. No list of ten items of
6,038 users of MovieLens 1M changes at 2e-6, the error with the penalties of conf/base."""

SAMPLED = 16
"""Columns of P on which the error is measured."""

ROWS_AT_ONCE = 512
"""Rows of a matrix in float32 that are multiplied in float64."""


def over_items(scaled_UI: csr_array, penalty: float) -> Matrix:
    """Return P, shape (I, I). Raises LinAlgError if the penalty is too small to invert."""

    def invert(dtype: type) -> Matrix:
        same_UI = scaled_UI.astype(dtype, copy=False)
        return inverse_with((same_UI.T @ same_UI).toarray(), penalty)

    def times(inverse_II: Matrix) -> Times:
        return lambda vectors_IS: in_float64(inverse_II, vectors_IS)

    return as_precise_as_needed(invert, times, scaled_UI, penalty, scaled_UI.shape[1])


def over_users(scaled_UI: csr_array, penalty: float) -> Matrix:
    """Return K = (ZZᵀ + λI)⁻¹, shape (U, U), with which P = (I − ZᵀKZ) / λ.

    Raises LinAlgError if the penalty is too small to invert.
    """

    def invert(dtype: type) -> Matrix:
        same_UI = scaled_UI.astype(dtype, copy=False)
        return inverse_with((same_UI @ same_UI.T).toarray(), penalty)

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
            logger.info("inverse in float64: not to be had in float32")
        else:
            error = error_of_weights(times(inverse_NN), scaled_UI, penalty)
            kept = "float32" if error <= HARMLESS else "float64"
            logger.info("inverse in %s: in float32, weights have an error of %.1g", kept, error)
            if kept == "float32":
                return inverse_NN
            del inverse_NN  # room for the other
    return invert(np.float64)


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

    Of the items of most and of least likes, and of others between them.
    """
    order_I = np.argsort(-np.bincount(scaled_UI.indices, minlength=scaled_UI.shape[1]))
    items_S = order_I[np.linspace(0, len(order_I) - 1, SAMPLED).astype(int)]
    own = items_S, np.arange(SAMPLED)
    unit_IS = np.zeros((len(order_I), SAMPLED))
    unit_IS[own] = 1
    column_IS = times(unit_IS)
    residual_IS = unit_IS - scaled_UI.T @ (scaled_UI @ column_IS) - penalty * column_IS
    error_IS, diagonal_S = np.abs(times(residual_IS)), column_IS[own]
    weight_IS = np.abs(column_IS / diagonal_S)
    error_IS = (error_IS + weight_IS * error_IS[own]) / np.abs(diagonal_S)
    weight_IS[own] = error_IS[own] = 0
    largest = weight_IS.max()
    return float(error_IS.max() / largest) if largest else 0.0


def in_float64(matrix_NN: Matrix, vectors_NS: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the product in float64, without a copy of the matrix."""
    starts = range(0, len(matrix_NN), ROWS_AT_ONCE)
    blocks = (matrix_NN[start : start + ROWS_AT_ONCE] for start in starts)
    return np.concatenate([block.astype(np.float64) @ vectors_NS for block in blocks])
