"""A served model of ratings knows all users and items; its lists are of the core."""

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from checkerboard import checkerboard, with_others
from evaluation.small_world import options_with
from fits import fit

from collaborative_autoencoders.columns import ITEM, TITLE, USER
from collaborative_autoencoders.evaluation.known import histories_for
from collaborative_autoencoders.interactions.lookup import Lookup, make_lookup
from collaborative_autoencoders.metrics.table import measure
from collaborative_autoencoders.models.model import Catalogue
from collaborative_autoencoders.models.registry import model_class
from collaborative_autoencoders.serving.description import about_data
from collaborative_autoencoders.serving.recommender import Recommender
from collaborative_autoencoders.serving.requests import Wanted
from collaborative_autoencoders.serving.rivals import CurrentData, Rivals, difference_of_data
from collaborative_autoencoders.serving.translated import Translated

CORE = checkerboard()
WORLD = with_others(CORE)
USERS, ITEMS = CORE.train.shape
FACTS = {
    "data_set": "a table",
    "checksum": "ab",
    "rated": True,
    "lowest_rating": 1.0,
    "highest_rating": 5.0,
    "ratings": WORLD.known.ratings.nnz + WORLD.test.ratings.nnz,
    "users": WORLD.train.shape[0],
    "items": WORLD.train.shape[1],
    "core_users": USERS,
    "core_items": ITEMS,
}


def lookup_of(facts: dict) -> Lookup:
    """Users 0, 2, 4, … are the core, and 1, 3, … are not, so that their ids are not sorted."""
    users = [*range(0, 2 * facts["core_users"], 2), *range(1, 2 * facts["users"], 2)]
    items = [*range(0, 2 * facts["core_items"], 2), *range(1, 2 * facts["items"], 2)]
    titles = pd.DataFrame({ITEM: items[: facts["items"]]})
    titles[TITLE] = titles[ITEM].map("Number {}".format)
    return make_lookup(pd.DataFrame({USER: users[: facts["users"]]}), titles, facts, 4)


def recommender_of(model: str) -> Recommender:
    view = model_class(model).learns_from
    users, items = WORLD.train.seen_by(view).shape
    world = WORLD._replace(catalogue=Catalogue(users, items, 1, 5))
    fitted = fit(model, world)
    return Recommender.of(
        fitted, lookup_of(FACTS).seen_by(view), histories_for(fitted, **WORLD.parts)
    )


@pytest.fixture(scope="module")
def bias() -> Recommender:
    return recommender_of("bias")


def test_a_user_outside_the_core_has_a_list_of_the_core(bias):
    table = pd.DataFrame({"user_id": [1, 0], "history": [[1], [1, 3]]})
    answer = bias.answer(table, Wanted(n=100))

    assert (answer["item_id"] % 2 == 0).all()
    assert answer["row"].value_counts()[0] > 20
    assert set(answer["source"]) == {"model"} and not answer["unknown_items"].any()


def test_likes_are_counted_in_the_core_as_evaluation_counts_them(bias):
    known = histories_for(bias.fitted, **WORLD.parts)

    assert bias.likes_I.tolist() == known.likes_I.tolist()
    assert not bias.likes_I[ITEMS:].any()


def test_it_comes_back_from_its_folder(bias, tmp_path):
    bias.save(tmp_path)

    table = pd.DataFrame({"user_id": [1, 0]})
    read = Recommender.load(tmp_path)
    pd.testing.assert_frame_equal(read.answer(table, Wanted()), bias.answer(table, Wanted()))


def test_a_model_of_likes_knows_the_core_only():
    ease = recommender_of("ease")

    assert (len(ease.users), len(ease.items)) == (USERS, ITEMS)
    assert ease.item_ids.indices([0, 1]).tolist() == [0, -1]


@pytest.mark.parametrize(
    ("model", "metric", "held_out"),
    [("bias", "rmse", WORLD.test.ratings), ("ease", "ndcg_at_5", WORLD.test.likes)],
)
def test_versions_are_compared_on_what_they_are_judged_on(model, metric, held_out):
    recommender = recommender_of(model)
    data = CurrentData(lookup_of(FACTS), WORLD.known, WORLD.test)
    of_model = data.seen_by(recommender.model.learns_from)
    version = Translated.of(recommender, of_model.users, of_model.items)
    assert difference_of_data(version, of_model) is None

    options = options_with(k=[5], primary_metric="ndcg_at_5")
    found = Rivals([version], [version]).compare(data, measure(metric), options)
    assert found.users == np.count_nonzero(np.diff(held_out.indptr))
    assert (found.gain, found.rows_left_out) == (0, 0)


def test_the_core_must_be_in_front():
    shifted = FACTS | {"core_users": USERS - 1}
    lookup = lookup_of(FACTS)
    with pytest.raises(ValueError, match="user_ids: the ids are not sorted"):
        make_lookup(lookup.users, lookup.items, shifted, 4)


def test_the_pages_of_mlflow_say_what_lists_are_of():
    assert f"Lists are of the core of likes, {USERS} users and {ITEMS} items." in about_data(FACTS)
    assert "core" not in about_data(
        FACTS | {"core_users": FACTS["users"], "core_items": FACTS["items"]}
    )


def test_data_have_grown_if_they_hold_almost_all_ratings_of_a_version():
    recommender = recommender_of("ease")
    later = lookup_of(FACTS | {"checksum": "cd"})
    grown = CurrentData(later, WORLD.known, WORLD.test).seen_by("likes")
    # the same ids with other ratings: the champion has seen none of them
    other = CurrentData(later, WORLD.test, WORLD.test).seen_by("likes")
    version = Translated.of(recommender, grown.users, grown.items)

    assert difference_of_data(version, grown, "grown") is None
    assert difference_of_data(version, grown).endswith("data/ holds a table (cd)")
    assert difference_of_data(version, other, "grown").endswith("with 0% of its ratings")
    doubled = WORLD.known.ratings.copy()
    doubled.data *= 2
    rescaled = replace(WORLD.known, ratings=doubled)
    said = difference_of_data(version, grown._replace(known=rescaled.core), "grown")
    assert "with the values of 0% of its ratings: another cleaning.columns.rating" in said


@pytest.mark.parametrize(
    ("facts", "threshold", "said"),
    [
        ({}, 3, r"has likes from 4 on, and data/ from 3 on \(core.like_threshold\)"),
        ({"checksum": "cd"}, 3, "core.like_threshold"),
        ({"highest_rating": 10.0}, 4, "with highest_rating 5.0, and data/ has 10.0"),
        ({"rated": False}, 4, "another cleaning.columns.rating"),
        ({"likes": 7}, 4, "with likes 9, and data/ has 7: another cleaning.columns.rating"),
    ],
)
def test_two_readings_of_one_table_are_other_data(facts, threshold, said):
    recommender = recommender_of("ease")
    version_data = recommender.data | {"likes": 9}
    ours = lookup_of(FACTS | {"likes": 9} | facts)._replace(like_threshold=threshold)
    data = CurrentData(ours, WORLD.known, WORLD.test).seen_by("likes")
    version = Translated.of(replace(recommender, data=version_data), data.users, data.items)
    for other_data in ("refuse", "grown"):
        assert re.search(said, difference_of_data(version, data, other_data))
