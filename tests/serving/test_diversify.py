"""Diversified answers, in a world of two kinds of items."""

import numpy as np
import pandas as pd
import pytest
from checkerboard import checkerboard
from model_options import RUNNING, options_of

from collaborative_autoencoders.interactions.lookup import Lookup
from collaborative_autoencoders.learning.fit_model import fit_model
from collaborative_autoencoders.serving.answers import lines_of
from collaborative_autoencoders.serving.recommender import Recommender, Stopped
from collaborative_autoencoders.serving.requests import Wanted

WORLD = checkerboard()
DATA = {"rated": True, "lowest_rating": 1.0, "highest_rating": 5.0}
MIXED = pd.DataFrame({"history": [[0, 4, 8, 12, 16, 7, 13]]})
"""Five likes of the even kind, and two of the odd."""


@pytest.fixture(scope="module", params=["ease", "cdae", "autorec_user"])
def recommender(request):
    options = options_of(request.param)
    fitted = fit_model(options, True, RUNNING, WORLD.catalogue, **WORLD.parts).fitted
    users = pd.DataFrame({"user_id": np.arange(WORLD.catalogue.users)})
    items = np.arange(WORLD.catalogue.items)
    titles = pd.DataFrame({"item_id": items, "title": [f"Number {item}" for item in items]})
    return Recommender.of(fitted, Lookup(users, titles, DATA, 4), WORLD.known_to(fitted.model))


def test_a_list_of_one_kind_has_both_when_it_is_diversified(recommender):
    plain = recommender.answer(MIXED, Wanted(n=4))["item_id"]
    diverse = recommender.answer(MIXED, Wanted(n=4, diversify=0.6))["item_id"]
    assert set(plain % 2) == {0}
    assert set(diverse % 2) == {0, 1}
    assert diverse[0] == plain[0]


def test_diversify_0_gives_the_same_lines(recommender):
    table = pd.DataFrame({"user_id": [0, 1, None]})
    plain, zero = (
        lines_of(recommender.columns(table, wanted)) for wanted in (Wanted(), Wanted(diversify=0.0))
    )
    assert repr(zero) == repr(plain)


def test_scores_and_reasons_of_a_diversified_list_are_those_of_its_items(recommender):
    n_items = WORLD.catalogue.items
    plain = recommender.answer(MIXED, Wanted(n=n_items, explain=2)).set_index("item_id")
    diverse = recommender.answer(MIXED, Wanted(n=5, explain=2, diversify=0.7)).set_index("item_id")
    same = plain.loc[diverse.index]
    np.testing.assert_allclose(diverse["score"], same["score"], rtol=1e-5)
    assert diverse["rank"].tolist() == [1, 2, 3, 4, 5] != same["rank"].tolist()
    for reasons, expected in zip(diverse["reasons"], same["reasons"], strict=True):
        assert [one["item_id"] for one in reasons] == [one["item_id"] for one in expected]


def test_a_list_by_popularity_is_diversified_too_of_the_items_that_are_wanted(recommender):
    some = [*range(0, 30, 2), 1]
    wanted = Wanted(n=2, diversify=1.0, only_items=some)
    answer = recommender.answer(pd.DataFrame({"user_id": [None]}), wanted)
    assert set(answer["source"]) == {"popularity"}
    assert set(answer["item_id"] % 2) == {0, 1} and set(answer["item_id"]) <= set(some)


def test_work_on_diversified_lists_stops_with_the_client(recommender):
    asked = iter([False, False, True])
    table = pd.DataFrame({"user_id": [0, 1, 2]})
    with pytest.raises(Stopped):
        recommender.answer(table, Wanted(diversify=0.5), is_gone=lambda: next(asked))
