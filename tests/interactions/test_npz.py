"""Arrays and matrices come back from their bytes as they were, or are refused."""

import io
import zipfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array, save_npz

from collaborative_autoencoders.checksum import NoChecksum, with_checksum
from collaborative_autoencoders.interactions.npz import (
    arrays_from_bytes,
    arrays_to_bytes,
    matrix_from_bytes,
    matrix_to_bytes,
)
from collaborative_autoencoders.interactions.sparse import to_matrix


def make_matrix(cells: dict[tuple[int, int], float], shape=(3, 4)) -> csr_array:
    users, items = (np.array([cell[axis] for cell in cells], dtype=np.int64) for axis in (0, 1))
    return to_matrix(users, items, list(cells.values()), shape)


SMALL = make_matrix({(0, 0): 3, (2, 3): 5})


def arrays_of(matrix: csr_array = SMALL) -> dict:
    return {
        "shape": np.array(matrix.shape),
        "indptr": matrix.indptr,
        "indices": matrix.indices,
        "data": matrix.data,
    }


cells_of_a_matrix = st.dictionaries(
    st.tuples(st.integers(0, 4), st.integers(0, 6)), st.sampled_from([0.0, 0.5, 3.0, 5.0])
)


@given(cells_of_a_matrix)
def test_a_matrix_comes_back_from_its_bytes(cells):
    matrix = make_matrix(cells, (5, 7))

    back = matrix_from_bytes(matrix_to_bytes(matrix))

    assert back.shape == matrix.shape
    assert back.dtype == matrix.dtype
    for name in ("data", "indices", "indptr"):
        np.testing.assert_array_equal(getattr(back, name), getattr(matrix, name))


@given(cells_of_a_matrix)
def test_same_matrix_same_bytes(cells):
    reversed_cells = dict(reversed(cells.items()))

    assert matrix_to_bytes(make_matrix(cells, (5, 7))) == matrix_to_bytes(
        make_matrix(reversed_cells, (5, 7))
    )


def test_bytes_that_are_cut_anywhere_are_refused():
    content = matrix_to_bytes(make_matrix({(0, 0): 3, (2, 3): 5}))

    for length in range(0, len(content), 7):
        with pytest.raises(ValueError, match="zip archive|checksum"):
            matrix_from_bytes(content[:length])


def test_any_changed_bit_is_refused():
    content = matrix_to_bytes(SMALL)
    for place in range(len(content)):
        changed = bytearray(content)
        changed[place] ^= 1
        with pytest.raises(ValueError):
            matrix_from_bytes(bytes(changed))


def test_bytes_of_another_program_have_no_checksum():
    buffer = io.BytesIO()
    save_npz(buffer, SMALL)
    with pytest.raises(NoChecksum, match="another version of this project, or another program"):
        matrix_from_bytes(buffer.getvalue())


@pytest.mark.parametrize(
    ("name", "values", "reason"),
    [
        ("indices", np.array([0, 9]), "no sparse matrix"),
        ("indices", np.array([0, -1]), "no sparse matrix"),
        ("indices", np.array([0.0, 3.0]), "float64"),
        ("indptr", np.array([0, 2, 1, 2]), "no sparse matrix"),
        ("indptr", np.array([0, 1]), "no sparse matrix"),
        ("indptr", np.array([[0, 1, 1, 2]]), "not a row of integers"),
        ("shape", np.array([3, 2**60]), "claims the shape"),
        ("shape", np.array([3, -4]), "claims the shape"),
        ("shape", np.array([3]), "claims the shape"),
        ("data", np.array([3, 5], dtype=np.complex64), "complex64"),
        ("data", np.array([3.0, 5.0]), "float64"),
        ("data", np.array([3, np.nan], dtype=np.float32), "not a finite number"),
        ("data", np.array([3, np.inf], dtype=np.float32), "not a finite number"),
        ("data", np.array([3], dtype=np.float32), "no sparse matrix"),
        ("more", np.array([3]), "unknown"),
    ],
)
def test_arrays_that_make_no_matrix_are_refused_with_the_reason(name, values, reason):
    with pytest.raises(ValueError, match=reason):
        matrix_from_bytes(arrays_to_bytes(**arrays_of() | {name: values}))


def test_a_missing_array_is_named():
    arrays = arrays_of()
    del arrays["indices"]
    with pytest.raises(ValueError, match=r"lacks \['indices'\]"):
        matrix_from_bytes(arrays_to_bytes(**arrays))


def test_duplicate_columns_are_refused():
    ones = np.ones(2, dtype=np.float32)
    twice = csr_array((ones, np.array([1, 1]), np.array([0, 2])), shape=(1, 3))
    with pytest.raises(ValueError, match="duplicated"):
        matrix_from_bytes(arrays_to_bytes(**arrays_of(twice)))


def sealed_zip(files: dict[str, bytes], compression: int) -> bytes:
    """An archive as this project writes it, with a checksum, but of other files."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        archive.comment = b"blake2b of this file: " + b"0" * 32
        for name, content in files.items():
            archive.writestr(name, content)
    return with_checksum(buffer)


def test_a_file_that_would_inflate_is_not_read():
    bomb = sealed_zip({"data.npy": bytes(50_000_000)}, zipfile.ZIP_DEFLATED)
    assert len(bomb) < 100_000
    with pytest.raises(ValueError, match=r"data\.npy is compressed, to .* of 50,000,000 bytes"):
        arrays_from_bytes(bomb)


@pytest.mark.parametrize("shape", ["(1152921504606846976,)", "(3,)", "(-1,)", "(1.5,)"])
def test_a_header_that_claims_more_than_there_is_is_refused_before_anything_is_allocated(shape):
    header = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}}}".ljust(117) + "\n"
    file = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode() + bytes(16)
    with pytest.raises(ValueError, match="array data is corrupt|array data.npy is corrupt"):
        arrays_from_bytes(sealed_zip({"data.npy": file}, zipfile.ZIP_STORED))


def test_nothing_is_unpickled():
    buffer = io.BytesIO()
    np.save(buffer, np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(ValueError, match="type object"):
        arrays_from_bytes(sealed_zip({"data.npy": buffer.getvalue()}, zipfile.ZIP_STORED))
