"""Matrices keep what was observed, and survive their bytes."""

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array, load_npz

from collaborative_autoencoders.interactions.matrices import (
    Interactions,
    likes_of,
    matrix_from_bytes,
    matrix_to_bytes,
    to_matrix,
    together,
    with_newer,
)


def make_matrix(cells: dict[tuple[int, int], float], shape=(3, 4)) -> csr_array:
    user_index = np.array([user for user, _ in cells], dtype=np.int64)
    item_index = np.array([item for _, item in cells], dtype=np.int64)
    return to_matrix(user_index, item_index, list(cells.values()), shape)


def npz_of(**arrays) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def arrays_of(matrix: csr_array) -> dict:
    return {
        "format": np.array(b"csr"),
        "shape": np.array(matrix.shape),
        "indptr": matrix.indptr,
        "indices": matrix.indices,
        "data": matrix.data,
    }


cells_of_a_matrix = st.dictionaries(
    st.tuples(st.integers(0, 4), st.integers(0, 6)), st.sampled_from([0.0, 0.5, 3.0, 5.0])
)


def test_values_lie_where_they_belong():
    matrix = make_matrix({(2, 3): 5, (0, 1): 4, (0, 0): 3})

    assert matrix.toarray().tolist() == [[3, 4, 0, 0], [0, 0, 0, 0], [0, 0, 0, 5]]
    assert matrix.dtype == np.float32
    assert matrix.indices.tolist() == [0, 1, 3]
    assert matrix.indices.dtype == matrix.indptr.dtype == np.int32


def test_a_pair_that_comes_twice_is_refused():
    with pytest.raises(ValueError, match="twice"):
        to_matrix(np.array([0, 1, 0]), np.array([1, 1, 1]), 1.0, (3, 4))


def test_a_rating_of_zero_is_observed():
    assert make_matrix({(0, 0): 0.0, (1, 1): 5.0}).nnz == 2


def test_likes_are_the_ratings_from_the_threshold_on():
    ratings = make_matrix({(0, 0): 3, (0, 2): 4, (1, 1): 3.5, (2, 0): 5, (2, 3): 0})

    likes = likes_of(ratings, like_threshold=4)

    assert likes.toarray().tolist() == [[0, 0, 1, 0], [0, 0, 0, 0], [1, 0, 0, 0]]
    assert likes.nnz == 2


def test_a_threshold_that_float32_cannot_hold_still_counts_as_reached():
    assert likes_of(make_matrix({(0, 0): 3.7}), like_threshold=3.7).nnz == 1


def test_a_threshold_of_zero_likes_a_rating_of_zero():
    assert likes_of(make_matrix({(0, 0): 0.0}), like_threshold=0).nnz == 1


def test_two_parts_together_keep_their_zeros():
    first = Interactions(make_matrix({(0, 0): 0.0}), make_matrix({}))
    second = Interactions(make_matrix({(0, 1): 5.0, (2, 2): 0.0}), make_matrix({(0, 1): 1.0}))

    ratings, likes = together(first, second)

    assert ratings.nnz == 1 + 2
    assert ratings.indices.tolist() == [0, 1, 2]
    assert likes.toarray()[0].tolist() == [0, 1, 0, 0]


def test_parts_of_two_runs_are_refused():
    small = Interactions(make_matrix({}), make_matrix({}))
    large = Interactions(make_matrix({}, (9, 9)), make_matrix({}, (9, 9)))

    with pytest.raises(ValueError, match=r"\(3, 4\) and \(9, 9\)"):
        together(small, large)


@given(cells_of_a_matrix)
def test_a_matrix_survives_its_bytes(cells):
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


def test_scipy_reads_our_bytes():
    matrix = make_matrix({(0, 0): 3, (2, 3): 5})

    assert (load_npz(io.BytesIO(matrix_to_bytes(matrix))) != matrix).nnz == 0


def test_bytes_that_are_cut_anywhere_are_refused():
    content = matrix_to_bytes(make_matrix({(0, 0): 3, (2, 3): 5}))

    for length in range(0, len(content), 7):
        with pytest.raises(ValueError, match="npz"):
            matrix_from_bytes(content[:length])


def test_a_changed_byte_in_the_numbers_is_refused():
    content = bytearray(matrix_to_bytes(make_matrix({(0, 0): 3, (2, 3): 5})))
    place = content.index(np.float32(5).tobytes())
    content[place + 2] ^= 1

    with pytest.raises(ValueError, match="checksum"):
        matrix_from_bytes(bytes(content))


def test_a_changed_byte_anywhere_gives_the_same_matrix_or_a_value_error():
    matrix = make_matrix({(0, 0): 3, (2, 3): 5})
    content = matrix_to_bytes(matrix)

    for place in range(len(content)):
        changed = bytearray(content)
        changed[place] ^= 0x55
        try:
            back = matrix_from_bytes(bytes(changed))
        except ValueError:
            continue
        assert (back != matrix).nnz == 0


def test_a_missing_array_is_named():
    arrays = arrays_of(make_matrix({(0, 0): 3}))
    del arrays["indices"]

    with pytest.raises(ValueError, match="indices"):
        matrix_from_bytes(npz_of(**arrays))


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("indices", [9]),
        ("indices", [-1]),
        ("indptr", [0, 1, 0, 1]),
        ("indptr", [0, 1]),
        ("data", [1.0, 2.0]),
    ],
)
def test_arrays_that_make_no_matrix_are_refused(name, values):
    arrays = arrays_of(make_matrix({(0, 0): 3}))
    arrays[name] = np.array(values, dtype=arrays[name].dtype)

    with pytest.raises(ValueError):
        matrix_from_bytes(npz_of(**arrays))


def test_columns_that_come_twice_are_refused():
    twice = csr_array((np.ones(2), np.array([1, 1]), np.array([0, 2])), shape=(1, 3))

    with pytest.raises(ValueError, match="twice"):
        matrix_from_bytes(npz_of(**arrays_of(twice)))


def test_nothing_is_unpickled():
    arrays = arrays_of(make_matrix({(0, 0): 3})) | {"data": np.array([{}], dtype=object)}

    with pytest.raises(ValueError, match="pickle"):
        matrix_from_bytes(npz_of(**arrays))


def test_of_two_values_in_a_cell_the_newer_stands():
    older = to_matrix(np.array([0, 0, 1]), np.array([0, 2, 1]), [5, 3, 0], (2, 3))
    newer = to_matrix(np.array([0, 1]), np.array([2, 2]), [1, 4], (2, 3))
    both = with_newer(older, newer)
    assert both.toarray().tolist() == [[5, 0, 1], [0, 0, 4]]
    assert both.nnz == 4  # the rating of 0 is kept
    assert with_newer(older, to_matrix(*np.zeros((2, 0), int), [], (2, 3))) is older
