"""The core is the largest table in which everybody has k likes."""

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from collaborative_autoencoders.interactions.core import (
    CoreOptions,
    about_counts,
    about_likes,
    keep_core,
)


def make_ratings(*rows) -> pd.DataFrame:
    return pd.DataFrame(list(rows), columns=["user_id", "item_id", "rating"][: len(rows[0])])


def make_options(k=2, like_threshold=4, min_rating=None, counts=False, **apart) -> CoreOptions:
    given = {"k": k, "like_threshold": like_threshold, "min_rating": min_rating}
    given |= {"counts": counts, "user_k": None, "item_k": None, "ratings": "core"}
    return CoreOptions.model_validate(given | apart)


def pairs_of(ratings: pd.DataFrame) -> set[tuple]:
    return set(zip(ratings["user_id"], ratings["item_id"], strict=True))


#     item 0 1 2
# user 0   5 4 .
# user 1   4 5 1
# user 2   2 5 4
DRAWN = make_ratings(
    (0, 0, 5), (0, 1, 4), (1, 0, 4), (1, 1, 5), (1, 2, 1), (2, 0, 2), (2, 1, 5), (2, 2, 4)
)


def test_the_drawing_in_the_docstring_is_true():
    core, _, report = keep_core(DRAWN, make_options())

    assert pairs_of(core) == {(0, 0), (0, 1), (1, 0), (1, 1)}
    assert report.before == (3, 3, 8, 6, 8 / 9)
    assert report.after == (2, 2, 4, 4, 1.0)
    assert report.rounds == 2


def test_ratings_outside_the_core_are_kept_for_models_of_ratings():
    core, others, _ = keep_core(DRAWN, make_options(ratings="all"))

    assert pairs_of(core) == pairs_of(keep_core(DRAWN, make_options()).core)
    assert pairs_of(others) == pairs_of(DRAWN) - pairs_of(core) != set()
    assert keep_core(DRAWN, make_options()).others.empty
    likes_only = DRAWN.drop(columns="rating")
    core, others, _ = keep_core(likes_only, make_options(k=0, item_k=3, ratings="all"))
    assert others.empty and len(core) < len(likes_only)


def test_the_report_counts_users_and_items_that_have_a_row():
    only_rare = make_ratings((0, 0, 5), (1, 0, 5), (2, 1, 5))  # nothing is left of user 2
    core, _, report = keep_core(only_rare, make_options(k=0, item_k=2))

    assert pairs_of(core) == {(0, 0), (1, 0)}
    assert report.after == (2, 1, 2, 2, 1.0)


def test_the_report_reads_as_one_line():
    _, _, report = keep_core(DRAWN, make_options())

    assert str(report) == (
        "Core: 3 users x 3 items, 8 ratings (6 likes), density 88.889 % -> "
        "2 users x 2 items, 4 ratings (4 likes), density 100.000 %; rounds: 2; items outside it, "
        "which are never recommended: 1"
    )


def test_lower_ratings_between_survivors_stay():
    ratings = make_ratings((0, 0, 5), (0, 1, 5), (1, 0, 5), (1, 1, 5), (2, 0, 5), (2, 1, 1))

    core = keep_core(ratings, make_options(k=1)).core

    assert (2, 1) in pairs_of(core)


def test_ratings_below_the_lowest_are_gone_before_anything_is_counted():
    core, _, report = keep_core(DRAWN, make_options(k=1, min_rating=4))

    assert report.before.ratings == report.before.likes == 6
    assert core["rating"].min() == 4


def test_without_a_core_everybody_stays():
    core, _, report = keep_core(DRAWN, make_options(k=0))

    pd.testing.assert_frame_equal(core, DRAWN)
    assert report.rounds == 0


def test_without_ratings_every_row_is_a_like():
    ratings = DRAWN[["user_id", "item_id"]]

    core, _, report = keep_core(ratings, make_options(k=2, min_rating=3))

    assert report.before.likes == 8
    assert pairs_of(core) == pairs_of(ratings)


@pytest.mark.parametrize(
    ("options", "likes", "mended"),
    [
        (make_options(k=3), 6, {"k": 2}),
        (make_options(like_threshold=6), 0, {"like_threshold": 5}),
        (make_options(min_rating=9), 0, {"min_rating": None}),
    ],
)
def test_nothing_left_names_the_keys_and_the_likes_and_a_fix_that_works(options, likes, mended):
    with pytest.raises(ValueError) as error:
        keep_core(DRAWN, options)

    (value,) = mended.values()
    assert str(error.value).endswith((f"set core.k: {value}.", "at most it.", "set it to null."))
    assert len(keep_core(DRAWN, options.model_copy(update={"k": 1} | mended))[0])

    for words in ("core.min_rating", "core.like_threshold", "core.k", f" {likes} are likes"):
        assert words in str(error.value)


def naive_core(rows: list[tuple], k: int) -> set[tuple]:
    """Take away one user or item at a time, whoever comes first."""
    likes = [row for row in rows if row[2] >= 4]
    while True:
        for place in (0, 1):
            ids = [row[place] for row in likes]
            poor = next((one for one in ids if ids.count(one) < k), None)
            if poor is not None:
                likes = [row for row in likes if row[place] != poor]
                break
        else:
            users, items = {row[0] for row in likes}, {row[1] for row in likes}
            return {row[:2] for row in rows if row[0] in users and row[1] in items}


@given(
    st.dictionaries(
        st.tuples(st.integers(0, 6), st.integers(0, 6)), st.integers(3, 5), min_size=1, max_size=49
    ),
    st.integers(1, 3),
)
def test_the_core_is_what_is_left_in_whatever_order_one_peels(cells, k):
    rows = [(user, item, rating) for (user, item), rating in cells.items()]
    expected = naive_core(rows, k)
    if not expected:
        with pytest.raises(ValueError, match="leave nothing"):
            keep_core(make_ratings(*rows), make_options(k))
        return

    core, _, report = keep_core(make_ratings(*rows), make_options(k))

    assert pairs_of(core) == expected
    again, _, second_report = keep_core(core, make_options(k))
    pd.testing.assert_frame_equal(again, core)
    assert second_report.rounds == 0
    assert second_report.before == second_report.after == report.after


HOURS = make_ratings((0, 0, 1), (0, 1, 0.5), (1, 0, 2), (1, 1, 11754.0), (2, 0, 3))


def test_counts_are_named_with_the_two_lines_to_change():
    problem = about_counts(HOURS, make_options())

    assert "up to 11,754 with 5 distinct values look like counts" in problem
    assert "core.counts: true" in problem and "core.min_rating" in problem
    assert about_counts(HOURS, make_options(counts=True)) is None


@pytest.mark.parametrize("returned", [-5, -300, 0])
def test_counts_with_returns_are_named_and_are_likes_only_as_long_as_one_wants(returned):
    table = make_ratings(*enumerate_pairs([1, 1, 2, 3, 149, returned]))
    problem = about_counts(table, make_options())
    assert "up to 149" in problem and "(null: any, those of 0 or below too)" in problem

    said = about_counts(table, make_options(counts=True))

    assert "1 rows have a count of 0 or below" in said and "set `core.min_rating`" in said
    fixed = make_options(k=0, counts=True, min_rating=1)
    assert about_counts(table, fixed) is None
    assert keep_core(table, fixed).report.after.likes == 5
    assert about_counts(table.drop(columns="rating"), make_options(counts=True)) is None


@pytest.mark.parametrize(
    ("ratings", "options", "said"),
    [
        ([3] + [5, 60, 99] * 9, {}, "27 of 28 ratings are likes: core.like_threshold is 4."),
        ([3, 3] + [5, 60, 99] * 9, {}, None),
        ([3] + [5, 60, 99] * 9, {"min_rating": 4}, None),
        ([3] + [5, 60, 99] * 9, {"min_rating": 3}, "27 of 28"),
        ([3] + [5, 60, 99] * 9, {"counts": True}, None),
    ],
)
def test_a_threshold_below_nearly_all_ratings_is_named(ratings, options, said):
    given = make_options(k=0, **options)
    before = keep_core(make_ratings(*enumerate_pairs(ratings)), given).report.before
    found = about_likes(before, given)
    assert found is None if said is None else said in found


SCALES = [[1, 2, 3, 4, 5], [0, 40, 70, 100], [-10, 0.5, 9], [1, 1, 10], [-100, -60, 1, 50, 99]]


@pytest.mark.parametrize("ratings", SCALES)
def test_a_scale_is_not_taken_for_counts(ratings):
    assert about_counts(make_ratings(*enumerate_pairs(ratings)), make_options()) is None


def enumerate_pairs(ratings: list) -> list[tuple]:
    return [(0, item, rating) for item, rating in enumerate(ratings)]


def test_counts_are_likes_from_the_lowest_count_on_and_no_ratings():
    core, _, report = keep_core(HOURS, make_options(k=0, min_rating=1, counts=True))

    assert pairs_of(core) == {(0, 0), (1, 0), (1, 1), (2, 0)}
    assert "rating" not in core
    assert report.after.likes == 4


def test_users_and_items_may_need_different_numbers_of_likes():
    table = make_ratings((0, 0, 5), (0, 1, 5), (1, 0, 5), (2, 2, 5))

    assert pairs_of(keep_core(table, make_options(k=0, item_k=2))[0]) == {(0, 0), (1, 0)}
    assert pairs_of(keep_core(table, make_options(k=0, user_k=2))[0]) == {(0, 0), (0, 1)}
    assert pairs_of(keep_core(table, make_options(k=1, user_k=2))[0]) == {(0, 0), (0, 1)}
    with pytest.raises(ValueError, match=r"largest core.k .* is 1: .*core.user_k and core.item_k"):
        keep_core(table, make_options(k=1, user_k=3))
