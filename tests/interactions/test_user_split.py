"""In a split by users, held-out users are in no fit, and a share of their rows is shown."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from model_options import parameters_of
from pydantic import ValidationError

from collaborative_autoencoders.evaluation.known import refuse_leak
from collaborative_autoencoders.interactions import Interactions
from collaborative_autoencoders.interactions.ids import index_ids
from collaborative_autoencoders.interactions.part import fingerprint
from collaborative_autoencoders.interactions.part_bytes import part_from_bytes, part_to_bytes
from collaborative_autoencoders.interactions.split_advice import about_untested
from collaborative_autoencoders.interactions.split_options import SplitOptions
from collaborative_autoencoders.interactions.split_report import report_split
from collaborative_autoencoders.interactions.splitting import Split, split_interactions
from collaborative_autoencoders.interactions.unseen_users import refuse_split_by_users

DRAWN = {"test_fraction": 0.2, "validation_fraction": 0.25, "fold_in": 0.6}

pairs = st.sets(st.tuples(st.integers(0, 9), st.integers(0, 8)), max_size=60)
tables = pairs.map(lambda some: sorted(some | {(user, 9) for user in range(10)}))


def make_options(**changed) -> SplitOptions:
    return SplitOptions.model_validate(
        parameters_of("test")["split"] | {"kind": "users"} | DRAWN | changed
    )


def make_ratings(rows) -> pd.DataFrame:
    table = pd.DataFrame(list(rows), columns=["user_id", "item_id"])
    return table.assign(rating=np.float32(1) + (table["user_id"] + table["item_id"]) % 5)


def split(rows, ids=None, **changed) -> Split:
    ratings = make_ratings(rows)
    return split_interactions(ratings, ids or index_ids(ratings), make_options(**changed), 4)


def users_of(part: Interactions) -> set[int]:
    return set(np.flatnonzero(np.diff(part.ratings.indptr)).tolist())


def cells(part: Interactions) -> set[tuple[int, int]]:
    return set(zip(*(axis.tolist() for axis in part.ratings.nonzero()), strict=True))


def test_ten_users_of_five_rows_fall_as_in_the_drawing():
    parts = split([(user, item) for user in range(10) for item in range(5)])

    assert [len(users_of(part)) for part in parts] == [6, 2, 2]
    assert [part.ratings.nnz for part in parts] == [6 * 5, 2 * 2, 2 * 2]
    assert parts.train.fold_in is None
    assert [part.fold_in.ratings.nnz for part in parts[1:]] == [2 * 3, 2 * 3]


@settings(max_examples=25)
@given(tables)
def test_the_parts_and_what_is_shown_are_the_table_and_share_nothing(rows):
    parts = split(rows)

    whole = parts.train.joined(parts.validation).joined(parts.test)  # raises if they share a cell
    assert whole.ratings.data.tolist() == make_ratings(rows)["rating"].tolist()
    users = [users_of(part.whole) for part in parts]
    assert [len(some) for some in users] == [6, 2, 2]
    assert set.union(*users) == set(range(10))


@settings(max_examples=25)
@given(tables)
def test_a_fit_reads_no_row_of_a_test_user(rows):
    parts, ids = split(rows), index_ids(make_ratings(rows))
    test_users = users_of(parts.test.whole)

    without = split([row for row in rows if row[0] not in test_users], ids)

    read, unchanged = (
        fingerprint(train=some.train, validation=some.validation) for some in (parts, without)
    )
    assert read == unchanged
    assert not test_users & users_of(parts.train.joined(parts.validation))


@settings(max_examples=25)
@given(tables, st.randoms())
def test_the_order_of_the_table_and_other_users_do_not_move_a_row(rows, random):
    shuffled = rows.copy()
    random.shuffle(shuffled)

    parts, again = split(rows), split(shuffled)

    assert [cells(part) for part in again] == [cells(part) for part in parts]
    held_out = cells(parts.test) | cells(parts.validation)
    for other in split(rows, test_fraction=0.5)[1:]:  # more users are held out
        both = users_of(other.whole) & users_of(parts.test.whole.joined(parts.validation))
        of_both = {cell for cell in held_out if cell[0] in both}
        assert of_both == {cell for cell in cells(other) if cell[0] in both}


@settings(max_examples=25)
@given(tables)
def test_a_part_comes_back_from_its_file_with_what_is_shown(rows):
    for part in split(rows)[1:]:
        again = part_from_bytes(part_to_bytes(part))

        assert cells(again) == cells(part)
        assert cells(again.fold_in) == cells(part.fold_in)
        assert again.likes.nnz == part.likes.nnz


def test_a_row_of_a_test_user_that_is_planted_into_another_part_is_found():
    train, validation, test = split([(user, item) for user in range(10) for item in range(6)])
    refuse_leak(test, train=train, validation=validation)

    leak = test.fold_in.without_cells(train.ratings)

    with pytest.raises(ValueError, match=r"user_index \d is a test user and has ratings in train"):
        refuse_leak(test, train=train.joined(leak), validation=validation)


def test_a_user_with_ratings_and_none_to_fold_in_is_refused():
    *_, test = split([(user, item) for user in range(10) for item in range(6)])
    user = min(users_of(test))

    with pytest.raises(ValueError, match=f"user_index {user} has ratings and none to fold in"):
        Interactions(
            test.ratings, test.likes, None, test.fold_in.without_cells(test.fold_in.ratings)
        )


def test_the_report_counts_what_is_shown_and_users_with_too_few_rows():
    rows = [(user, item) for user in range(10) for item in range(5 if user else 1)]
    options = make_options(test_fraction=0.6, validation_fraction=0.3, validation_of="all")
    parts = split(rows, test_fraction=0.6, validation_fraction=0.3, validation_of="all")
    short = 0 in users_of(parts.test.whole.joined(parts.validation))

    report = report_split(parts, options)

    assert report.train + report.validation + report.test + report.shown == len(rows)
    assert report.new_users == 0
    assert (report.users, report.short_users) == (9, 1) and short
    assert str(about_untested(report, options)).startswith("1 of 9 validation and test users have")


@pytest.mark.parametrize("key", ["test_fraction", "validation_fraction"])
def test_a_fraction_that_is_less_than_one_user_is_refused(key):
    with pytest.raises(ValueError, match=rf"split\.{key}: 0.01 of 10 users .*Raise the fraction"):
        split([(user, 0) for user in range(10)], **{key: 0.01})


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"fold_in": None}, "needs fold_in"),
        ({"fold_in": 1}, "less than 1"),
        ({"fold_in": 0}, "greater than 0"),
        ({"within": "global"}, "Set within: user"),
        ({"kind": "hash"}, "fold_in is read by kind: users only, and kind is hash"),
    ],
)
def test_a_bad_option_is_refused(changed, problem):
    with pytest.raises(ValidationError, match=problem):
        make_options(**changed)


def test_the_pipeline_of_unseen_users_says_that_all_of_them_are_unseen():
    parts = split([(user, item) for user in range(10) for item in range(5)])

    refuse_split_by_users(parts.train)
    with pytest.raises(ValueError, match=r"set split\.kind: hash and split\.fold_in: null"):
        refuse_split_by_users(parts.validation)
