"""Cleaning: what comes out is typed and unique, and what is wrong is named."""

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from collaborative_autoencoders.interactions.cleaning import CleaningOptions, clean_ratings
from collaborative_autoencoders.interactions.duplicates import about_repeats

COLUMNS = {"user_id": "user", "item_id": "film", "rating": "stars", "timestamp": "at", "part": None}


def make_options(duplicates="refuse", scale=(1, 5), **columns) -> CleaningOptions:
    return CleaningOptions.model_validate(
        {
            "columns": COLUMNS | columns,
            "rating_scale": scale and {"lowest": scale[0], "highest": scale[1]},
            "duplicates": duplicates,
        }
    )


def make_table(*rows, columns=("user", "film", "stars", "at")) -> pd.DataFrame:
    return pd.DataFrame(list(rows), columns=list(columns)[: len(rows[0])])


def without_times(duplicates="refuse") -> CleaningOptions:
    return make_options(duplicates, timestamp=None)


def rows_of(table: pd.DataFrame) -> list[tuple]:
    return list(table.drop(columns="row", errors="ignore").itertuples(index=False, name=None))


def test_columns_get_our_names_and_others_are_left_behind():
    table = make_table((1, 10, 4, 100)).assign(comment="good")

    clean = clean_ratings(table, make_options())

    assert clean.columns.tolist() == ["user_id", "item_id", "rating", "timestamp", "row"]
    assert rows_of(clean) == [(1, 10, 4.0, 100)]
    assert table.columns.tolist() == ["user", "film", "stars", "at", "comment"]


def test_columns_without_a_header_are_numbers():
    table = pd.DataFrame([[1, 10, 4]])

    clean = clean_ratings(table, make_options(user_id=0, item_id=1, rating=2, timestamp=None))

    assert rows_of(clean) == [(1, 10, 4.0)]


def test_rows_come_sorted_by_user_and_item():
    clean = clean_ratings(make_table((2, 10, 4), (1, 20, 3), (1, 5, 5)), without_times())

    assert rows_of(clean) == [(1, 5, 5.0), (1, 20, 3.0), (2, 10, 4.0)]


def test_a_table_without_ratings_has_no_ratings():
    clean = clean_ratings(
        make_table((1, 10), (1, 10), (2, 5)), make_options(rating=None, timestamp=None)
    )

    assert clean.columns.tolist() == ["user_id", "item_id", "row"]
    assert rows_of(clean) == [(1, 10), (2, 5)]


def test_text_ids_stay_as_they_are():
    clean = clean_ratings(make_table((" b", "07", 4), ("a", "7", 4)), without_times())

    assert rows_of(clean) == [(" b", "07", 4.0), ("a", "7", 4.0)]


@pytest.mark.parametrize("dtype", ["int32", "float64", "Int64", "category", "object"])
def test_whole_number_ids_become_int64(dtype):
    table = make_table((3, 10, 4), (1, 20, 3)).astype({"user": dtype})

    clean = clean_ratings(table, without_times())

    assert clean["user_id"].dtype == np.int64
    assert clean["user_id"].tolist() == [1, 3]


def test_numbers_written_as_text_are_ratings():
    assert rows_of(clean_ratings(make_table((1, 10, "4.5")), without_times())) == [(1, 10, 4.5)]


def test_identical_duplicates_collapse():
    clean = clean_ratings(make_table((1, 10, 4, 7), (2, 5, 3, 7), (1, 10, 4, 7)), make_options())

    assert rows_of(clean) == [(1, 10, 4.0, 7), (2, 5, 3.0, 7)]


def test_of_different_times_the_latest_stays():
    table = make_table((1, 10, 5, 9), (1, 10, 4, 7), (1, 10, 3, 8), (2, 10, 1, 1))

    assert rows_of(clean_ratings(table, make_options())) == [(1, 10, 5.0, 9), (2, 10, 1.0, 1)]


def test_an_old_conflict_is_settled_by_a_later_rating():
    table = make_table((1, 10, 5, 7), (1, 10, 4, 7), (1, 10, 3, 8))

    assert rows_of(clean_ratings(table, make_options())) == [(1, 10, 3.0, 8)]


@pytest.mark.parametrize("times", [("2024-05-01", "2024-04-30"), ("10", "9"), (10.5, 9.5)])
def test_times_are_compared_as_times_and_not_as_text(times):
    table = make_table((1, 10, 5, times[0]), (1, 10, 4, times[1]))

    assert clean_ratings(table, make_options())["rating"].tolist() == [5.0]


def test_dates_with_a_time_zone_are_understood():
    later = pd.Timestamp("2024-05-01 10:00", tz="Europe/Berlin")
    table = make_table((1, 10, 5, later), (1, 10, 4, later - pd.Timedelta("1h")))

    assert clean_ratings(table, make_options())["rating"].tolist() == [5.0]


def test_conflicting_duplicates_show_both_rows_and_the_mend():
    table = make_table((2, 5, 3, 7), (1, 10, 4, 7), (1, 10, 5, 7))

    with pytest.raises(ValueError) as error:
        clean_ratings(table, make_options())

    message = str(error.value)
    assert "row 2: user_id: 1, item_id: 10, rating: 4.0, timestamp: 7" in message
    assert "row 3: user_id: 1, item_id: 10, rating: 5.0, timestamp: 7" in message
    assert "`cleaning.duplicates: last`" in message


def test_different_ratings_without_times_are_a_conflict():
    with pytest.raises(ValueError, match="row 1: .* 4.0\n  row 2: .* 5.0"):
        clean_ratings(make_table((1, 10, 4), (1, 10, 5)), without_times())


def test_the_row_furthest_down_stays_where_that_is_asked_for():
    table = make_table((1, 10, 5), (2, 10, 1), (1, 10, 4))

    assert rows_of(clean_ratings(table, without_times("last"))) == [(1, 10, 4.0), (2, 10, 1.0)]


def test_last_prefers_the_later_time_to_the_lower_row():
    table = make_table((1, 10, 5, 9), (1, 10, 4, 9), (1, 10, 3, 8))

    assert rows_of(clean_ratings(table, make_options("last"))) == [(1, 10, 4.0, 9)]


ratings_of_a_few = st.lists(
    st.tuples(st.integers(0, 3), st.integers(-2, 3), st.integers(1, 5), st.integers(0, 3)),
    min_size=1,
    max_size=30,
)


@given(ratings_of_a_few, st.sampled_from([1, 10**6, 10**15]))
def test_the_latest_and_then_the_lowest_row_stays_as_in_pandas(rows, spread):
    table = make_table(*[(user * spread, film * spread, *rest) for user, film, *rest in rows])
    by_hand = table.sort_values("at", kind="stable").drop_duplicates(["user", "film"], keep="last")
    by_hand = by_hand.sort_values(["user", "film"])

    assert rows_of(clean_ratings(table, make_options("last"))) == rows_of(by_hand)


@given(ratings_of_a_few)
def test_a_clean_table_is_clean(rows):
    clean = clean_ratings(make_table(*rows), make_options("last"))
    ours = {name: name for name in clean.drop(columns="row")}

    assert rows_of(clean_ratings(clean, make_options(**ours))) == rows_of(clean)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (((1, 10, "four"),), r"row 1 \(user_id: 1, item_id: 10\): rating 'four' .*\(1 such row"),
        (((1, 10, "4,5"),), r"rating '4,5' is not a finite number .*decimal: ','"),
        (((1, 10, 4.0), (2, 5, np.nan)), r"row 2 \(user_id: 2, item_id: 5\): rating nan"),
        (((1, 10, np.inf), (2, 5, -np.inf)), r"row 1 .* rating inf .*\(2 such rows in total\)"),
        (((1, 10, 4), (2, 5, 0), (3, 5, 6)), r"row 2 .* rating 0 lies outside .* 1.0 to 5.0"),
        (((1, 10, True),), None),
        (((1, 10, 4), (None, 5, 4)), r"row 2 \(user_id: nan, item_id: 5\): user_id nan is null"),
        ((("a", "x", 4), ("b", None, 4)), r"row 2 .*: item_id nan is null"),
        ((("a", "x", 4), ("", "x", 4)), r"row 2 .*: user_id '' is empty"),
        (((1, 10, 4), ("b", 5, 4)), r"row 2 .* user_id 'b' has another type .* row 1 \(1\)"),
        (((1.5, 10, 4),), r"user_id 1.5 is not a whole number .*dtype"),
        (((pd.Timestamp("2024-01-01"), 10, 4),), "user_id holds datetime64.* text or integers"),
        (((True, 10, 4),), "user_id holds bool"),
    ],
)
def test_a_bad_value_is_named_with_its_row(rows, message):
    if message is None:
        assert rows_of(clean_ratings(make_table(*rows), without_times())) == [(1, 10, 1.0)]
        return
    with pytest.raises(ValueError, match=message):
        clean_ratings(make_table(*rows), without_times())


@pytest.mark.parametrize("time", ["yesterday", None, np.inf])
def test_a_time_that_is_none_is_named_with_its_row(time):
    with pytest.raises(ValueError, match=r"row 2 .*: .* is not a valid time .*timestamp: null"):
        clean_ratings(make_table((1, 10, 4, 7), (1, 11, 4, time)), make_options())


def test_any_finite_number_is_a_rating_without_a_scale():
    clean = clean_ratings(make_table((1, 10, -7.5, 1)), make_options(scale=None))

    assert clean["rating"].tolist() == [-7.5]


def test_a_missing_column_is_named_with_what_there_is_and_what_is_near():
    table = make_table((1, 10, 4, 7)).rename(columns={"user": "users"})

    with pytest.raises(ValueError, match=r"columns.user_id` is 'user'.*Did you mean 'users'"):
        clean_ratings(table, make_options())


@pytest.mark.parametrize("separator", [";", ",", "\t", "|", "::"])
def test_a_single_column_hints_at_the_separator(separator):
    table = pd.DataFrame({separator.join(filter(None, COLUMNS.values())): ["1"]})

    with pytest.raises(ValueError, match="separator looks wrong") as error:
        clean_ratings(table, make_options())

    assert f"load_args: {{sep: {json.dumps(separator)}}}" in str(error.value)


def test_an_empty_table_is_refused():
    with pytest.raises(ValueError, match="no rows"):
        clean_ratings(make_table((1, 10, 4, 7)).head(0), make_options())


@pytest.mark.parametrize(
    "changed",
    [
        {"duplicates": "first"},
        {"rating_scale": {"lowest": 5, "highest": 1}},
        {"columns": COLUMNS | {"item_id": "user"}},
        {"colums": COLUMNS},
    ],
)
def test_options_that_make_no_sense_are_refused(changed):
    with pytest.raises(ValidationError):
        CleaningOptions.model_validate(make_options().model_dump() | changed)


@given(st.lists(st.tuples(st.integers(1, 3), st.integers(1, 3), st.integers(0, 40)), min_size=1))
def test_counts_of_a_pair_are_added(plays):
    table = make_table(*((*play, n % 3) for n, play in enumerate(plays)))

    clean = clean_ratings(table, make_options("sum", scale=None))

    added = table.groupby(["user", "film"], as_index=False).agg({"stars": "sum", "at": "max"})
    assert rows_of(clean) == rows_of(added.astype({"stars": "float64"}))


def test_counts_that_are_added_have_no_scale():
    with pytest.raises(ValidationError, match=r"set cleaning\.rating_scale: null"):
        make_options("sum")


def test_a_count_is_not_added_from_train_to_test():
    table = make_table((1, 10, 4, 100), (1, 10, 2, 101)).assign(part=["train", "test"])
    with pytest.raises(ValueError, match="One item of one user is in two parts"):
        clean_ratings(table, make_options("sum", scale=None, part="part"))


def test_rows_that_repeat_a_pair_are_counted():
    assert about_repeats(5, 5, "last") is None
    assert "2 of 5 rows have the user and item of another row and are not" in str(
        about_repeats(5, 3, "refuse")
    )
    assert "are added to it" in str(about_repeats(5, 3, "sum"))
