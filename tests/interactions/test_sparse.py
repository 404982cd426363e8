"""Matrices keep what was observed, and come back from their bytes as they were."""

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array, save_npz

from collaborative_autoencoders.interactions.sparse import (
    arrays_to_bytes,
    cells_of,
    join,
    last_of_each,
    likes_of,
    matrix_from_bytes,
    matrix_to_bytes,
    rows_of,
    take_cells,
    to_matrix,
    update,
    user_of_cells,
)


def make_matrix(cells: dict[tuple[int, int], float], shape=(3, 4)) -> csr_array:
    user_index = np.array([user for user, _ in cells], dtype=np.int64)
    item_index = np.array([item for _, item in cells], dtype=np.int64)
    return to_matrix(user_index, item_index, list(cells.values()), shape)


def arrays_of(matrix: csr_array) -> dict:
    return {
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


def test_a_duplicate_pair_is_refused():
    with pytest.raises(ValueError, match="duplicate pair of user and item"):
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


@given(cells_of_a_matrix)
def test_stored_cells_are_counted_off_row_by_row(cells):
    matrix = make_matrix(cells, (5, 7))

    assert user_of_cells(matrix).tolist() == [user for user, _ in sorted(cells)]
    assert cells_of(matrix).tolist() == [7 * user + item for user, item in sorted(cells)]


def test_joined_matrices_keep_their_zeros():
    both = join(make_matrix({(0, 0): 0}), make_matrix({(0, 1): 5, (2, 2): 0}))

    assert both.nnz == 1 + 2
    assert both.indices.tolist() == [0, 1, 2]
    assert both.data.tolist() == [0, 5, 0]


def test_a_join_keeps_the_wider_type():
    first = make_matrix({(0, 0): 1}).astype(np.int64)
    second = to_matrix(np.array([1]), np.array([1]), 2**53 - 1, (3, 4), dtype=np.int64)

    assert join(first, second).data.tolist() == [1, 2**53 - 1]


def test_matrices_that_share_a_cell_are_not_joined():
    with pytest.raises(ValueError, match="duplicate pair"):
        join(make_matrix({(0, 0): 0}), make_matrix({(0, 0): 5}))


def test_matrices_of_two_shapes_are_not_joined():
    with pytest.raises(ValueError, match=r"\(3, 4\) and \(9, 9\)"):
        join(make_matrix({}), make_matrix({}, (9, 9)))


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


def test_the_bytes_that_scipy_saves_are_read():
    matrix, buffer = make_matrix({(0, 0): 3, (2, 3): 0}), io.BytesIO()
    save_npz(buffer, matrix)

    back = matrix_from_bytes(buffer.getvalue())

    assert (back.nnz, back.toarray().tolist()) == (2, matrix.toarray().tolist())


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
        matrix_from_bytes(arrays_to_bytes(**arrays))


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
        matrix_from_bytes(arrays_to_bytes(**arrays))


def test_duplicate_columns_are_refused():
    twice = csr_array((np.ones(2), np.array([1, 1]), np.array([0, 2])), shape=(1, 3))

    with pytest.raises(ValueError, match="duplicated"):
        matrix_from_bytes(arrays_to_bytes(**arrays_of(twice)))


def test_nothing_is_unpickled():
    arrays = arrays_of(make_matrix({(0, 0): 3})) | {"data": np.array([{}], dtype=object)}
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)

    with pytest.raises(ValueError, match="pickle"):
        matrix_from_bytes(buffer.getvalue())


def test_an_update_prefers_the_newer_value_and_keeps_zeros():
    older = make_matrix({(0, 0): 5, (0, 2): 3, (1, 1): 0})
    newer = make_matrix({(0, 2): 1, (1, 2): 4})

    both = update(older, newer_UI=newer)

    assert both.toarray()[:2].tolist() == [[5, 0, 1, 0], [0, 0, 4, 0]]
    assert both.nnz == 3 + 2 - 1  # the 0 is stored, the shared cell once
    assert update(older, newer_UI=make_matrix({})) is older


def test_the_last_of_duplicate_pairs_wins():
    rows, columns = np.array([1, 0, 1]), np.array([2, 0, 2])

    matrix = last_of_each(rows, columns, np.array([5.0, 3.0, 0.0]), (2, 3))

    assert matrix.toarray().tolist() == [[3, 0, 0], [0, 0, 0]]
    assert matrix.nnz == 2


def test_rows_are_taken_in_the_order_asked_for_and_unseen_users_have_none():
    matrix = make_matrix({(0, 0): 3, (0, 1): 0, (2, 3): 5})

    rows = rows_of(matrix, np.array([2, -1, 0, 2]))

    assert rows.toarray().tolist() == [[0, 0, 0, 5], [0, 0, 0, 0], [3, 0, 0, 0], [0, 0, 0, 5]]
    assert rows.nnz == 1 + 0 + 2 + 1


def test_marked_cells_are_taken_with_their_values():
    matrix = make_matrix({(0, 0): 3, (0, 1): 0, (2, 3): 5})

    taken = take_cells(matrix, np.array([False, True, True]))

    assert (taken.indices.tolist(), taken.data.tolist()) == ([1, 3], [0, 5])
    assert taken.indptr.tolist() == [0, 1, 1, 2]
