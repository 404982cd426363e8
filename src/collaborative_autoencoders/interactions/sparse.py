"""Sparse matrices of users × items: construction, joining and selection.

Dimension key: U users, I items, B users of one batch, N stored cells, n numbers that are counted.
A cell is observed if the sparse structure stores it, even if its value is 0.
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray
from scipy.sparse import csr_array

INT32_MAX = np.iinfo(np.int32).max

COUNTED_AT_ONCE = 2**22
"""Indices that are counted at once: 32 MB."""


def to_matrix(
    user_index: NDArray[np.integer],
    item_index: NDArray[np.integer],
    values: ArrayLike,
    shape: tuple[int, int],
    dtype: DTypeLike = np.float32,
) -> csr_array:
    """Return a CSR matrix with `values` at (user_index, item_index). Explicit zeros are kept.

    `values` is one number per row or one number for all rows. Rows may come in any order; sorted
    by user and item is fastest. Raises ValueError if a pair of user and item is duplicated.
    """
    values_N = np.broadcast_to(np.asarray(values, dtype=dtype), user_index.shape)
    cell_N = user_index.astype(np.int64)
    cell_N *= shape[1]
    cell_N += item_index
    if (cell_N[1:] > cell_N[:-1]).all():
        return _of_sorted(user_index, item_index, values_N.copy(), shape)
    # stable: timsort merges the sorted rows of the core and of the others in an eighth of the time
    order = np.argsort(cell_N, kind="stable")
    cell_N = cell_N[order]
    if (cell_N[1:] == cell_N[:-1]).any():
        raise ValueError("duplicate pair of user and item: clean the ratings first")
    del cell_N
    return _of_sorted(user_index[order], item_index[order], values_N[order], shape)


def _of_sorted(
    row_N: NDArray[np.integer],
    column_N: NDArray[np.integer],
    values_N: NDArray[Any],
    shape: tuple[int, int],
) -> csr_array:
    """Return a CSR matrix of distinct cells that are sorted by row and column."""
    index_dtype = np.int32 if max(len(row_N), *shape) <= INT32_MAX else np.int64
    start_R = np.zeros(shape[0] + 1, dtype=index_dtype)
    np.cumsum(np.bincount(row_N, minlength=shape[0]), out=start_R[1:])
    return csr_array((values_N, column_N.astype(index_dtype), start_R), shape=shape)


def likes_of(ratings_UI: csr_array, like_threshold: float) -> csr_array:
    """Return a one for every rating ≥ `like_threshold`; other ratings are not stored."""
    return where(ratings_UI, ratings_UI.data >= np.float32(like_threshold))


def where(matrix_UI: csr_array, keep_N: NDArray[np.bool_]) -> csr_array:
    """Return a one for every stored cell that `keep_N` marks."""
    kept_before_N = np.zeros(len(keep_N) + 1, dtype=matrix_UI.indptr.dtype)
    np.cumsum(keep_N, out=kept_before_N[1:])
    indptr_U = kept_before_N[matrix_UI.indptr]
    indices_N = matrix_UI.indices[np.flatnonzero(keep_N)]
    ones_N = np.ones(len(indices_N), dtype=np.float32)
    return csr_array((ones_N, indices_N, indptr_U), shape=matrix_UI.shape)


def ones_in(matrix_UI: csr_array) -> csr_array:
    """Return a one in every stored cell; the structure is shared, not copied."""
    ones_N = np.ones(matrix_UI.nnz, dtype=np.float32)
    return csr_array((ones_N, matrix_UI.indices, matrix_UI.indptr), shape=matrix_UI.shape)


def one_of_each(items_B: NDArray[np.integer], n_items: int) -> csr_array:
    """Return a one for each item in a row of its own, shape (B, I): histories of one item."""
    ones_B, start_B = np.ones(len(items_B), dtype=np.float32), np.arange(len(items_B) + 1)
    return csr_array((ones_B, items_B, start_B), shape=(len(items_B), n_items))


def count_each(index_N: NDArray[np.integer], n: int) -> NDArray[np.int64]:
    """Return how often each of 0, 1, …, n − 1 is among the indices, shape (n,).

    As `np.bincount`, which copies all indices as int64: here it is a block of them at a time.
    """
    count_n = np.zeros(n, dtype=np.int64)
    for start in range(0, len(index_N), COUNTED_AT_ONCE):
        count_n += np.bincount(index_N[start : start + COUNTED_AT_ONCE], minlength=n)
    return count_n


def user_of_cells(matrix_UI: csr_array) -> NDArray[np.int64]:
    """Return the row of every stored cell, shape (N,)."""
    return np.repeat(np.arange(matrix_UI.shape[0]), np.diff(matrix_UI.indptr))


def cells_of(matrix_UI: csr_array) -> NDArray[np.int64]:
    """Return user · I + item of every stored cell, shape (N,). Ascending if columns are sorted."""
    return user_of_cells(matrix_UI) * matrix_UI.shape[1] + matrix_UI.indices


def join(first_UI: csr_array, second_UI: csr_array) -> csr_array:
    """Return the union of two matrices. Explicit zeros are kept.

    Raises ValueError if they share a cell or differ in shape.
    """
    if first_UI.shape != second_UI.shape:
        raise ValueError(
            f"the parts differ in shape, {first_UI.shape} and {second_UI.shape}: the files are "
            "stale. Create them again with `kedro run --pipelines data_engineering`."
        )
    union_UI = _union(first_UI, second_UI)
    if union_UI.nnz < first_UI.nnz + second_UI.nnz:
        raise ValueError("duplicate pair of user and item: clean the ratings first")
    return union_UI


def _union(first_UI: csr_array, second_UI: csr_array) -> csr_array:
    """Return the union of two matrices of one shape. Shared cells take the second value.

    Each has a cell at most once.
    """
    # not scipy's `+`, which drops explicit zeros: a rating of 0 is observed. The cells are numbered
    # from 1, so the greater number of each is that of the second, in order and in one pass
    n, n_first = first_UI.nnz + second_UI.nnz, first_UI.nnz
    number_N = np.arange(1, n + 1, dtype=np.int32 if n <= INT32_MAX else np.int64)
    first: Any = (number_N[:n_first], first_UI.indices, first_UI.indptr)
    second: Any = (number_N[n_first:], second_UI.indices, second_UI.indptr)
    union_UI = csr_array(first, first_UI.shape).maximum(csr_array(second, first_UI.shape))
    union_UI.sort_indices()  # nothing to do if both are sorted
    union_UI.data -= 1
    values_N = np.concatenate([first_UI.data, second_UI.data])[union_UI.data]
    return csr_array((values_N, union_UI.indices, union_UI.indptr), shape=first_UI.shape)


def join_known(first_UI: csr_array | None, second_UI: csr_array | None) -> csr_array | None:
    """Return the union of two matrices, or None if one of them is not known."""
    return None if first_UI is None or second_UI is None else join(first_UI, second_UI)


def update(older_UI: csr_array, *, newer_UI: csr_array) -> csr_array:
    """Return the union of two matrices. Shared cells take the newer value. Zeros are kept."""
    if newer_UI.nnz == 0:
        return older_UI
    if older_UI.nnz == 0 and older_UI.dtype == newer_UI.dtype:
        return newer_UI
    return _union(older_UI, newer_UI)


def last_of_each(
    row_N: NDArray[np.integer],
    column_N: NDArray[np.integer],
    values_N: NDArray[np.floating],
    shape: tuple[int, int],
) -> csr_array:
    """Return a CSR matrix as `to_matrix` does, but keep the last value of a duplicate pair."""
    if not len(row_N):
        return _of_sorted(row_N, column_N, values_N.astype(np.float32), shape)
    cell_N = row_N.astype(np.int64) * shape[1] + column_N
    cells, position_from_end = np.unique(cell_N[::-1], return_index=True)
    rows, columns = np.divmod(cells, shape[1])
    last_N = values_N[::-1][position_from_end].astype(np.float32, copy=False)
    return _of_sorted(rows, columns, last_N, shape)


def with_shape(matrix_UI: csr_array, shape: tuple[int, int]) -> csr_array:
    """Return the matrix with rows and columns added at the end; cells are shared, not copied."""
    if matrix_UI.shape == shape:
        return matrix_UI
    indptr_U = np.pad(matrix_UI.indptr, (0, shape[0] - matrix_UI.shape[0]), mode="edge")
    return csr_array((matrix_UI.data, matrix_UI.indices, indptr_U), shape=shape)


def first_cells(matrix_UI: csr_array, shape: tuple[int, int]) -> csr_array:
    """Return the first rows and columns of a matrix. Explicit zeros are kept."""
    if matrix_UI.shape == shape:
        return matrix_UI
    return matrix_UI[: shape[0], : shape[1]]


def take_cells(matrix_UI: csr_array, keep_N: NDArray[np.bool_]) -> csr_array:
    """Return the stored cells that `keep_N` marks, with their values; same shape."""
    kept_UI = where(matrix_UI, keep_N)
    kept_UI.data = matrix_UI.data[keep_N]
    return kept_UI


def rows_of(matrix_UI: csr_array, users_B: NDArray[np.integer]) -> csr_array:
    """Return these users' rows, shape (B, I). The row is empty where a user is −1."""
    # scipy's indexing by rows gives the same matrix and takes three times as long for a few rows
    if len(users_B) == 1 and users_B[0] >= 0:  # one known user of a server
        own = slice(*matrix_UI.indptr[users_B[0] : users_B[0] + 2])
        ends = np.array([0, own.stop - own.start], dtype=matrix_UI.indptr.dtype)
        cells = matrix_UI.data[own].copy(), matrix_UI.indices[own].copy(), ends
        return csr_array(cells, (1, matrix_UI.shape[1]))
    start_B, is_known_B = matrix_UI.indptr[users_B], users_B >= 0
    count_B = np.where(is_known_B, matrix_UI.indptr[users_B + is_known_B] - start_B, 0)
    indptr_B = np.zeros(len(users_B) + 1, dtype=matrix_UI.indptr.dtype)
    np.cumsum(count_B, out=indptr_B[1:])
    position_N = np.repeat(start_B - indptr_B[:-1], count_B) + np.arange(indptr_B[-1])
    shape = (len(users_B), matrix_UI.shape[1])
    return csr_array((matrix_UI.data[position_N], matrix_UI.indices[position_N], indptr_B), shape)
