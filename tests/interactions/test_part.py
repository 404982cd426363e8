"""A part of a split is one value, and comes back from its file as it was."""

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array, save_npz

from collaborative_autoencoders.interactions import Interactions
from collaborative_autoencoders.interactions.npz import arrays_from_bytes, arrays_to_bytes
from collaborative_autoencoders.interactions.part import fingerprint
from collaborative_autoencoders.interactions.part_bytes import (
    OlderLayout,
    part_from_bytes,
    part_to_bytes,
)
from collaborative_autoencoders.interactions.sparse import cells_of, to_matrix
from collaborative_autoencoders.interactions.user_order import places_of

SHAPE = (4, 5)
WHOLE = st.integers(-(2**62), 2**62)
DECIMAL = st.floats(-1e12, 1e12, allow_nan=False)
#          item 0 1 2      times
# user 0        5 . 0      70  . 90
# user 1        . 4 .       . 80  .
DRAWN = {(0, 0): (5, 70), (0, 2): (0, 90), (1, 1): (4, 80)}


def make_part(cells, dtype=np.int64, shape=(2, 3), like_threshold=4) -> Interactions:
    """The part with these (rating, time) at (user, item); without times if `dtype` is None."""
    pairs = np.array(list(cells), dtype=np.int64).reshape(-1, 2)
    ratings = np.array([rating for rating, _ in cells.values()], dtype=np.float64)
    times = None if dtype is None else np.array([time for _, time in cells.values()], dtype)
    order = None
    if times is not None:
        order = places_of(pairs[:, 0], times, pairs @ [5, 1], ratings >= like_threshold)
    return Interactions.from_rows(
        pairs[:, 0],
        pairs[:, 1],
        shape,
        ratings=ratings,
        times=times,
        like_threshold=like_threshold,
        order=order,
    )


def cells_with(times):
    """Cells of a part, each with a rating and a time."""
    pairs = st.tuples(st.integers(0, 3), st.integers(0, 4))
    return st.dictionaries(pairs, st.tuples(st.sampled_from([0.0, 0.5, 3.5, 4.0, 5.0]), times))


parts = st.one_of(
    cells_with(WHOLE).map(lambda cells: make_part(cells, np.int64, SHAPE)),
    cells_with(DECIMAL).map(lambda cells: make_part(cells, np.float64, SHAPE)),
    cells_with(WHOLE).map(lambda cells: make_part(cells, None, SHAPE)),
)


def assert_same(one: Interactions, other: Interactions) -> None:
    for name in ("ratings", "likes", "times", "order"):
        mine, theirs = getattr(one, name), getattr(other, name)
        if theirs is None:
            assert mine is None
            continue
        assert mine.shape == theirs.shape
        assert mine.dtype == theirs.dtype, name
        for array in ("indptr", "indices", "data"):
            np.testing.assert_array_equal(getattr(mine, array), getattr(theirs, array), name)


def table_of(part: Interactions) -> dict[tuple[int, int], tuple]:
    """Rating, like and time of every cell."""
    rows = part.ratings.tocoo()
    likes = set(cells_of(part.likes).tolist())
    cells = list(zip(rows.row.tolist(), rows.col.tolist(), strict=True))
    times = [None] * len(cells) if part.times is None else part.times.data.tolist()
    return {
        (user, item): (rating, user * part.shape[1] + item in likes, time)
        for (user, item), rating, time in zip(cells, rows.data.tolist(), times, strict=True)
    }


# The value


def test_the_drawing_in_the_docstring_is_true():
    part = make_part({(0, 0): (5, 70), (0, 2): (2, 90), (1, 1): (4, 80)})

    assert part.ratings.toarray().tolist() == [[5, 0, 2], [0, 4, 0]]
    assert part.likes.toarray().tolist() == [[1, 0, 0], [0, 1, 0]]
    assert part.times.toarray().tolist() == [[70, 0, 90], [0, 80, 0]]


def test_a_view_is_the_matrix_of_its_name():
    part = make_part(DRAWN)

    assert part.view("likes") is part.likes
    assert part.view("ratings") is part.ratings


def test_without_ratings_every_row_is_a_like():
    rows = {"ratings": None, "times": np.array([7, 8]), "like_threshold": 4}

    part = Interactions.from_rows(np.array([0, 1]), np.array([2, 0]), (2, 3), **rows)

    assert table_of(part) == {(0, 2): (1, True, 7), (1, 0): (1, True, 8)}


@given(parts)
def test_likes_and_times_lie_in_cells_of_the_ratings(part):
    cells = cells_of(part.ratings).tolist()

    assert set(cells_of(part.likes).tolist()) <= set(cells)
    assert part.times is None or cells_of(part.times).tolist() == cells
    assert part.likes.nnz == (part.ratings.data >= 4).sum()


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        ({"likes": csr_array((3, 3))}, "differ in shape"),
        ({"times": csr_array((2, 4))}, "differ in shape"),
        ({"times": csr_array((2, 3))}, "3 ratings have 0 times"),
    ],
)
def test_matrices_that_are_not_of_one_part_are_refused(other, reason):
    part = make_part(DRAWN)
    matrices = {"ratings": part.ratings, "likes": part.likes, "times": part.times}

    with pytest.raises(ValueError, match=reason):
        Interactions(**matrices | other)


def test_times_in_other_cells_than_the_ratings_are_refused():
    part = make_part(DRAWN)
    elsewhere = to_matrix(np.array([0, 0, 1]), np.array([0, 1, 1]), 7, (2, 3))

    with pytest.raises(ValueError, match="cell"):
        Interactions(part.ratings, part.likes, elsewhere)


# Taking rows and cells, and joining


@given(parts, st.lists(st.integers(0, 3), unique=True))
def test_users_are_taken_with_all_that_is_theirs_in_the_order_asked_for(part, users):
    taken = part.of_users(np.array(users, dtype=np.int64))

    assert taken.shape == (len(users), SHAPE[1])
    assert table_of(taken) == {
        (users.index(user), item): value
        for (user, item), value in table_of(part).items()
        if user in users
    }


@given(parts, parts)
def test_excluded_cells_go_from_all_three_matrices_and_nothing_else_does(part, other):
    left = part.without_cells(other.ratings)

    gone = table_of(other).keys()
    assert table_of(left) == {
        cell: value for cell, value in table_of(part).items() if cell not in gone
    }


def test_items_are_left_out_without_a_change_of_shape():
    left = make_part(DRAWN).without_items(np.array([True, False, False]))

    assert left.shape == (2, 3)
    assert table_of(left) == {(0, 2): (0, False, 90), (1, 1): (4, True, 80)}


@given(parts, parts)
def test_a_part_is_what_was_taken_out_of_it_and_what_was_left(part, other):
    left = part.without_cells(other.ratings)
    taken = part.without_cells(left.ratings)

    assert_same(left.joined(taken), part)


def test_a_joined_part_keeps_zeros_likes_and_times():
    both = make_part({(0, 0): (0, 70)}).joined(make_part({(0, 1): (5, 90), (1, 2): (0, 80)}))

    assert table_of(both) == {
        (0, 0): (0, False, 70),
        (0, 1): (5, True, 90),
        (1, 2): (0, False, 80),
    }


def test_parts_that_share_a_rating_are_not_joined():
    with pytest.raises(ValueError, match="duplicate pair of user and item"):
        make_part(DRAWN).joined(make_part({(0, 2): (3, 1)}))


def test_parts_of_two_runs_are_not_joined():
    with pytest.raises(ValueError, match=r"kedro run --pipelines data_engineering"):
        make_part({}).joined(make_part({}, shape=(9, 9)))


@pytest.mark.parametrize("changed", [(5, 71), (4, 70), (3, 70)])
def test_a_fingerprint_changes_with_a_rating_and_with_a_time(changed):
    parts = {"train": make_part(DRAWN), "validation": make_part({(1, 0): (4, 1)})}
    other = parts | {"train": make_part(DRAWN | {(0, 0): changed})}

    assert fingerprint(**parts) == fingerprint(**parts | {"train": make_part(DRAWN)})
    assert fingerprint(**parts) != fingerprint(**other)


def test_a_fingerprint_says_which_part_is_which():
    one, other = make_part(DRAWN), make_part({(1, 0): (4, 1)})

    assert fingerprint(train=one, validation=other) != fingerprint(train=other, validation=one)


# The file


@given(parts)
def test_a_part_comes_back_from_its_bytes(part):
    assert_same(part_from_bytes(part_to_bytes(part)), part)


@given(
    st.dictionaries(st.tuples(st.integers(0, 3), st.integers(0, 4)), st.tuples(st.just(4), WHOLE))
)
def test_the_order_of_the_rows_does_not_change_the_bytes(cells):
    backwards = dict(reversed(cells.items()))

    assert part_to_bytes(make_part(cells, shape=SHAPE)) == part_to_bytes(
        make_part(backwards, shape=SHAPE)
    )


def test_whole_times_come_back_to_the_last_digit():
    late = 2**53 + 1  # a float64 cannot hold it

    back = part_from_bytes(part_to_bytes(make_part({(0, 0): (5, late)})))

    assert back.times.data.tolist() == [late]


def test_likes_are_stored_and_not_derived_from_a_threshold():
    part = make_part(DRAWN, like_threshold=4.5)

    assert part_from_bytes(part_to_bytes(part)).likes.nnz == 1


def test_a_like_that_is_no_rating_is_not_saved():
    part = make_part(DRAWN)
    likes = to_matrix(np.array([1]), np.array([2]), 1.0, (2, 3))

    with pytest.raises(ValueError, match="a like is not among the ratings"):
        part_to_bytes(Interactions(part.ratings, likes))
    with pytest.raises(ValueError, match="a like is not among the ratings"):
        part_to_bytes(Interactions(csr_array((2, 3), dtype=np.float32), likes))


def test_bytes_that_are_cut_anywhere_are_refused():
    content = part_to_bytes(make_part(DRAWN))

    for length in range(0, len(content), 23):
        with pytest.raises(ValueError, match="zip archive|checksum"):
            part_from_bytes(content[:length])


def test_any_changed_bit_is_refused():
    content = part_to_bytes(make_part(DRAWN))

    for place in range(0, len(content), 3):
        changed = bytearray(content)
        changed[place] ^= 1
        with pytest.raises(ValueError):
            part_from_bytes(bytes(changed))


def test_a_file_of_an_older_version_is_an_older_layout():
    older = io.BytesIO()
    save_npz(older, make_part(DRAWN).ratings)

    with pytest.raises(OlderLayout):
        part_from_bytes(older.getvalue())


@pytest.mark.parametrize(
    ("name", "values", "reason"),
    [
        ("layout", 4, "another layout"),
        ("layout", [2], "another layout"),
        ("indices", [0, 9, 1], "no sparse matrix"),
        ("indices", [0, 0, 1], "duplicated"),
        ("indptr", [0, 9, 3], "no sparse matrix"),
        ("shape", [2], "claims the shape"),
        ("shape", [2, 2**60], "claims the shape"),
        ("ratings", np.float32([5, np.nan, 4]), "not a finite number"),
        ("ratings", np.complex64([5, 0, 4]), "complex64"),
        ("liked", [1, 0, 1], "whether it is a like"),
        ("liked", [True], "whether it is a like"),
        ("liked", [True, True, False], "a rating of 0 is a like and one of 4 is none"),
        ("order", np.float32([1]), "one place per like"),
        ("order", np.float32([1, 1.5]), "not 1, 2, 3"),
        ("order", np.float32([0, 1]), "not 1, 2, 3"),
        ("times", [70, 90], "one time per rating"),
        ("times", [70, 90, np.inf], "not a finite number"),
        ("times", [70, 90, 80j], "not a finite number"),
    ],
)
def test_arrays_that_do_not_form_a_part_are_refused(name, values, reason):
    arrays = arrays_from_bytes(part_to_bytes(make_part(DRAWN)))

    with pytest.raises(ValueError, match=reason):
        part_from_bytes(arrays_to_bytes(**arrays | {name: np.array(values)}))


@pytest.mark.parametrize("name", ["shape", "indptr", "indices", "ratings", "liked"])
def test_a_missing_array_is_named(name):
    arrays = arrays_from_bytes(part_to_bytes(make_part(DRAWN)))
    del arrays[name]

    with pytest.raises(ValueError, match=rf"lacks \['{name}'\]"):
        part_from_bytes(arrays_to_bytes(**arrays))
