"""Indices follow the sorted raw ids, and give them back."""

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from collaborative_autoencoders.interactions.ids import (
    are_distinct,
    encode,
    index_ids,
    known_indices,
)

columns = st.one_of(
    st.lists(st.integers(0, 9), min_size=1),
    st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1),
    st.lists(st.text(max_size=3), min_size=1),
)


def make_ratings(users, items=None) -> pd.DataFrame:
    return pd.DataFrame({"user_id": users, "item_id": users if items is None else items})


@given(st.lists(st.integers(-5, 30) | st.integers(-(2**63), 2**63 - 1)))
def test_integers_are_distinct_if_none_is_there_twice(integers):
    assert are_distinct(pd.Series(integers, dtype="int64")) == (len({*integers}) == len(integers))


def test_the_position_of_a_row_is_the_index():
    ids = index_ids(make_ratings([7, 3, 7], ["b", "a", "b"]))

    assert ids.users.to_dict("list") == {"user_index": [0, 1], "user_id": [3, 7]}
    assert ids.items.to_dict("list") == {"item_index": [0, 1], "item_id": ["a", "b"]}


@given(columns)
def test_codes_and_ids_are_the_column_again(column):
    codes, ids = encode(pd.Series(column))

    assert ids[codes].tolist() == column
    assert ids.tolist() == sorted(set(column))


@given(columns)
def test_ids_come_back_from_their_indices(column):
    users = index_ids(make_ratings(column)).users

    index = known_indices(users, pd.Series(column, name="user_id"))

    assert users["user_id"].to_numpy()[index].tolist() == column


UNKNOWN = [4, -1, 0, 10, 11, 2**63 - 1, -(2**63), "3"]


@pytest.mark.parametrize("unknown", UNKNOWN)
@pytest.mark.parametrize("repeats", [1, 100])  # few ids are hashed, many are looked up in a table
def test_an_id_of_another_run_is_refused_by_name(unknown, repeats):
    users = index_ids(make_ratings([3, 5, 9])).users

    with pytest.raises(ValueError, match=f"user_id {unknown!r} .* has no index"):
        known_indices(users, pd.Series([3, unknown] * repeats, name="user_id"))
