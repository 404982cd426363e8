"""Laws of the answers of every model: rows do not depend on each other, lists are complete."""

from functools import cache

import fits
import numpy as np
import pandas as pd
import pytest
from checkerboard import checkerboard
from hypothesis import given, settings
from hypothesis import strategies as st
from lists import assert_same_lists, assert_well_formed, by_place

from collaborative_autoencoders.interactions.lookup import Lookup
from collaborative_autoencoders.models import MODELS
from collaborative_autoencoders.serving.recommender import Recommender
from collaborative_autoencoders.serving.requests import Wanted

WORLD = checkerboard()
SEEN = WORLD.known.ratings
USERS = [f"user {number}" for number in range(WORLD.catalogue.users)]
ITEMS = [f"item {number}" for number in range(WORLD.catalogue.items)]
DATA = {"rated": True, "lowest_rating": 1.0, "highest_rating": 5.0}


@cache
def recommender_of(name):
    """The model fitted on the checkerboard, with text ids."""
    fitted = fits.fit(name, WORLD)
    titles = pd.DataFrame({"item_id": ITEMS, "title": ITEMS})
    users, known = pd.DataFrame({"user_id": USERS}), WORLD.known_to(fitted.model)
    return Recommender.of(fitted, Lookup(users, titles, DATA, 4), known)


@cache
def rows_of_all_kinds(count, seed=0):
    """Known users and unseen ones, with and without histories and ratings, some items unknown."""
    random = np.random.default_rng(seed)
    rows = []
    for _ in range(count):
        user = random.choice([*USERS, "unseen", None])
        items = random.choice([*ITEMS, "unknown"], size=random.integers(0, 8)).tolist()
        ratings = random.integers(1, 6, size=len(items)).tolist()
        history, rated = random.random(2) < 0.6
        rows.append((user, items if history else None, ratings if history and rated else None))
    return pd.DataFrame(rows, columns=["user_id", "history", "ratings"], dtype=object)


@pytest.mark.parametrize("name", MODELS)
def test_a_row_alone_has_the_list_it_has_among_three_thousand(name):
    recommender, table = recommender_of(name), rows_of_all_kinds(3_000)
    together = recommender.answer(table, Wanted(n=10)).set_index("row", drop=False)
    assert together.index.nunique() == 3_000
    # both ends of the blocks of 1024 that are ranked at once, and some other rows
    for row in [0, 1023, 1024, 2047, 2048, *range(2049, 3_000, 200), 2999]:
        alone = recommender.answer(table.iloc[[row]], Wanted(n=10))
        assert_same_lists(together.loc[[row]].assign(row=0), alone)


models = st.sampled_from(list(MODELS))
ids = st.sampled_from([*ITEMS, "unknown"])
histories = st.lists(st.tuples(ids, st.integers(1, 5)), max_size=40)
some_ids = st.just([]) | st.lists(ids, max_size=40)
n_reasons = st.integers(0, 3)
weights = st.sampled_from([0.0, 0.3, 1.0])
wanted = st.builds(
    Wanted,
    st.integers(1, 50),
    st.booleans(),
    some_ids,
    some_ids,
    n_reasons,
    diversify=weights,
    one_line_per_row=st.booleans(),
    task=st.just("lists"),
)


def row_of(user, pairs, rated):
    items, ratings = [item for item, _ in pairs], [rating for _, rating in pairs]
    return {"user_id": user, "history": items, "ratings": ratings if rated else None}


rows = st.builds(row_of, st.sampled_from([*USERS, "unseen", None]), histories, st.booleans())


def items_left(row, wanted):
    """Every item that may be in the list of this row, without the code that is tested."""
    left = set(wanted.only_items or ITEMS) & set(ITEMS) - set(wanted.exclude_items)
    if not wanted.exclude_seen:
        return left
    seen = set(row["history"])
    if row["user_id"] in USERS:
        _, columns = SEEN[[USERS.index(row["user_id"])]].nonzero()
        seen |= {ITEMS[column] for column in columns}
    return left - seen


@settings(deadline=None, max_examples=80)
@given(models, st.lists(rows, min_size=1, max_size=4), wanted)
def test_a_list_has_n_of_the_items_left_without_duplicates_best_first(name, asked, wanted):
    lines = recommender_of(name).answer(pd.DataFrame(asked), wanted).to_dict("records")
    if wanted.one_line_per_row:
        assert len(lines) == len(asked)
        lines = by_place(lines)
    assert_well_formed(lines, by_score=not wanted.diversify)
    for number, row in enumerate(asked):
        items = [line["item_id"] for line in lines if line["row"] == number]
        left = items_left(row, wanted)
        assert set(items) <= left
        assert len(items) == min(wanted.n, len(left))


@settings(deadline=None, max_examples=40)
@given(models, rows, st.integers(1, 30))
def test_a_shorter_list_is_the_start_of_a_longer_one(name, row, n):
    recommender, table = recommender_of(name), pd.DataFrame([row])
    whole = recommender.answer(table, Wanted(n=len(ITEMS)))
    assert_same_lists(recommender.answer(table, Wanted(n=n)), whole.head(n))


@settings(deadline=None, max_examples=60)
@given(models, st.lists(rows, min_size=2, max_size=6), st.randoms())
def test_the_order_of_the_rows_changes_no_list(name, asked, random):
    recommender, places = recommender_of(name), [*range(len(asked))]
    random.shuffle(places)
    table = pd.DataFrame(asked).astype(object)
    before = recommender.answer(table, Wanted(n=5))
    after = recommender.answer(table.iloc[places], Wanted(n=5))
    for place, row in enumerate(places):
        own = before[before["row"] == row].assign(row=place)
        assert_same_lists(after[after["row"] == place], own)


def list_of(**scores):
    lines = [
        (0, "u", place, "model", 0, item, item, s)
        for place, (item, s) in enumerate(scores.items(), 1)
    ]
    columns = ["row", "user_id", "rank", "source", "unknown_items", "item_id", "title", "score"]
    return pd.DataFrame(lines, columns=columns)


def test_only_items_with_equal_scores_may_swap_places():
    expected = list_of(a=3, b=2 + 5e-6, c=2)
    assert_same_lists(list_of(a=3, c=2, b=2), expected)
    assert_same_lists(list_of(a=3, b=2, d=2), expected)  # d may have the same score as the last
    for other in (list_of(b=3, a=2, c=2), list_of(d=3, b=2, c=2), list_of(a=3, b=2.1, c=2)):
        with pytest.raises(AssertionError):
            assert_same_lists(other, expected)
