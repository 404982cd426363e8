"""Ratings as sparse matrices, and a matrix as bytes.

Dimension key: U users, I items. *Observed* is what the sparse structure holds, never `!= 0`.
"""

import hashlib
import io
import zipfile
import zlib
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_array, get_index_dtype, load_npz, save_npz

ARRAYS = frozenset({"format", "shape", "indptr", "indices", "data"})
BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, MemoryError, KeyError)


class Interactions(NamedTuple):
    """One part of the split in two views, each users x items, float32, indices sorted.

    Without ratings both views are the same ones.
    """

    ratings: csr_array
    """Every rating of the part, a rating of 0 too."""

    likes: csr_array
    """A one for every rating that is a like."""


def to_matrix(
    user_index: NDArray[np.integer],
    item_index: NDArray[np.integer],
    values: ArrayLike,
    shape: tuple[int, int],
) -> csr_array:
    """The matrix with `values` at (user_index, item_index), float32, explicit zeros kept.

    `values` is one number per row or one number for all. Rows may come in any order; quickest is
    by user and item. Raises ValueError if a pair comes twice.
    """
    values_N = np.broadcast_to(np.asarray(values, dtype=np.float32), user_index.shape)
    cell_N = user_index.astype(np.int64) * shape[1] + item_index
    if not (cell_N[1:] > cell_N[:-1]).all():
        order = np.argsort(cell_N)
        if (cell_N[order][1:] == cell_N[order][:-1]).any():
            raise ValueError("a pair of user and item comes twice: clean the ratings first")
        user_index, item_index, values_N = user_index[order], item_index[order], values_N[order]
    whole = get_index_dtype(maxval=max(len(cell_N), *shape))  # int32 unless that is too small
    indptr_U = np.zeros(shape[0] + 1, dtype=whole)
    np.cumsum(np.bincount(user_index, minlength=shape[0]), out=indptr_U[1:])
    return csr_array((values_N.copy(), item_index.astype(whole), indptr_U), shape=shape)


def to_interactions(
    user_index: NDArray[np.integer],
    item_index: NDArray[np.integer],
    ratings: NDArray[np.floating] | None,
    like_threshold: float,
    shape: tuple[int, int],
) -> Interactions:
    """Both views of the rows; without ratings every row is a like and both views are ones."""
    if ratings is None:
        ones_UI = to_matrix(user_index, item_index, 1.0, shape)
        return Interactions(ratings=ones_UI, likes=ones_UI)
    ratings_UI = to_matrix(user_index, item_index, ratings, shape)
    return Interactions(ratings=ratings_UI, likes=likes_of(ratings_UI, like_threshold))


def likes_of(ratings_UI: csr_array, like_threshold: float) -> csr_array:
    """A one for every rating ≥ `like_threshold`; the others are not there at all."""
    liked_N = ratings_UI.data >= np.float32(like_threshold)
    likes_before_N = np.zeros(len(liked_N) + 1, dtype=ratings_UI.indptr.dtype)
    np.cumsum(liked_N, out=likes_before_N[1:])
    indptr_U = likes_before_N[ratings_UI.indptr]
    indices_L = ratings_UI.indices[np.flatnonzero(liked_N)]
    ones_L = np.ones(len(indices_L), dtype=np.float32)
    return csr_array((ones_L, indices_L, indptr_U), shape=ratings_UI.shape)


def together(first: Interactions, second: Interactions) -> Interactions:
    """Two parts of one split as one: train + validation, say.

    Explicit zeros are kept. Raises ValueError if the parts share a cell or differ in shape.
    """
    return Interactions(
        ratings=_joined(first.ratings, second.ratings), likes=_joined(first.likes, second.likes)
    )


def _joined(first_UI: csr_array, second_UI: csr_array) -> csr_array:
    # scipy's `+` drops explicit zeros, and a rating of 0 is observed: so through coordinates
    if first_UI.shape != second_UI.shape:
        raise ValueError(
            f"The parts differ in shape: {first_UI.shape} and {second_UI.shape}. "
            "They come from two runs: make both anew with the same `kedro run`."
        )
    first, second = first_UI.tocoo(), second_UI.tocoo()
    return to_matrix(
        np.concatenate([first.row, second.row]),
        np.concatenate([first.col, second.col]),
        np.concatenate([first.data, second.data]),
        first_UI.shape,
    )


def with_newer(older_UI: csr_array, newer_UI: csr_array) -> csr_array:
    """Both as one; where both have a cell, the newer value stands. Explicit zeros are kept."""
    if newer_UI.nnz == 0:
        return older_UI
    older, newer = older_UI.tocoo(), newer_UI.tocoo()
    return last_of_each(
        np.concatenate([older.row, newer.row]),
        np.concatenate([older.col, newer.col]),
        np.concatenate([older.data, newer.data]),
        older_UI.shape,
    )


def last_of_each(
    row_N: NDArray[np.integer],
    column_N: NDArray[np.integer],
    values_N: NDArray[np.floating],
    shape: tuple[int, int],
) -> csr_array:
    """As `to_matrix`, and of a pair that comes twice the last value stands."""
    cell_N = row_N.astype(np.int64) * shape[1] + column_N
    cells, place_from_the_end = np.unique(cell_N[::-1], return_index=True)
    rows, columns = np.divmod(cells, shape[1])
    return to_matrix(rows, columns, values_N[::-1][place_from_the_end], shape)


def fingerprint(*parts: Interactions) -> str:
    """A text that tells these parts from any others: BLAKE2b over structure and values."""
    digest = hashlib.blake2b(digest_size=16)
    for matrix_UI in (view for part in parts for view in part):
        for array in (matrix_UI.indptr, matrix_UI.indices, matrix_UI.data):
            digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def matrix_to_bytes(matrix_UI: csr_array) -> bytes:
    """The matrix as an `.npz` that `scipy.sparse.load_npz` reads: same matrix, same bytes.

    Not compressed: that is several times as fast. No time of writing and no pickle is in it.
    """
    buffer = io.BytesIO()
    save_npz(buffer, matrix_UI.sorted_indices(), compressed=False)
    return buffer.getvalue()


def matrix_from_bytes(content: bytes) -> csr_array:
    """The matrix that `matrix_to_bytes` wrote, indices sorted.

    Raises ValueError with a plain reason where the bytes are cut or changed, an array is missing,
    or the arrays do not make one CSR matrix. Nothing is unpickled.
    """
    if not zipfile.is_zipfile(io.BytesIO(content)):
        raise ValueError(f"these {len(content)} bytes are no npz file, or its end is cut off")
    try:
        missing = ARRAYS - _names_of_intact_arrays(content)
        if missing:
            raise ValueError(f"the npz lacks the arrays {sorted(missing)} of a sparse matrix")
        matrix_UI = csr_array(load_npz(io.BytesIO(content)))
        matrix_UI.check_format(full_check=True)
    except BROKEN as error:
        raise ValueError(f"the npz file is corrupt ({error})") from error
    if not matrix_UI.has_canonical_format:
        raise ValueError("the npz holds a CSR matrix whose columns are not sorted or come twice")
    return matrix_UI


def _names_of_intact_arrays(content: bytes) -> set[str]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        broken = archive.testzip()
        if broken is not None:
            raise zipfile.BadZipFile(f"{broken} does not match its checksum")
        return {name.removesuffix(".npy") for name in archive.namelist()}
