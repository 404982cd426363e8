"""Conversion between arrays, or a sparse matrix, and the bytes of one `.npz` file.

Dimension key: U users, I items, N stored cells.
"""

import io
import math
import struct
import tokenize
from collections.abc import Mapping, Set
from functools import partial
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray
from scipy.sparse import csr_array

from collaborative_autoencoders.options import MOST

from .zip_bytes import CORRUPT, zip_from_bytes, zip_to_bytes

ENDING = ".npy"
HEADERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
MALFORMED = (SyntaxError, TypeError, OverflowError, struct.error, tokenize.TokenError)
"""Errors that reading a damaged `.npy` header raises, besides ValueError."""


def arrays_to_bytes(**arrays: NDArray) -> bytes:
    """Return named arrays as an uncompressed `.npz` with a checksum. Equal arrays, equal bytes."""
    return zip_to_bytes(
        {
            f"{name}{ENDING}": partial(npy.write_array, array=array, allow_pickle=False)
            for name, array in arrays.items()
        }
    )


def arrays_from_bytes(content: bytes) -> dict[str, NDArray]:
    """Return the arrays of an `.npz` by name. Nothing is unpickled.

    Raises NoChecksum if it has no checksum, and ValueError, with the reason, if the bytes are
    truncated or changed. The memory is bounded by the size of the content.
    """
    return {
        name.removesuffix(ENDING): _array_from_bytes(name, file)
        for name, file in zip_from_bytes(content).items()
    }


def _array_from_bytes(name: str, file: bytes) -> NDArray:
    stream = io.BytesIO(file)
    try:
        shape, by_column, dtype = HEADERS[npy.read_magic(stream)](stream)
        size = len(file) - stream.tell()
        if dtype.hasobject or math.prod(shape) * dtype.itemsize != size:
            raise ValueError(f"its header claims {shape} values of type {dtype} in {size:,} bytes")
        flat = np.empty(math.prod(shape), dtype=dtype)
        stream.readinto(flat.view(np.uint8).data)
        return flat.reshape(shape, order="F" if by_column else "C")
    except (ValueError, *MALFORMED, *CORRUPT) as error:
        raise ValueError(f"the array {name} is corrupt ({error})") from error


def matrix_to_bytes(matrix_UI: csr_array) -> bytes:
    """Return the matrix as an uncompressed `.npz`. The same matrix gives the same bytes."""
    sorted_UI = matrix_UI.sorted_indices()
    return arrays_to_bytes(
        shape=np.asarray(sorted_UI.shape),
        indptr=sorted_UI.indptr,
        indices=sorted_UI.indices,
        data=sorted_UI.data,
    )


def matrix_from_bytes(content: bytes) -> csr_array:
    """Return the matrix of finite float32 that `matrix_to_bytes` wrote.

    Raises ValueError, with the reason, if the bytes are truncated or changed, an array is missing
    or unknown, or the arrays do not form one CSR matrix.
    """
    arrays = arrays_from_bytes(content)
    refuse_other_names(arrays, {"shape", "indptr", "indices", "data"})
    return checked_csr(arrays["data"], arrays)


def refuse_other_names(arrays: Mapping[str, Any], expected: Set[str]) -> None:
    """Raise ValueError if an array or a file is missing or unknown."""
    if missing := expected - arrays.keys():
        raise ValueError(f"it lacks {sorted(missing)}")
    if unknown := arrays.keys() - expected:
        raise ValueError(f"it holds {sorted(unknown)}, which are unknown")


def checked_csr(data_N: NDArray, arrays: Mapping[str, NDArray]) -> csr_array:
    """Return the CSR matrix with the values `data_N` and the arrays indices, indptr and shape.

    Raises ValueError if the values are not finite float32, or if the arrays do not form a CSR
    matrix with sorted, distinct columns, of at most 2^31 − 1 rows and columns.
    """
    names = ("indices", "indptr", "shape")
    indices_N, indptr_U, shape = (np.asarray(arrays[name]) for name in names)
    if data_N.dtype != np.float32:
        raise ValueError(f"the matrix has values of type {data_N.dtype}, not float32")
    for name, array in zip(names, (indices_N, indptr_U, shape), strict=True):
        if array.dtype not in (np.int32, np.int64) or array.ndim != 1:
            raise ValueError(f"{name} is {array.dtype} {array.shape}, not a row of integers")
    if shape.shape != (2,) or not ((shape >= 0) & (shape <= MOST)).all():
        raise ValueError(f"the matrix claims the shape {shape[:3].tolist()}")
    try:
        matrix_UI = csr_array((data_N, indices_N, indptr_U), shape=tuple(shape.tolist()))
        matrix_UI.check_format(full_check=True)
    except (TypeError, IndexError, ValueError) as error:
        raise ValueError(f"the arrays form no sparse matrix ({error})") from error
    if not matrix_UI.has_canonical_format:
        raise ValueError("the columns of the matrix are unsorted or duplicated")
    if not np.isfinite(data_N).all():
        raise ValueError("the matrix holds a value that is not a finite number")
    return matrix_UI
