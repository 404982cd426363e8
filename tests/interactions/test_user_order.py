"""The order of a user's likes: places 1, 2, 3, … by time, which parts share without renumbering."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from model_options import parameters_of

from collaborative_autoencoders.columns import ROW
from collaborative_autoencoders.interactions.ids import index_ids
from collaborative_autoencoders.interactions.split_options import SplitOptions
from collaborative_autoencoders.interactions.splitting import split_interactions
from collaborative_autoencoders.interactions.user_order import by_user_and_time, places_of

times = st.one_of(
    st.integers(0, 3), st.integers(-(2**62), 2**62), st.floats(-1e300, 1e300), st.just(2**61)
)


@given(st.lists(st.tuples(st.integers(0, 2), times), min_size=1), st.randoms())
def test_the_order_is_that_of_a_sort_by_user_time_and_tie(rows, random):
    user_N, time_N = np.array([user for user, _ in rows]), np.array([time for _, time in rows])
    tie_N = np.array(random.sample(range(2**33), len(rows)))

    order = by_user_and_time(user_N, time_N, tie_N)

    assert order.tolist() == np.lexsort((tie_N, time_N, user_N)).tolist()


@pytest.mark.parametrize("dtype", [np.int8, np.int32, np.int64, np.uint64])
def test_times_of_any_integer_type_keep_their_order(dtype):
    ends = np.iinfo(dtype)
    times = np.array([ends.max, ends.min, ends.max // 2, ends.min + 1], dtype=dtype)

    order = by_user_and_time(np.zeros(4, dtype=np.int64), times, np.arange(4))

    assert order.tolist() == [1, 3, 2, 0]


def test_places_are_those_of_the_drawing():
    user_N, time_N = np.array([0, 0, 0, 1, 1]), np.array([70, 90, 80, 60, 50])
    counted_N = np.array([True, True, False, True, True])

    assert places_of(user_N, time_N, np.arange(5), counted_N).tolist() == [1, 2, 0, 2, 1]


HASH = {"kind": "hash"}
LAST = {"kind": "last", "test_last": 1, "validation_last": 1}


def options_of(split: dict) -> SplitOptions:
    return SplitOptions.model_validate(parameters_of("test")["split"] | split)


def ratings_in(*rows: tuple[str, str, float, int]) -> pd.DataFrame:
    table = pd.DataFrame(rows, columns=["user_id", "item_id", "rating", "timestamp"])
    return table.assign(**{ROW: range(len(table))})


TABLE = ratings_in(
    ("a", "x", 5, 30), ("a", "y", 4, 10), ("a", "z", 1, 20), ("a", "w", 5, 30), ("b", "x", 4, 1)
)


@pytest.mark.parametrize("split", [HASH, LAST])
def test_parts_hold_the_places_of_the_whole_history_in_the_cells_of_likes(split):
    parts = split_interactions(TABLE, index_ids(TABLE), options_of(split), like_threshold=4)

    whole = parts.train.joined(parts.validation).joined(parts.test)

    # items w x y z: y at 10, then x and w at 30 in the order of the table; z is not a like
    assert whole.view("order").toarray().tolist() == [[3, 2, 1, 0], [0, 1, 0, 0]]


def test_ties_by_hash_do_not_depend_on_the_rows_of_the_table():
    options = options_of(LAST | {"ties": "hash"})
    other = TABLE.assign(**{ROW: TABLE[ROW][::-1].to_numpy()})

    one, two = (
        split_interactions(table, index_ids(table), options, like_threshold=4).train.view("order")
        for table in (TABLE, other)
    )

    assert one.toarray().tolist() == two.toarray().tolist()


def test_a_table_without_timestamps_has_no_order():
    table = TABLE.drop(columns="timestamp")

    train = split_interactions(table, index_ids(table), options_of(HASH), 4).train

    with pytest.raises(ValueError, match="no timestamps"):
        train.view("order")
