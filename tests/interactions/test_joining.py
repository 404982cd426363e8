"""Newer ratings are joined to older ones, and only the newest of their new pairs are held out."""

import re

import numpy as np
import pandas as pd
import pytest
from model_options import parameters_of

from collaborative_autoencoders.interactions.cleaning import CleaningOptions
from collaborative_autoencoders.interactions.ids import index_ids
from collaborative_autoencoders.interactions.joining import (
    Joined,
    about_update,
    join_ratings,
    split_by_date,
    split_by_part,
)
from collaborative_autoencoders.interactions.splitting import split_interactions

COLUMNS = ["user_id", "item_id", "rating", "timestamp"]
OLD = [(1, 1, 4, 10), (1, 2, 5, 40), (2, 1, 3, 30)]
NEWER = [
    (1, 1, 2, 55),  # rated again
    (1, 3, 5, 12),  # late: given before ratings of the other table
    (2, 3, 4, 50),
    (3, 1, 4, 51),  # a new user
    (3, 4, 4, 52),  # and a new item
    (1, 4, 3, 53),
]
HALVES = {"test_fraction": 0.2, "validation_fraction": 0.5, "validation_of": "rest"}


def table(rows) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=COLUMNS)


def cleaning(**changes) -> CleaningOptions:
    return CleaningOptions.model_validate(parameters_of("test")["cleaning"] | changes)


def join(newer=NEWER, old=OLD, fractions=HALVES, **changes) -> Joined:
    split = split_by_date(**fractions)
    return join_ratings(table(old), table(newer), cleaning(**changes), split)


def rows_of(joined: Joined) -> list[tuple]:
    names = ["user_id", "item_id", "rating", "part", "row"]
    return list(joined.ratings[names].itertuples(index=False, name=None))


def test_the_newest_of_the_new_pairs_are_held_out_and_all_else_is_train():
    # five new pairs at 12, 50, 51, 52, 53: floor(5 x .2) = 1 is test, floor(4 x .5) = 2 validation
    assert rows_of(join()) == [
        (1, 1, 2, "train", 4),  # the latest rating of the pair, of row 1 of the newer table
        (1, 2, 5, "train", 2),
        (1, 3, 5, "train", 5),
        (1, 4, 3, "test", 9),
        (2, 1, 3, "train", 3),
        (2, 3, 4, "train", 6),
        (3, 1, 4, "validation", 7),
        (3, 4, 4, "validation", 8),
    ]


def test_an_older_rating_of_the_newer_table_does_not_replace_a_later_one():
    assert rows_of(join([(1, 2, 1, 20), *NEWER[1:]]))[1] == (1, 2, 5, "train", 2)


def test_the_parts_are_followed_whatever_the_kind_of_split():
    ratings = join().ratings
    options = split_by_part(ties="hash", seed=42)

    parts = split_interactions(ratings, index_ids(ratings), options, like_threshold=4)

    assert [part.ratings.nnz for part in parts] == [5, 2, 1]
    assert parts.test.ratings.toarray()[0, 3] == 3  # user 1, item 4


def test_train_rows_never_become_validation():
    no_validation = join(fractions=HALVES | {"validation_fraction": 0})
    ratings = no_validation.ratings

    parts = split_interactions(
        ratings, index_ids(ratings), split_by_part(ties="table", seed=1), like_threshold=4
    )

    assert [part.ratings.nnz for part in parts] == [7, 0, 1]
    assert no_validation.update.newer_validation_from is None


def test_the_source_names_both_tables_and_depends_on_both():
    joined = join()

    assert joined.source.data_set == "own data + own data"
    assert joined.source.checksum != join(old=OLD[:2]).source.checksum
    assert joined.source.checksum != join(newer=[*NEWER[:5], (1, 4, 1, 53)]).source.checksum
    assert joined.source.checksum == join().source.checksum
    assert joined.update == (6, 5, "51", "53")


def test_the_facts_of_an_update_say_what_its_figures_are_of():
    assert "newest part of 6 newer ratings, from 53 on" in about_update(join().update._asdict())
    assert about_update({"data_set": "ml-100k"}) is None


def test_columns_of_parts_are_not_read():
    with_parts = {"part": "part"} | dict(zip(COLUMNS, COLUMNS, strict=True))
    old, newer = (table(rows).assign(part="test") for rows in (OLD, NEWER))

    joined = join_ratings(old, newer, cleaning(columns=with_parts), split_by_date(**HALVES))

    assert rows_of(joined) == rows_of(join())


@pytest.mark.parametrize(("column", "fix"), [("user_id", "dtype"), ("item_id", "dtype")])
def test_ids_of_two_kinds_are_refused_with_a_fix(column, fix):
    newer = table(NEWER).astype({column: str})

    with pytest.raises(ValueError, match=rf"{column}: `ratings` has numbers .* has text.*{fix}"):
        join_ratings(table(OLD), newer, cleaning(), split_by_date(**HALVES))


def test_times_of_two_kinds_are_refused():
    newer = table(NEWER).assign(timestamp="2024-05-01")

    with pytest.raises(ValueError, match="timestamp: `ratings` has numbers .* has dates"):
        join_ratings(table(OLD), newer, cleaning(), split_by_date(**HALVES))


def test_without_times_there_is_no_update():
    columns = dict(zip(COLUMNS, COLUMNS, strict=True)) | {"timestamp": None, "part": None}

    with pytest.raises(ValueError, match=r"cleaning\.columns\.timestamp is null"):
        join(columns=columns)


@pytest.mark.parametrize(
    ("newer", "problem"),
    [
        (NEWER[:1], r"Every pair .* of the 1 newer ratings is in `ratings`"),
        (NEWER[:3], r"No newer rating would be test: 2 have a new pair .* 2 different times"),
        ([(1, 9, 5, 60), (2, 9, 5, 60), (3, 9, 5, 60)], "3 have a new pair .* 1 different times"),
    ],
)
def test_newer_ratings_that_leave_nothing_to_judge_on_are_refused(newer, problem):
    with pytest.raises(ValueError, match=problem):
        join(newer)


@pytest.mark.parametrize("validation_of", ["rest", "all"])
@pytest.mark.parametrize("validation_fraction", [0.0, 0.2])
@pytest.mark.parametrize("pairs", range(1, 8))
def test_fractions_that_a_message_proposes_hold_out_rows(pairs, validation_fraction, validation_of):
    newer = [(user, 9, 5, 60 + user) for user in range(pairs)]
    fractions = {"test_fraction": 0.2, "validation_fraction": validation_fraction}
    fractions["validation_of"] = validation_of
    try:
        join(newer, fractions=fractions)
    except ValueError as error:
        proposed = re.findall(r"split\.(\w+_fraction)=([\d.]+)", str(error))
        assert bool(proposed) == (pairs > 1 + (validation_fraction > 0))
        if proposed:
            fractions |= {name: float(value) for name, value in proposed}
            parts = {row[3] for row in rows_of(join(newer, fractions=fractions))}
            assert {"test", "validation" if validation_fraction else "test"} <= parts
            assert "--params split.kind=date,split." in str(error)


def test_a_bad_row_is_named_in_its_own_table():
    with pytest.raises(ValueError, match="`newer_ratings` has the columns"):
        join_ratings(
            table(OLD),
            table(NEWER).rename(columns={"rating": "stars"}),
            cleaning(),
            split_by_date(**HALVES),
        )
    conflict = [(1, 2, 1, 40), *NEWER]  # at the time of the older rating of 5
    with pytest.raises(ValueError, match=r"  ratings, row 2: .*\n  newer_ratings, row 1: "):
        join(conflict)
    assert rows_of(join(conflict, duplicates="last"))[1][:4] == (1, 2, 1, "train")


@pytest.mark.parametrize(
    ("old", "problem"),
    [
        ([(9, 9, 5, 56)], "`newer_ratings` ends at 55 and `ratings` at 56: nothing in it is newer"),
        ([(9, 9, 5, 1_700_000_000)], "ends at 55 and `ratings` at 1700000000"),
    ],
)
def test_a_table_that_ends_earlier_is_not_newer(old, problem):
    with pytest.raises(ValueError, match=problem):
        join(old=[*OLD, *old])


def test_times_of_another_unit_are_refused():
    seconds, milliseconds = (
        [(user, 3, 4, (1_700_000_000 + user) * unit) for user in range(1, 6)] for unit in (1, 1000)
    )
    with pytest.raises(ValueError, match="parts of a second"):
        join(milliseconds, seconds)
    with pytest.raises(ValueError, match="in one unit"):
        join(seconds, milliseconds)


def test_older_rows_of_the_time_of_the_test_are_counted():
    assert join().older_after_test == 0
    assert join(old=[*OLD, (9, 9, 5, 53), (9, 8, 5, 54)]).older_after_test == 2


def test_newer_rows_of_older_pairs_at_the_time_of_the_test_are_counted():
    assert join(NEWER[1:]).again_after_test == 0  # without the first, rated again at 55
    found = join([*NEWER, (1, 2, 3, 54), (2, 1, 3, 52)])  # the test begins at 53
    assert (found.older_after_test, found.again_after_test) == (0, 2)


def test_dates_of_two_units_are_joined_though_one_holds_them_only():
    day_of = {row[3]: row[3] + 2_900_000 * (row[3] >= 50) for row in [*OLD, *NEWER]}  # from 9909

    def dated(rows, unit):
        days = [day_of[row[3]] for row in rows]
        return table(rows).assign(timestamp=np.array(days, "datetime64[D]").astype(f"M8[{unit}]"))

    options = cleaning(), split_by_date(**HALVES)
    assert rows_of(join_ratings(dated(OLD, "ns"), dated(NEWER, "us"), *options)) == rows_of(join())
