"""A test part without ratings, or with those of few users, is said with a fix that works."""

import re
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from model_options import parameters_of

from collaborative_autoencoders.interactions.core import CoreOptions, keep_core
from collaborative_autoencoders.interactions.ids import index_ids
from collaborative_autoencoders.interactions.split_advice import (
    MORE_VALIDATION_ROWS,
    about_no_test,
    about_untested,
)
from collaborative_autoencoders.interactions.split_options import SplitOptions
from collaborative_autoencoders.interactions.split_report import SplitReport, report_split
from collaborative_autoencoders.interactions.splitting import Split, split_interactions

HASH, TIME, DATE = ({"kind": kind} for kind in ("hash", "time", "date"))
GLOBAL = HASH | {"within": "global"}
LAST = {"kind": "last", "test_last": 1, "validation_last": 1}
USERS = {"kind": "users", "fold_in": 0.8, "test_fraction": 0.3, "validation_fraction": 0.3}

N_ROWS = [1, 2, 3] * 200 + [12] * 3
"""Rows of each user: 600 users have too few for the options of conf/base, three have enough."""

BLOCK = re.compile(r"split: \{.*?\}")


def make_options(**changed: Any) -> SplitOptions:
    """Return the split of conf/base with these keys, as they are typed in an environment."""
    return SplitOptions.model_validate(parameters_of("base")["split"] | changed)


def make_ratings(n_rows: list[int]) -> pd.DataFrame:
    """Return a clean table of users with so many rows, all likes, one after the other in time."""
    rows = [
        (user, (7 * user + n) % 60) for user, n_user in enumerate(n_rows) for n in range(n_user)
    ]
    table = pd.DataFrame(rows, columns=["user_id", "item_id"]).assign(rating=np.float32(4))
    table = table.assign(timestamp=np.arange(len(table)) % 97, row=np.arange(1, len(table) + 1))
    return table.sort_values(["user_id", "item_id"], ignore_index=True)


def split(ratings: pd.DataFrame, options: SplitOptions) -> Split:
    return split_interactions(ratings, index_ids(ratings), options, 4)


def report_of(ratings: pd.DataFrame, **changed: Any) -> tuple[SplitReport, str | None]:
    options = make_options(**changed)
    report = report_split(split(ratings, options), options)
    return report, about_untested(report, options)


@pytest.mark.parametrize(
    ("split_by", "tested", "fix", "typed"),
    [
        (HASH, 3, "set split.within: global", GLOBAL),
        (TIME, 3, "raise split.test_fraction", TIME | {"test_fraction": 0.5}),
        (TIME, 3, "set split: {kind: last, test_last: 1, validation_last: 1}", LAST),
        (
            DATE | {"test_from": 96},
            12,
            "set split.test_from to an earlier time",
            DATE | {"test_from": 50},
        ),
        (GLOBAL | {"test_fraction": 0.02}, 26, "raise split.test_fraction", GLOBAL),
    ],
)
def test_a_test_part_of_few_of_many_users_is_said_with_a_fix(split_by, tested, fix, typed):
    ratings = make_ratings(N_ROWS)

    report, said = report_of(ratings, **split_by)
    fixed, _ = report_of(ratings, **typed)

    assert (report.users, report.users - report.short_users) == (603, tested)
    assert f"{report.short_users} of 603 users have " in said and fix in said
    assert fixed.short_users < 0.7 * fixed.users


def test_own_parts_of_few_users_are_said_and_those_of_more_are_not():
    ratings = make_ratings([3] * 40)

    def said(n_tested: int) -> str | None:
        is_test_N = (ratings["user_id"] < n_tested) & (ratings["item_id"] % 7 == 0)
        return report_of(ratings.assign(part=np.where(is_test_N, "test", "train")), kind="own")[1]

    assert "37 of 40 users have no rating in the test part" in said(3)
    assert "so every metric is of the other 3. For more of them, name rows" in said(3)
    assert said(10) is None


def test_users_with_no_row_to_hold_out_are_gone_with_the_core_that_is_proposed():
    ratings = make_ratings(N_ROWS)
    core = CoreOptions.model_validate(
        parameters_of("base")["core"] | {"k": 3, "item_k": 0, "ratings": "core"}
    )

    for split_by, n_short, fix in ((LAST, 400, "core.k"), (USERS, None, "lower split.fold_in")):
        report, said = report_of(ratings, **split_by)
        assert fix in said and n_short in (None, report.short_users)
    lower = USERS | {"fold_in": 0.5}
    kept = keep_core(ratings, core).core
    assert [report_of(kept, **fixed)[1] for fixed in (LAST, lower)] == [None, None]


@pytest.mark.parametrize("split_by", [HASH, GLOBAL, TIME, LAST, DATE, USERS])
def test_users_with_many_rows_are_no_reason_for_a_word(split_by):
    assert report_of(make_ratings([20, 30, 40] * 20), **split_by)[1] is None


def test_a_test_part_that_begins_after_the_last_time_names_the_times_that_have_one():
    ratings = make_ratings([20] * 5)
    options = make_options(kind="date", test_from="2040-01-01")

    said = about_no_test(split(ratings, options), options)

    first, last = map(
        int, re.search(r"after (\d+), the first .* after (\d+), the last", said).groups()
    )
    for moment in (first + 1, last):
        fixed = make_options(kind="date", test_from=moment)
        assert about_no_test(split(ratings, fixed), fixed) is None


@pytest.mark.parametrize("as_dates", [False, True])
def test_rows_of_one_time_are_split_by_hash_as_the_error_proposes(as_dates):
    ratings = make_ratings([20] * 5).assign(timestamp=5)
    if as_dates:
        ratings["timestamp"] = pd.to_datetime(ratings["timestamp"], unit="s")
    by_fraction, from_five = make_options(**DATE), make_options(**DATE, test_from=5)

    said = about_no_test(split(ratings, by_fraction), by_fraction)
    with pytest.raises(ValueError, match="no row to train on: .*All rows have one time") as error:
        split(ratings, from_five)

    assert "all rows have one time" in said
    for text, typed_before in ((said, {}), (str(error.value), {"test_from": 5})):
        block = yaml.safe_load(BLOCK.search(text)[0])["split"]
        fixed = make_options(**DATE | typed_before | block)
        assert about_no_test(split(ratings, fixed), fixed) is None


def test_a_test_part_that_users_with_few_rows_do_not_have_is_there_after_the_fix():
    ratings = make_ratings([3] * 40)

    for split_by in (HASH, TIME):
        options = make_options(**split_by)
        said = about_no_test(split(ratings, options), options)
        block = BLOCK.search(said)
        fix = yaml.safe_load(block[0])["split"] if block else {"within": "global"}
        assert block or "split.within: global" in said
        fixed = make_options(**split_by | fix)
        assert about_no_test(split(ratings, fixed), fixed) is None


FEW_ROWS = [2] * 90


@pytest.mark.parametrize(
    ("n_rows", "split_by", "fix", "typed"),
    [
        (FEW_ROWS, HASH, "set split.within: global (hash)", GLOBAL),
        (FEW_ROWS, HASH, "raise split.validation_fraction", HASH | {"validation_fraction": 0.5}),
        (FEW_ROWS, TIME, "raise split.validation_fraction", TIME | {"validation_fraction": 0.5}),
        ([20] * 9, LAST | {"validation_last": 0}, "or split.validation_last (last)", LAST),
        (
            [20] * 9,
            DATE | {"test_from": 90, "validation_from": 89.5},
            "set split.validation_from to an earlier time (date)",
            DATE | {"test_from": 90, "validation_from": 80},
        ),
        (FEW_ROWS, USERS, "lower split.fold_in (users)", USERS | {"fold_in": 0.5}),
        (
            [20] * 9,
            USERS | {"validation_fraction": 0},
            "raise split.validation_fraction (kinds hash, time and users)",
            USERS,
        ),
    ],
)
def test_an_empty_validation_part_has_rows_after_the_fix_for_its_kind(n_rows, split_by, fix, typed):
    ratings = make_ratings(n_rows)

    empty, filled = (split(ratings, make_options(**each)).validation for each in (split_by, typed))

    assert fix in MORE_VALIDATION_ROWS
    assert (empty.ratings.nnz, bool(filled.likes.nnz)) == (0, True)
