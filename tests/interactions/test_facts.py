"""What is said of the data is true of it."""

import re

import pandas as pd
import pytest

from collaborative_autoencoders.interactions import facts
from collaborative_autoencoders.interactions.column_types import RatingScale
from collaborative_autoencoders.interactions.facts import (
    about_core,
    check_list_lengths,
    checksum_of,
    describe,
    source_of,
)

SCALE = RatingScale(lowest=0, highest=10)
RATINGS = pd.DataFrame(
    {"user_id": ["a", "a", "b"], "item_id": [1, 2, 4], "rating": [5.0, 0.5, 4.0]}
)


def test_the_facts_are_counted():
    facts = describe(RATINGS, like_threshold=4, scale=None, ratings_before_core=7)

    assert facts._asdict() == {
        "rated": True,
        "users": 2,
        "items": 3,
        "ratings": 3,
        "likes": 2,
        "density": 3 / (2 * 3),
        "lowest_rating": 0.5,
        "highest_rating": 5.0,
        "tied_share": None,
        "ratings_before_core": 7,
        "core_users": 2,
        "core_items": 3,
    }


def test_ratings_outside_the_core_are_counted_and_their_likes_are_not():
    facts = describe(RATINGS.head(2), 4, None, ratings_before_core=3, others=RATINGS.tail(1))

    sizes = (facts.users, facts.items, facts.ratings, facts.likes)
    assert sizes == (2, 3, 3, 1)
    assert (facts.core_users, facts.core_items) == (1, 2)
    line = (
        "RMSE and MAE are of ratings held out from all 3; lists are of the core of likes, "
        "1 users x 2 items."
    )
    assert about_core(facts._asdict()) == line


def test_ratings_that_the_core_left_out_are_named():
    facts = describe(RATINGS, like_threshold=4, scale=None, ratings_before_core=26_173)._asdict()

    line = "RMSE and MAE are of the 3 ratings in the core of likes, not of all 26,173."
    assert about_core(facts) == line
    assert about_core(facts | {"ratings_before_core": 3}) is None
    assert about_core(facts | {"rated": False}) is None
    older = {key: value for key, value in facts.items() if key != "ratings_before_core"}
    assert about_core(older) is None


def test_facts_without_the_size_of_the_core_are_of_the_core_alone():
    facts = describe(RATINGS, like_threshold=4, scale=SCALE, ratings_before_core=3)._asdict()
    older = {key: value for key, value in facts.items() if not key.startswith("core_")}

    assert about_core(older) is None


def test_the_scale_is_the_one_declared_whatever_was_given():
    facts = describe(RATINGS, like_threshold=4, scale=SCALE, ratings_before_core=3)

    assert (facts.lowest_rating, facts.highest_rating) == (0, 10)


def test_without_ratings_there_is_no_lowest_one():
    facts = describe(RATINGS.drop(columns="rating"), 4, SCALE, ratings_before_core=3)

    assert (facts.rated, facts.likes, facts.lowest_rating) == (False, 3, None)


def test_a_table_that_says_where_it_is_from_is_believed():
    raw = RATINGS.copy()
    raw.attrs = {"data_set": "ml-100k", "checksum": "ab", "checksum_is_official": True}

    assert source_of(raw, RATINGS) == ("ml-100k", "ab", True)


def test_a_table_of_ones_own_gets_a_checksum_of_its_content():
    assert source_of(RATINGS, RATINGS) == ("own data", checksum_of(RATINGS), None)


@pytest.mark.parametrize(("column", "value"), [("user_id", "c"), ("item_id", 3), ("rating", 4.5)])
def test_the_checksum_changes_with_any_value(column, value):
    changed = RATINGS.copy()
    changed.loc[1, column] = value

    assert checksum_of(changed) != checksum_of(RATINGS)
    assert checksum_of(RATINGS.copy()) == checksum_of(RATINGS)


def test_lists_longer_than_the_catalogue_are_refused():
    check_list_lengths([1, 3], n_items=3)
    with pytest.raises(ValueError, match=r"evaluation.k: 20 .* 3 items"):
        check_list_lengths([1, 20], n_items=3)


@pytest.mark.parametrize(
    ("n_items", "wanted"), [(50, [10]), (12, [3]), (1, [1]), (150, [10, 75]), (21, [10])]
)
def test_the_lists_that_are_proposed_are_shorter_than_half_of_the_catalogue(n_items, wanted):
    with pytest.raises(ValueError, match=re.escape(f"evaluation: {{k: {wanted}, primary")):
        check_list_lengths([10, 75, 200], n_items)


def test_the_checksum_is_the_same_however_many_rows_are_hashed_at_once(monkeypatch):
    whole = checksum_of(RATINGS)
    monkeypatch.setattr(facts, "ROWS_AT_ONCE", 2)
    assert checksum_of(RATINGS) == whole
