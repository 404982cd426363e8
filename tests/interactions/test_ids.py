"""Indices follow the sorted raw ids, and lead back to them."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from collaborative_autoencoders.interactions.ids import (
    encode,
    index_ids,
    index_of,
    known_indices,
    raw_ids,
)

columns = st.one_of(
    st.lists(st.integers(0, 9), min_size=1),
    st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1),
    st.lists(st.text(max_size=3), min_size=1),
)


def make_ratings(users, items=None) -> pd.DataFrame:
    return pd.DataFrame({"user_id": users, "item_id": users if items is None else items})


def test_the_position_of_a_row_is_the_index():
    users, items = index_ids(make_ratings([7, 3, 7], ["b", "a", "b"]))

    assert users.to_dict("list") == {"user_index": [0, 1], "user_id": [3, 7]}
    assert items.to_dict("list") == {"item_index": [0, 1], "item_id": ["a", "b"]}


@given(columns)
def test_codes_and_ids_are_the_column_again(column):
    codes, ids = encode(pd.Series(column))

    assert ids[codes].tolist() == column
    assert ids.tolist() == sorted(set(column))


@given(columns)
def test_ids_survive_the_round_trip(column):
    users = index_ids(make_ratings(column)).users

    index = index_of(users, pd.Series(column))

    assert raw_ids(users, index).tolist() == column
    assert raw_ids(users, users["user_index"].to_numpy()).tolist() == users["user_id"].tolist()


@pytest.mark.parametrize("repeats", [1, 100])
def test_an_unknown_id_has_index_minus_one(repeats):
    users = index_ids(make_ratings([3, 5, 9])).users
    raw = [5, 4, -1, 0, 10, 11, 2**63 - 1, -(2**63), 9] * repeats

    assert index_of(users, pd.Series(raw)).tolist() == [1, -1, -1, -1, -1, -1, -1, -1, 2] * repeats


def test_text_is_not_a_number():
    users = index_ids(make_ratings([3, 5])).users

    assert index_of(users, pd.Series(["3", "5"])).tolist() == [-1, -1]


def test_indices_of_another_run_are_refused():
    users = index_ids(make_ratings([3, 5])).users

    with pytest.raises(ValueError, match="user_id 4 .* has no index"):
        known_indices(users, pd.Series([3, np.int64(4)], name="user_id"))
