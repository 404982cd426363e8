"""Matrices keep what was observed."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array

from collaborative_autoencoders.interactions import sparse
from collaborative_autoencoders.interactions.sparse import (
    cells_of,
    join,
    last_of_each,
    likes_of,
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


def test_an_update_prefers_the_newer_value_and_keeps_zeros():
    older = make_matrix({(0, 0): 5, (0, 2): 3, (0, 3): 2, (1, 1): 0})
    newer = make_matrix({(0, 2): 1, (0, 3): 0, (1, 2): 4})

    both = update(older, newer_UI=newer)

    assert both.toarray()[:2].tolist() == [[5, 0, 1, 0], [0, 0, 4, 0]]
    assert both.nnz == 4 + 3 - 2  # zeros are stored, the shared cells once
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


def test_the_row_of_one_user_is_a_copy_with_explicit_zeros():
    matrix = to_matrix(np.array([0, 2, 2]), np.array([1, 0, 3]), [5.0, 0.0, 4.0], (3, 4))

    row = rows_of(matrix, np.array([2]))

    assert (row.shape, row.indices.tolist(), row.data.tolist()) == ((1, 4), [0, 3], [0, 4])
    assert row.indptr.dtype == matrix.indptr.dtype
    row.eliminate_zeros()
    assert matrix.nnz == 3
    assert rows_of(matrix, np.array([1])).nnz == rows_of(matrix, np.array([-1])).nnz == 0


@given(st.lists(st.integers(0, 4), max_size=30), st.integers(1, 7))
def test_each_is_counted_whatever_the_size_of_a_block(index: list[int], at_once: int) -> None:
    index_N = np.array(index, dtype=np.int32)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sparse, "COUNTED_AT_ONCE", at_once)
        assert sparse.count_each(index_N, 5).tolist() == [index.count(n) for n in range(5)]
