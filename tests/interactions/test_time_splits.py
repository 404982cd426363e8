"""Splits by time never train on the future, and ties in time go as the options say."""

import re

import numpy as np
import pandas as pd
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from model_options import parameters_of
from pydantic import ValidationError

from collaborative_autoencoders.interactions.cleaning import CleaningOptions, clean_ratings
from collaborative_autoencoders.interactions.facts import checksum_of, describe
from collaborative_autoencoders.interactions.ids import index_ids, known_indices
from collaborative_autoencoders.interactions.split_options import (
    TEST,
    TRAIN,
    VALIDATION,
    SplitOptions,
)
from collaborative_autoencoders.interactions.split_report import report_split
from collaborative_autoencoders.interactions.splitting import (
    blocks_of_users,
    parts_and_order,
    split_interactions,
)
from collaborative_autoencoders.interactions.time_splits import tied_share

LAST = {"kind": "last", "test_last": 1, "validation_last": 1}
TIME = {"kind": "time", "test_fraction": 0.2, "validation_fraction": 0.25}
DATE = TIME | {"kind": "date"}

rows = st.tuples(st.integers(0, 4), st.integers(0, 8), st.integers(0, 6))
tables = st.lists(rows, min_size=1, max_size=40, unique_by=lambda row: row[:2])
by_user = st.sampled_from([LAST, TIME, LAST | {"ties": "hash"}])


def make_options(**changed) -> SplitOptions:
    return SplitOptions.model_validate(parameters_of("test")["split"] | changed)


def make_ratings(pairs) -> pd.DataFrame:
    """A clean table, sorted by user and item; `row` is the order that the rows are given in."""
    table = pd.DataFrame(list(pairs), columns=["user_id", "item_id", "timestamp"])
    table = table.assign(rating=np.float32(4), row=np.arange(1, len(table) + 1))
    return table.sort_values(["user_id", "item_id"], ignore_index=True)


def with_parts(ratings: pd.DataFrame, **changed) -> pd.DataFrame:
    ids = index_ids(ratings)
    index = [
        known_indices(table, ratings[name])
        for table, name in ((ids.users, "user_id"), (ids.items, "item_id"))
    ]
    all_N = np.ones(len(ratings), dtype=np.bool_)
    part_N, _ = parts_and_order(ratings, *index, ids, make_options(**changed), all_N, all_N)
    return ratings.assign(part=part_N)


@given(tables, st.sampled_from([LAST, TIME, DATE, LAST | {"ties": "hash"}, {"kind": "hash"}]))
def test_parts_and_places_do_not_depend_on_how_many_rows_are_split_at_once(pairs, changed):
    ratings = make_ratings(pairs).sample(frac=1, random_state=0, ignore_index=True)
    ids = index_ids(ratings)
    index = (
        known_indices(ids.users, ratings["user_id"]),
        known_indices(ids.items, ratings["item_id"]),
    )
    in_core_N, liked_N = np.arange(2 * len(ratings)).reshape(2, -1) % 3 > 0
    given_N = (ratings, *index, ids, make_options(**changed), in_core_N, liked_N)

    few, all_at_once = (parts_and_order(*given_N, rows_at_once=n) for n in (2, 100))

    assert few[0].tolist() == all_at_once[0].tolist()
    assert few[1].tolist() == all_at_once[1].tolist()


def test_a_block_has_all_rows_of_some_users():
    user_N = np.array([1, 0, 2, 1, 0, 1, 3])

    blocks = [rows.tolist() for rows in blocks_of_users(user_N, rows_at_once=3)]

    assert blocks == [[1, 4], [0, 2, 3, 5], [6]]


def future_in_training(parted: pd.DataFrame, by: list[str]) -> int:
    """Number of rows earlier than a row of an earlier part, per group of `by`."""
    late = 0
    for _, group in parted.groupby(by) if by else [(None, parted)]:
        for part in (VALIDATION, TEST):
            before = group[group["part"] < part]["timestamp"]
            if len(before):
                late += int((group[group["part"] == part]["timestamp"] < before.max()).sum())
    return late


def in_order(parted: pd.DataFrame) -> list[int]:
    return parted.sort_values("row")["part"].tolist()


def test_ten_rows_of_a_user_fall_as_in_the_drawing():
    ratings = make_ratings([(0, 9 - time, time) for time in range(10)])

    assert in_order(with_parts(ratings, **LAST)) == [TRAIN] * 8 + [VALIDATION, TEST]
    assert in_order(with_parts(ratings, **TIME)) == [TRAIN] * 6 + [VALIDATION] * 2 + [TEST] * 2


@given(tables, by_user)
def test_no_user_has_a_future_in_training(pairs, options):
    parted = with_parts(make_ratings(pairs), **options)

    assert future_in_training(parted, ["user_id"]) == 0


@given(tables, st.sampled_from(["rest", "all"]))
def test_one_date_has_no_future_in_training_at_all(pairs, validation_of):
    ratings = make_ratings([*pairs, (5, 0, -1)])

    parted = with_parts(ratings, **DATE, validation_of=validation_of)

    times = parted.groupby("part")["timestamp"].agg(["min", "max"]).sort_index()
    assert (times["max"].to_numpy()[:-1] < times["min"].to_numpy()[1:]).all()
    assert (parted["part"] == TEST).sum() <= len(parted) * 0.2


@pytest.mark.parametrize(("options", "by"), [(LAST, ["user_id"]), (TIME, ["user_id"]), (DATE, [])])
def test_a_planted_future_is_caught(options, by):
    parted = with_parts(make_ratings([(0, item, item) for item in range(10)]), **options)
    assert future_in_training(parted, by) == 0
    parted.loc[[0, 9], "part"] = parted["part"].iloc[[9, 0]].to_numpy()

    assert future_in_training(parted, by) > 0


@given(tables, st.sampled_from([LAST, TIME, DATE]))
def test_the_parts_are_the_table_and_share_nothing(pairs, options):
    ratings = make_ratings(pairs)

    split = split_interactions(ratings, index_ids(ratings), make_options(**options), 4)

    whole = split.train.joined(split.validation).joined(split.test)  # raises if they share a cell
    assert whole.times.data.tolist() == ratings["timestamp"].tolist()


@given(tables, by_user)
def test_another_users_rows_do_not_matter(pairs, options):
    ratings = make_ratings(pairs)
    alone = ratings[ratings["user_id"] == pairs[0][0]].reset_index(drop=True)

    together = with_parts(ratings, **options)

    assert (
        with_parts(alone, **options)["part"].tolist()
        == together[together["user_id"] == pairs[0][0]]["part"].tolist()
    )


@given(st.integers(1, 5), st.integers(0, 2), st.integers(0, 2))
def test_a_user_with_too_few_rows_keeps_them_for_training(n_rows, test, validation):
    ratings = make_ratings([(0, item, item) for item in range(n_rows)])

    parts = in_order(with_parts(ratings, kind="last", test_last=test, validation_last=validation))

    held_out = [VALIDATION] * validation + [TEST] * test
    expected = [TRAIN] * (n_rows - len(held_out)) + held_out
    assert parts == (expected if n_rows > len(held_out) else [TRAIN] * n_rows)


def test_ties_go_by_the_raw_table_or_by_hash():
    one = make_ratings([(0, item, 7) for item in range(20)])
    other = make_ratings([(0, item, 7) for item in reversed(range(20))])

    by_table = [with_parts(ratings, **LAST)["part"].tolist() for ratings in (one, other)]
    by_hash = [with_parts(ratings, **LAST, ties="hash")["part"] for ratings in (one, other)]

    assert by_table[0] == [TRAIN] * 18 + [VALIDATION, TEST]
    assert by_table[1] == [TEST, VALIDATION] + [TRAIN] * 18
    pd.testing.assert_series_equal(*by_hash)


@pytest.mark.parametrize("as_dates", [False, True])
def test_parts_begin_at_the_dates(as_dates):
    times = [0, 86400, 2 * 86400, 3 * 86400, 4 * 86400]
    ratings = make_ratings([(0, item, time) for item, time in enumerate(times)])
    if as_dates:
        ratings["timestamp"] = pd.to_datetime(ratings["timestamp"], unit="s")

    parted = with_parts(ratings, kind="date", test_from="1970-01-04", validation_from="1970-01-03")

    assert in_order(parted) == [TRAIN, TRAIN, VALIDATION, TEST, TEST]


def test_a_date_that_leaves_nothing_to_train_on_is_refused():
    ratings = make_ratings([(0, 1, 978300760), (0, 2, 978300770)])

    with pytest.raises(ValueError, match=r"no row to train on: .*978300760 to 978300770"):
        with_parts(ratings, kind="date", test_from="1999-01-01")


@pytest.mark.parametrize("scale", [10**3, 10**6])
def test_a_date_beside_times_in_another_unit_is_refused_with_its_number(scale):
    ratings = make_ratings([(0, item, (1580000000 + 10**6 * item) * scale) for item in range(5)])
    typed = {"validation_from": "2020-02-02", "test_from": "2020-02-20T12:00"}

    with pytest.raises(ValueError, match="no row to train on: .*validation_from is 15806") as error:
        with_parts(ratings, kind="date", **typed)

    fixed = yaml.safe_load(re.search("`(.+)`", str(error.value))[1])["split"]
    parted = with_parts(ratings, kind="date", **fixed)
    assert in_order(parted) == [TRAIN, VALIDATION, VALIDATION, TEST, TEST]


def test_a_date_before_all_rows_has_no_begin_that_is_not_there():
    ratings = make_ratings([(0, 1, 978300760), (0, 2, 978300770)])

    with pytest.raises(ValueError, match=r"and test_from is 9151488.*Choose later") as error:
        with_parts(ratings, kind="date", test_from="1999-01-01")
    assert "inf" not in str(error.value)


@pytest.mark.parametrize("dates", [{"test_from": 5, "validation_from": 7}, {"validation_from": 9}])
def test_a_validation_that_begins_with_the_test_part_or_later_is_refused(dates):
    ratings = make_ratings([(0, item, item) for item in range(10)])

    with pytest.raises(ValueError, match=r"validation_from: \d is not before the test part"):
        with_parts(ratings, **DATE | dates)


def test_a_table_without_row_numbers_says_how_to_get_them():
    ratings = make_ratings([(0, 1, 1), (0, 2, 2), (0, 3, 3)]).drop(columns="row")

    with pytest.raises(ValueError, match=r"`kedro run --pipelines data_engineering`"):
        with_parts(ratings, **LAST)
    assert with_parts(ratings, **LAST, ties="hash")["part"].tolist() == [TRAIN, VALIDATION, TEST]


def test_without_times_the_split_names_the_column_to_set():
    ratings = make_ratings([(0, 1, 1)]).drop(columns="timestamp")

    with pytest.raises(ValueError, match=r"kind: last needs times.*cleaning\.columns\.timestamp"):
        with_parts(ratings, **LAST)


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"test_last": 1}, "test_last is read by kind: last only, and kind is hash"),
        ({"kind": "time", "test_from": "2000-01-01"}, "test_from is read by kind: date only"),
        ({"kind": "last", "test_last": 1}, "needs test_last and validation_last"),
        ({"kind": "time", "within": "global"}, "kind: date for one date"),
        ({"kind": "date", "test_from": "yesterday"}, "'yesterday' is not a date"),
    ],
)
def test_a_key_that_the_kind_does_not_read_is_refused(changed, problem):
    with pytest.raises(ValidationError, match=problem):
        make_options(**changed)


def test_tied_rows_are_counted_within_users():
    user = np.array([0, 0, 0, 0, 0, 0, 1])
    times = np.array([70, 80, 70, 90, 70, 90, 90])

    assert tied_share(user, times) == 3 / 7
    facts = describe(make_ratings([(0, 1, 7), (0, 2, 7)]), 4, None, ratings_before_core=2)
    assert facts.tied_share == 1 / 2


def test_the_row_of_the_raw_table_is_kept_and_is_not_content():
    options = parameters_of("test")["cleaning"]
    raw = pd.DataFrame(
        {"user_id": [2, 1, 2], "item_id": [5, 6, 4], "rating": [4, 4, 5], "timestamp": [3, 2, 1]}
    )

    clean, reversed_clean = (
        clean_ratings(table.reset_index(drop=True), CleaningOptions.model_validate(options))
        for table in (raw, raw[::-1])
    )

    assert clean["row"].tolist() == [2, 3, 1]
    assert reversed_clean["row"].tolist() == [2, 1, 3]
    assert checksum_of(clean) == checksum_of(reversed_clean)


def test_users_whose_test_row_is_decided_by_a_tie_are_counted():
    #                 tied across        not tied         tied in the test part only
    rows = [(0, 0, 5), (0, 1, 7), (0, 2, 7), (1, 0, 1), (1, 1, 2), (2, 0, 1), (2, 1, 2), (2, 2, 2)]
    ratings = make_ratings(rows)
    options = make_options(kind="last", test_last=1, validation_last=0)
    two_last = make_options(kind="last", test_last=2, validation_last=0)

    report, of_two = (
        report_split(split_interactions(ratings, index_ids(ratings), each, 4), each)
        for each in (options, two_last)
    )

    assert (report.tied_users, of_two.tied_users) == (2, 0)
    assert "split.ties=hash" in report.about_ties
    assert of_two.about_ties is None


FAR = [f"{year:04}-12-31T10:00:00" for year in (1, 1600, 1999, 2000, 2001, 2300, 9999)]


@pytest.mark.parametrize("changed", [LAST, TIME, DATE, {"kind": "date", "test_from": "2262-12-31"}])
@pytest.mark.parametrize("is_text", [True, False])
def test_dates_that_nanoseconds_do_not_hold_are_in_order(changed, is_text, tmp_path):
    """9999-12-31 is how databases write an open end, and 0001-01-01 an unknown time."""
    at = FAR if is_text else np.array(FAR, dtype="datetime64[ms]")
    table = pd.DataFrame({"user_id": 1, "item_id": range(7), "rating": 4.0, "timestamp": at})
    options = CleaningOptions.model_validate(parameters_of("test")["cleaning"])
    clean_ratings(table, options).to_parquet(tmp_path / "clean.parquet")
    ratings = pd.read_parquet(tmp_path / "clean.parquet")

    parts = split_interactions(ratings, index_ids(ratings), make_options(**changed), 3.0)

    found = {part: matrix.times.data for part, matrix in zip("abc", parts, strict=True)}
    seconds_N = np.array(FAR, dtype="datetime64[s]").astype(float)
    assert np.concatenate([found["a"], found["b"], found["c"]]).tolist() == seconds_N.tolist()
    assert len(found["a"])
    assert len(found["c"])


@pytest.mark.parametrize("word", ["now", "today", ""])
def test_no_date_of_a_split_is_the_moment_of_the_run(word):
    with pytest.raises(ValidationError, match=f"'{word}' is not a date"):
        make_options(kind="date", test_from=word)
