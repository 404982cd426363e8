"""The inverse of a symmetric positive definite matrix, of any size.

Dimension key: N rows.
"""

from contextlib import AbstractContextManager, nullcontext
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import LinAlgError, cho_factor, cholesky, solve_triangular
from scipy.linalg.lapack import get_lapack_funcs

from collaborative_autoencoders.threads import blas_threads

Matrix = TypeVar("Matrix", NDArray[np.float32], NDArray[np.float64])

LARGEST = 8_192
"""Rows that LAPACK factors in one call. OpenBLAS on two threads writes outside its buffers from
some 15,000 rows on (seen with 0.3.30), which ends the process without a message:
https://github.com/OpenMathLib/OpenBLAS/issues/2562."""

ROWS_OF_ONE_THREAD = 2_048
"""Rows up to which LAPACK has one thread. Where other programs use the cores, several wait for each
other: for 1,200 rows two threads took 2 seconds, and one .07."""

ROWS_AT_ONCE = 512
"""Rows of a block that is transposed."""


def threads_for(rows: int) -> AbstractContextManager[None]:
    """Return a block in which LAPACK has the threads for a matrix of so many rows."""
    return blas_threads(1) if rows <= ROWS_OF_ONE_THREAD else nullcontext()


def inverse_of(matrix_NN: Matrix) -> Matrix:
    """Return the inverse of a symmetric positive definite matrix, which is overwritten.

    It has the matrix's type. The upper triangle is read. Raises LinAlgError if the matrix is not
    positive definite.
    """
    in_lapack_order_NN = matrix_NN.T
    lapack: Any = get_lapack_funcs(("potrf", "potri"), (in_lapack_order_NN,))
    potrf, potri = lapack
    with threads_for(len(matrix_NN)):
        if len(matrix_NN) > LARGEST:
            factor_NN = factor_by_blocks(in_lapack_order_NN, LARGEST)
        else:
            factor_NN, failed = potrf(in_lapack_order_NN, lower=1, overwrite_a=1, clean=0)
            if failed:
                raise LinAlgError("the matrix is not positive definite")
        # half the work of solving for the identity, and no second matrix
        inverse_NN: Matrix = potri(factor_NN, lower=1, overwrite_c=1)[0].T
    copy_above_below(inverse_NN)
    return inverse_NN


def copy_above_below(matrix_NN: Matrix) -> None:
    """Make a matrix symmetric, by what is above its diagonal. It is changed."""
    for start in range(0, len(matrix_NN), ROWS_AT_ONCE):
        this, below = slice(start, start + ROWS_AT_ONCE), slice(start + ROWS_AT_ONCE, None)
        matrix_NN[below, this] = matrix_NN[this, below].T
        above = np.triu(matrix_NN[this, this])
        matrix_NN[this, this] = above + np.triu(above, 1).T


def factor_of(matrix_NN: NDArray[np.float64]) -> tuple[NDArray[np.float64], bool]:
    """Return the Cholesky factor as `cho_solve` takes it. The upper triangle is read.

    The matrix is overwritten. Raises LinAlgError if it is not positive definite.
    """
    if len(matrix_NN) <= LARGEST:
        factor: tuple[NDArray[np.float64], bool] = cho_factor(
            matrix_NN, overwrite_a=True, check_finite=False
        )
        return factor
    return factor_by_blocks(matrix_NN.T, LARGEST), True  # the same matrix, in LAPACK's order


def factor_by_blocks(matrix_NN: Matrix, rows: int) -> Matrix:
    """Return the matrix with its Cholesky factor in the lower triangle, so many columns at once.

    With L the finished columns, for the columns J of a block and the rows R below them:

        A[J ∪ R, J] −= L[J ∪ R] L[J]ᵀ,   A[J, J] = cholesky(A[J, J]),   A[R, J] = A[R, J] A[J, J]⁻ᵀ
    """
    for start in range(0, len(matrix_NN), rows):
        done, this = slice(start), slice(start, start + rows)
        below = slice(start + rows, None)
        matrix_NN[start:, this] -= matrix_NN[start:, done] @ matrix_NN[this, done].T
        triangle = cholesky(matrix_NN[this, this], lower=True, check_finite=False)
        matrix_NN[this, this] = triangle
        matrix_NN[below, this] = solve_triangular(
            triangle, matrix_NN[below, this].T, lower=True, check_finite=False
        ).T
    return matrix_NN
