"""A split of one's own is followed row by row, and what training has not seen is counted."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from model_options import parameters_of

from collaborative_autoencoders.datasets.joined_parts import joined
from collaborative_autoencoders.interactions.cleaning import CleaningOptions, clean_ratings
from collaborative_autoencoders.interactions.ids import index_ids
from collaborative_autoencoders.interactions.own_split import about_parts
from collaborative_autoencoders.interactions.split_options import SplitOptions
from collaborative_autoencoders.interactions.split_report import report_split
from collaborative_autoencoders.interactions.splitting import Split, split_interactions

NAMES = ("train", "validation", "test")

OWN = SplitOptions.model_validate(parameters_of("test")["split"] | {"kind": "own"})

cells = st.tuples(st.integers(0, 4), st.integers(0, 6), st.sampled_from(NAMES))
tables = st.lists(cells, min_size=1, max_size=30, unique_by=lambda row: row[:2])


def make_table(rows) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["user", "item", "part"])


def clean(
    table: pd.DataFrame, duplicates: str = "refuse", timestamp: str | None = None
) -> pd.DataFrame:
    columns = {"user_id": "user", "item_id": "item", "rating": None, "timestamp": timestamp}
    options = {"columns": columns | {"part": "part"}, "rating_scale": None}
    return clean_ratings(
        table, CleaningOptions.model_validate(options | {"duplicates": duplicates})
    )


def split(table: pd.DataFrame, **changed) -> Split:
    ratings = clean(table)
    options = parameters_of("test")["split"] | {"kind": "own"} | changed
    return split_interactions(
        ratings, index_ids(ratings), SplitOptions.model_validate(options), like_threshold=4
    )


@given(tables)
def test_the_parts_are_those_of_the_table(rows):
    rows = [*rows, (5, 7, "train"), (5, 8, "validation")]
    users, items = (sorted({row[place] for row in rows}) for place in (0, 1))

    parts = split(make_table(rows))

    for name, part in zip(NAMES, parts, strict=True):
        user_N, item_N = part.ratings.tocoo().coords
        found = {(users[user], items[item]) for user, item in zip(user_N, item_N, strict=True)}
        assert found == {row[:2] for row in rows if row[2] == name}


def test_names_of_parts_may_be_written_in_other_ways():
    table = make_table([(1, 1, "Training"), (1, 2, " valid"), (1, 3, "dev"), (1, 4, "TEST")])

    assert clean(table)["part"].tolist() == ["train", "validation", "validation", "test"]


def test_another_name_is_refused_with_its_row():
    table = make_table([(1, 1, "train"), (1, 2, "holdout")])

    with pytest.raises(ValueError, match=r"row 2 \(.*item_id: 2\): part 'holdout' is not a part"):
        clean(table)


def test_tables_of_parts_are_joined_under_their_names():
    table = make_table([(1, 1, ""), (1, 2, "")]).drop(columns="part")

    both = joined({"raw/test.csv": table[:1], "raw/train.csv": table[1:].reset_index(drop=True)})

    assert both["part"].tolist() == ["test", "train"]
    assert joined({"a": both, "b": both})["part"].tolist() == ["test", "train"] * 2


def test_one_pair_in_two_parts_is_refused():
    table = make_table([(1, 1, "train"), (1, 2, "train"), (1, 1, "test")])

    with pytest.raises(ValueError, match=r"in two parts:\n  row 1: .*\n  row 3: .*part: 'test'"):
        clean(table)
    assert clean(table, "last")["part"].tolist() == ["test", "train"]


@given(st.permutations(NAMES), st.permutations([7, 8, 9]))
def test_of_a_pair_in_several_parts_the_row_of_the_latest_part_is_kept(parts, times):
    """In whatever order the rows are in the table and in time: a test part stays whole."""
    table = make_table([(1, 1, part) for part in (*parts, "train")]).assign(at=[*times, 99])
    with pytest.raises(ValueError, match="keep the row of the later part: that of test") as error:
        clean(table)
    assert "sum" not in str(error.value)
    rest = table[table["part"] != "test"].reset_index(drop=True)
    for timestamp in (None, "at"):
        assert clean(table, "last", timestamp)["part"].tolist() == ["test"]
        assert clean(rest, "last", timestamp)["part"].tolist() == ["validation"]


def test_without_validation_rows_a_share_of_the_train_rows_is_validation():
    rows = [(1, item, "train") for item in range(10)] + [(1, item, "test") for item in (10, 11)]

    parts = split(make_table(rows), validation_fraction=0.3)

    assert [part.ratings.nnz for part in parts] == [7, 3, 2]
    assert parts.test.ratings.indices.tolist() == [10, 11]


@pytest.mark.parametrize("order", [NAMES, NAMES[::-1]])
def test_the_order_of_the_categories_does_not_matter(order):
    ratings = clean(make_table([(1, 1, "train"), (1, 2, "validation"), (1, 3, "test")]))
    ratings["part"] = ratings["part"].cat.reorder_categories(list(order))
    options = SplitOptions.model_validate(parameters_of("test")["split"] | {"kind": "own"})

    parts = split_interactions(ratings, index_ids(ratings), options, like_threshold=4)

    assert [part.ratings.indices.tolist() for part in parts] == [[0], [1], [2]]


def test_parts_that_no_kind_reads_and_a_kind_without_parts_are_refused():
    table = make_table([(1, 1, "train")])

    with pytest.raises(ValueError, match=r"Set split\.kind: own, or cleaning\.columns\.part: null"):
        split(table, kind="hash")
    with pytest.raises(ValueError, match=r"no row is train, 0 are validation and 1 test"):
        split(table.assign(part="test"))
    ratings = clean(table).drop(columns="part")
    options = SplitOptions.model_validate(parameters_of("test")["split"] | {"kind": "own"})
    with pytest.raises(ValueError, match=r"Set cleaning\.columns\.part to its column"):
        split_interactions(ratings, index_ids(ratings), options, like_threshold=4)


def test_users_and_items_without_training_are_counted():
    rows = [(1, 1, "train"), (1, 2, "test"), (2, 1, "test"), (2, 2, "test"), (3, 1, "validation")]

    report = report_split(split(make_table(rows)), OWN)

    assert report[:3] == (1, 1, 3)
    assert (report.new_users, report.ratings_of_new_users) == (1, 2)  # user 2
    assert (report.new_items, report.ratings_of_new_items) == (1, 2)  # item 2
    assert "1 users of the test part (2 ratings)" in str(report.about_new)
    assert (report.users_not_in_train, report.items_not_in_train) == (1, 1)


def test_what_is_only_in_validation_is_new_to_a_fit_on_train_alone():
    rows = [(1, 1, "train"), (2, 2, "validation"), (2, 1, "test"), (1, 2, "test")]

    report = report_split(split(make_table(rows)), OWN)

    assert (report.new_users, report.new_items) == (0, 0)
    assert (report.users_not_in_train, report.items_not_in_train) == (1, 1)
    said = str(report.about_new)
    assert "no user and no item of the test part. With training.refit: false" in said
    assert "which fits on train alone, it is 1 users and 1 items" in said


def test_nothing_is_said_where_all_is_known():
    rows = [(1, 1, "train"), (1, 2, "test"), (2, 2, "train")]

    assert report_split(split(make_table(rows)), OWN).about_new is None
    assert np.isfinite(report_split(split(make_table(rows)), OWN)).all()


@pytest.mark.parametrize(
    ("tables", "are_parts"),
    [
        (["train", "test"], True),
        (["raw/Train", "raw/valid", "raw/TEST"], True),
        (["training.csv", "dev.csv", "test.csv"], True),
        (["train", "valid"], False),
        (["2023", "2024"], False),
        (["latest", "strain"], False),
        ([], False),
    ],
)
def test_tables_with_the_names_of_parts_are_recognised(tables, are_parts):
    assert (about_parts(tables) is not None) == are_parts
