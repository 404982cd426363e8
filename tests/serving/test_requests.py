"""Requests that are valid, and the messages for those that are not."""

from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from collaborative_autoencoders.serving.limits import Limits
from collaborative_autoencoders.serving.requests import (
    BadRequest,
    IdLookup,
    Taste,
    Wanted,
    excluded_items,
    read_request,
    wanted_of,
)

NUMBERS = IdLookup.of(pd.Series([1, 2, 3]))
TEXTS = IdLookup.of(pd.Series(["a", "b", "7"]))
TASTE = Taste(1, 5, 4, 4.5)


def read(rows, users=NUMBERS, items=NUMBERS, **columns):
    return read_request(pd.DataFrame(rows, **columns), users, items, TASTE)


def test_ids_become_indices_and_unknown_ids_minus_one():
    asked = read({"user_id": [2, 9], "history": [[3, 1], [77, 2, 88]]})
    assert asked.users_R.tolist() == [1, -1]
    assert asked.history_RI.toarray().tolist() == [[4.5, 0, 4.5], [0, 4.5, 0]]
    assert asked.unknown_R.tolist() == [0, 2]


def test_a_string_id_is_not_an_integer_id():
    assert read({"user_id": ["7", "z"]}, users=TEXTS).users_R.tolist() == [2, -1]
    with pytest.raises(BadRequest, match="row 1: user_id has 7, and ids must be strings"):
        read({"user_id": ["7", 7]}, users=TEXTS)


SHORT = [16777217.0, 1.0]


@pytest.mark.parametrize(
    "history",
    [
        [np.array(SHORT, np.float32)],
        [pa.array(SHORT, pa.float32())],
        [pd.Categorical(np.array(SHORT, np.float32))],
        pd.array([SHORT], pd.ArrowDtype(pa.list_(pa.float32()))),
    ],
    ids=["numpy", "arrow", "categories", "lists of arrow"],
)
def test_ids_that_a_short_float_may_have_merged_are_refused_in_any_container(history):
    with pytest.raises(BadRequest, match="history has 16777216, which arrived as a float"):
        read({"history": history})


def test_ids_of_params_are_those_that_were_checked():
    for sent in (pa.array([2]), [pa.scalar(2)], np.array([2]), pd.Series([2.0]), {Decimal(2)}):
        wanted = wanted_of({"exclude_items": sent, "only_items": sent}, NUMBERS)
        assert wanted.exclude_items == wanted.only_items == (2,)
        assert excluded_items(wanted._replace(only_items=()), NUMBERS).tolist() == [0, 1, 0]


@pytest.mark.parametrize("sent", ["false", 0, 1.0])
def test_whether_seen_items_are_excluded_is_a_truth_value(sent):
    assert not wanted_of({"exclude_seen": np.False_}, NUMBERS).exclude_seen
    with pytest.raises(BadRequest, match="exclude_seen is .*: send true or false"):
        wanted_of({"exclude_seen": sent}, NUMBERS)


def test_nulls_of_every_kind_are_an_unseen_user_and_an_empty_history():
    asked = read({"user_id": [None, float("nan"), 1], "history": [None, float("nan"), []]})
    assert asked.user_ids == [None, None, 1]
    assert asked.users_R.tolist() == [-1, -1, 0]
    assert asked.history_RI.nnz == 0


def test_a_history_may_be_an_array_or_a_tuple():
    histories = [np.array([1, 2]), (3,), [1.0]]
    assert read({"history": histories}).history_RI.indices.tolist() == [0, 1, 2, 0]


@pytest.mark.parametrize(
    "users",
    [
        pd.Series([np.int64(2), None], dtype=object),
        pd.Series([2, pd.NA], dtype=object),
        pd.array([2, None], dtype="Int64"),
        pd.array([2, None], dtype="int64[pyarrow]"),
        pd.array([2, None], dtype="Float32"),
        np.array([2, np.nan], dtype=np.float32),
        pd.Series([np.uint8(2), np.float64("nan")], dtype=object),
        pd.Series([pa.scalar(2), pa.scalar(None)], dtype=object),
        pd.Series([Decimal(2), Decimal("nan")], dtype=object),
        pd.Series([2, pd.NaT], dtype=object),
    ],
    ids=repr,
)
def test_users_of_numpy_pandas_and_arrow_are_those_of_python(users):
    asked = read({"user_id": users})
    assert asked.user_ids == [2, None]
    assert type(asked.user_ids[0]) is int
    assert asked.users_R.tolist() == [1, -1]


def test_texts_of_numpy_and_arrow_are_ids():
    users = pd.Series([np.str_("a"), "7"], dtype=object)
    assert read({"user_id": users}, users=TEXTS).user_ids == ["a", "7"]
    arrow = pd.array(["b", None], dtype="string[pyarrow]")
    assert read({"user_id": arrow}, users=TEXTS).user_ids == ["b", None]


@pytest.mark.parametrize(
    "history",
    [
        list(np.array([1, 3])),
        np.array([1.0, 3.0], dtype=np.float32),
        np.array([1, np.int64(3)], dtype=object),
        (np.uint16(1), Decimal(3)),
        {1, 3},
        range(1, 4, 2),
        pd.Series([1, 3], index=[7, 8]),
        pd.Index([1, 3]),
        pd.array([1, 3], dtype="Int64"),
        pa.array([1, 3]),
        pa.chunked_array([[1], [3]]),
        pa.scalar([1, 3]),
        dict.fromkeys([1, 3]).keys(),
    ],
    ids=lambda history: type(history).__name__,
)
def test_every_kind_of_list_is_a_history(history):
    cells = pd.Series([None], dtype=object)
    cells.iat[0] = history
    assert read({"history": cells}).history_RI.toarray().tolist() == [[4.5, 0, 4.5]]


@pytest.mark.parametrize("kind", [np.float32, np.float64, np.int8, Decimal])
def test_ratings_of_every_kind_of_number_are_read(kind):
    lists = {"history": [[1, 3]], "ratings": [[kind(1), kind(5)]]}
    assert read(lists).history_RI.toarray().tolist() == [[1, 0, 5]]


def test_a_float32_at_the_end_of_the_scale_is_on_it():
    tenths = Taste(0.1, 4.3, 3, 4)
    assert float(np.float32(4.3)) > 4.3
    ratings = list(np.array([4.3, 0.1], dtype=np.float32))
    table = pd.DataFrame({"history": [[1, 2]], "ratings": [ratings]})
    assert read_request(table, NUMBERS, NUMBERS, tenths).history_RI.nnz == 2
    table["ratings"] = [[4.31, 0.1]]
    with pytest.raises(BadRequest, match="ratings has 4.31: ratings must be from 0.1 to 4.3"):
        read_request(table, NUMBERS, NUMBERS, tenths)


@pytest.mark.parametrize(
    ("rows", "limits", "message"),
    [
        ({"user_id": [1] * 4}, Limits(max_rows=3), "4 rows, and the limit is 3"),
        (
            {"history": [[1], [1] * 1001]},
            Limits(max_history=1000),
            "row 1: history has 1,001 items, and the limit is 1,000: send the newest ones, or "
            "raise RECOMMENDER_MAX_HISTORY",
        ),
    ],
)
def test_a_request_that_passes_a_limit_is_refused_with_the_limit(rows, limits, message):
    with pytest.raises(BadRequest, match=message):
        read_request(pd.DataFrame(rows), NUMBERS, NUMBERS, TASTE, limits)


def test_an_integer_of_any_size_may_be_an_unknown_id():
    asked = read({"user_id": [10**30], "history": [[10**30, -(2**70)]]})
    assert asked.users_R.tolist() == [-1]
    assert asked.unknown_R.tolist() == [2]


def test_each_rating_belongs_to_the_item_at_its_position():
    asked = read({"history": [[3, 9, 1], [2]], "ratings": [[1, 2, 3.5], None]})
    assert asked.history_RI.toarray().tolist() == [[3.5, 0, 1], [0, 4.5, 0]]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ({"usr_id": [1]}, "no column user_id and no column history"),
        ({"user_id": [1, "x"]}, "row 1: user_id has 'x', and ids must be integers"),
        ({"user_id": [True]}, "row 0: user_id has True"),
        ({"user_id": [1.5]}, "row 0: user_id has 1.5"),
        ({"user_id": [2.0**53, None]}, "row 0: user_id has 9007199254740992, which arrived as"),
        ({"user_id": [[1]]}, r"row 0: user_id has \[1\]"),
        ({"history": [[1], 5]}, "row 1: history is 5: send a list, or null"),
        ({"history": ["abc"]}, "row 0: history is 'abc': send a list"),
        ({"history": [{"a": 1}]}, "row 0: history is .*: send a list"),
        ({"history": [[[1]]]}, r"row 0: history has \[1\]"),
        ({"history": [[None]]}, "row 0: history has None"),
        ({"history": [[1, True]]}, "row 0: history has True"),
        ({"history": [[1]], "ratings": [[1, 2]]}, "row 0: 2 ratings .* a history of 1 items"),
        ({"history": [None], "ratings": [[1]]}, "row 0: 1 ratings .* a history of 0 items"),
        ({"history": [[1]], "ratings": [[None]]}, "row 0: ratings has None, which is not a number"),
        ({"history": [[1]], "ratings": [[True]]}, "row 0: ratings has True, which is not a number"),
        ({"history": [[1]], "ratings": [[float("nan")]]}, "row 0: ratings has nan: ratings must"),
        ({"history": [[1]], "ratings": [[6]]}, "row 0: ratings has 6: ratings must be from 1 to 5"),
        ({"history": [[1]], "ratings": ["5"]}, "row 0: ratings is '5': send a list"),
        ({"history": [[1]], "ratings": [[5j]]}, "row 0: ratings has 5j, which is not a number"),
        ({"history": [[1]], "ratings": [[np.bool_(1)]]}, "row 0: ratings has True"),
        ({"history": [{1, 2}], "ratings": [[1, 2]]}, "row 0: history and ratings .* not sets"),
        ({"history": [np.ones((1, 2))]}, "row 0: history is array.*: send a list"),
        ({"history": [np.array(1)]}, r"row 0: history is array\(1\): send a list"),
        ({"history": [b"12"]}, "row 0: history is b'12': send a list"),
        ({"history": [[1, np.nan]]}, "row 0: history has nan"),
        ({"history": [[pd.NA]]}, "row 0: history has <NA>"),
        ({"history": [[np.bool_(True)]]}, "row 0: history has True"),
        ({"history": [list(np.array([2**24 + 1], np.float32))]}, "has 16777216, which arrived as"),
        ({"user_id": np.array([2**24], np.float32)}, "has 16777216, which arrived as a float"),
        ({"user_id": [Decimal("1.5")]}, r"row 0: user_id has Decimal\('1.5'\)"),
        ({"user_id": [b"1"]}, "row 0: user_id has b'1', and ids must be integers"),
        ({"user_id": [pd.Timestamp(0)]}, "row 0: user_id has .*, and ids must be integers"),
    ],
)
def test_a_bad_row_is_named_with_the_problem(rows, message):
    with pytest.raises(BadRequest, match=message):
        read(rows)


def test_a_duplicate_column_is_refused():
    with pytest.raises(BadRequest, match="duplicate column"):
        read([[1, 2]], columns=["user_id", "user_id"])


def test_a_long_value_is_shortened_in_the_error():
    with pytest.raises(BadRequest) as error:
        read({"history": ["x" * 10_000]})
    assert len(str(error.value)) < 200


def test_params_that_are_missing_or_null_have_their_defaults():
    assert wanted_of({}, NUMBERS) == Wanted()
    assert wanted_of({"n": None, "exclude_items": None}, NUMBERS) == Wanted()
    assert wanted_of({"n": 3, "only_items": [1]}, NUMBERS) == Wanted(n=3, only_items=(1,))


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"n": 0}, "n is 0: send an integer of at least 1"),
        ({"n": -5}, "n is -5"),
        ({"n": 2.5}, "n is 2.5"),
        ({"n": True}, "n is True"),
        ({"explain": -1}, "explain is -1: send an integer of at least 0"),
        ({"explain": True}, "explain is True"),
        ({"one_line_per_row": 1}, "one_line_per_row is 1: send true or false"),
        ({"diversify": 1.5}, "diversify is 1.5: send a number from 0 to 1"),
        ({"diversify": -0.1}, "diversify is -0.1"),
        ({"diversify": float("nan")}, "diversify is nan"),
        ({"diversify": True}, "diversify is True"),
        ({"diversify": "0.3"}, "diversify is '0.3'"),
        ({"only_items": ["a"]}, "only_items has 'a', and ids must be integers"),
        ({"exclude_items": [None]}, "exclude_items has None"),
        ({"exclude_items": 4}, "exclude_items is 4: send a list"),
    ],
)
def test_a_bad_param_is_named_with_its_value(params, message):
    with pytest.raises(BadRequest, match=message):
        wanted_of(params, NUMBERS)
