"""A part of a split as rows of Parquet files."""

import numpy as np
import pyarrow as pa
import pytest
from checkerboard import checkerboard, with_others
from hypothesis import given
from hypothesis import strategies as st
from sharded import rows_of, size_of

from collaborative_autoencoders.interactions.part import Interactions, fingerprint
from collaborative_autoencoders.interactions.part_rows import part_of_rows

WORLD = with_others(checkerboard(n_users=20), n_users=5)


@st.composite
def parts(draw) -> Interactions:
    """Return a part with or without times, order, others and fold-in ratings."""
    n_users, n_items = draw(st.integers(1, 6)), draw(st.integers(1, 6))
    cells = draw(st.sets(st.integers(0, n_users * n_items - 1)))
    user_N, item_N = np.divmod(np.array(sorted(cells), dtype=np.int64), n_items)
    n = len(cells)
    ratings_N = np.array(draw(st.lists(st.integers(1, 5), min_size=n, max_size=n)), np.float32)
    core = draw(st.integers(0, n_users)), draw(st.integers(0, n_items))
    times_N = order_N = None
    is_rated = draw(st.booleans())
    if draw(st.booleans()):
        times_N = np.arange(n)[::-1].astype(draw(st.sampled_from([np.int64, np.float64])))
        is_like_N = ((ratings_N >= 4) | (not is_rated)) & (user_N < core[0]) & (item_N < core[1])
        order_N = np.where(is_like_N, item_N + 1, 0)
    part = Interactions.from_rows(
        user_N,
        item_N,
        (n_users, n_items),
        ratings=ratings_N if is_rated else None,
        times=times_N,
        like_threshold=4,
        core_shape=core,
        order=order_N,
    )
    if not draw(st.booleans()):
        return part
    is_first_N = np.diff(part.ratings.tocoo().row, prepend=-1) > 0
    return part.split_off(is_first_N)  # the first row of each user is shown


@given(parts(), st.integers(1, 4))
def test_the_rows_of_a_part_are_the_part(part, files):
    rows = rows_of(part)
    shard_N = rows["user_index"].to_numpy() * files // part.shape[0]
    shards = [rows.filter(pa.array(shard_N == number)) for number in range(files)]
    found = part_of_rows(shards, size_of(part), len(rows))
    assert (found.shape, found.core_shape) == (part.shape, part.core_shape)
    assert (found.fold_in is None) == (part.fold_in is None)
    same = [fingerprint(train=each, validation=each) for each in (found, part)]
    assert same[0] == same[1]


@given(parts(), st.data())
def test_the_rows_of_some_users_are_the_part_of_these_users(part, data):
    first = data.draw(st.integers(0, part.shape[0]))
    end = data.draw(st.integers(first, part.shape[0]))
    user_N = rows_of(part)["user_index"].to_numpy()
    rows = rows_of(part).filter(pa.array((first <= user_N) & (user_N < end)))
    found = part_of_rows([rows], size_of(part).of_users(first, end), len(rows), first)
    expected = part.of_users(np.arange(first, end))
    assert (found.shape, found.core_shape) == (expected.shape, expected.core_shape)
    same = [fingerprint(train=each, validation=each) for each in (found, expected)]
    assert same[0] == same[1]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda rows: rows.slice(1), "rows were written"),
        (lambda rows: pa.concat_tables([rows, rows.slice(len(rows) - 1)]), "rows were written"),
        (lambda rows: rows.take(np.arange(len(rows))[::-1]), "ascending order"),
        (lambda rows: rows.drop_columns("liked"), "no column liked"),
        (lambda rows: rows.set_column(0, "user_index", pa.array(rows[0].to_numpy() + 9)), "users"),
        (lambda rows: rows.set_column(2, "rating", pa.array(rows[2].to_numpy() / 0)), "finite"),
        (lambda rows: rows.set_column(3, "liked", pa.array([True] * len(rows))), "core"),
    ],
    ids=["fewer", "more", "unsorted", "no column", "other users", "infinite", "liked others"],
)
def test_rows_of_no_part_are_refused(change, said):
    part = WORLD.train
    with np.errstate(divide="ignore"), pytest.raises(ValueError, match=said):
        part_of_rows([change(rows_of(part))], size_of(part), len(rows_of(part)))
