"""A registered model behind the indices of other data."""

import numpy as np
import pandas as pd
import pytest
from checkerboard import checkerboard
from evaluation.small_world import options_with
from model_options import RUNNING, options_of

from collaborative_autoencoders.evaluation.versions import compare_versions
from collaborative_autoencoders.interactions.lookup import Lookup
from collaborative_autoencoders.interactions.sparse import to_matrix
from collaborative_autoencoders.learning.fit_model import fit_model
from collaborative_autoencoders.metrics.table import measure
from collaborative_autoencoders.models.model import RatingModel
from collaborative_autoencoders.serving.recommender import Recommender
from collaborative_autoencoders.serving.requests import Wanted
from collaborative_autoencoders.serving.translated import Translated

WORLD = checkerboard()
KNOWN = WORLD.known
SOME_USERS, SOME_ITEMS = np.array([5, 3, 30]), np.array([7, 0, 29, 12, 4])


def users_of(recommender, index):
    return recommender.users["user_id"].iloc[index].reset_index(drop=True)


def items_of(recommender, index):
    return recommender.items["item_id"].iloc[index].reset_index(drop=True)


def with_others(recommender):
    """The model for three of its users and one unseen user, five of its items and a new one."""
    users = pd.concat([users_of(recommender, SOME_USERS), pd.Series([7])], ignore_index=True)
    items = pd.concat([items_of(recommender, SOME_ITEMS), pd.Series([5])], ignore_index=True)
    return Translated.of(recommender, users, items)


@pytest.fixture
def translated(numbered):
    return with_others(numbered)


def in_our_items(matrix_UI):
    """These ratings of SOME_ITEMS, with an empty column for the new item."""
    ours_UI = matrix_UI[:, SOME_ITEMS]
    ours_UI.resize((ours_UI.shape[0], len(SOME_ITEMS) + 1))
    return ours_UI


@pytest.mark.parametrize("method", ["score", "predict"])
def test_scores_and_ratings_are_in_the_order_of_the_other_data(numbered, translated, method):
    ours = getattr(translated, method)(in_our_items(KNOWN.ratings[SOME_USERS]), np.arange(3))
    only_ours = KNOWN.ratings[SOME_USERS].toarray()
    only_ours[:, np.setdiff1d(np.arange(30), SOME_ITEMS)] = 0
    history = to_matrix(*only_ours.nonzero(), only_ours[only_ours > 0], only_ours.shape)
    theirs = getattr(numbered.model, method)(history, SOME_USERS)
    np.testing.assert_allclose(ours[:, :5], theirs[:, SOME_ITEMS], atol=1e-5)


def test_predictions_at_cells_are_those_of_all_items_in_the_order_of_the_other_data(translated):
    history = in_our_items(KNOWN.ratings[SOME_USERS])
    wanted = to_matrix(*np.ones((3, 6)).nonzero(), 1, (3, 6))
    dense = translated.predict(history, np.arange(3))
    found = translated.predict_at(history, np.arange(3), wanted)
    np.testing.assert_allclose(found.reshape(3, 6), dense, atol=1e-5)


def test_an_item_that_the_model_does_not_know_has_score_minus_infinity(translated):
    scores = translated.score(in_our_items(KNOWN.ratings[SOME_USERS]), np.arange(3))
    assert translated.knows_I.tolist() == [True] * 5 + [False]
    assert (scores[:, 5] == -np.inf).all()


def test_seen_ratings_have_the_indices_of_the_other_data_and_others_are_dropped(translated):
    expected = np.zeros((4, 6))
    expected[:3, :5] = KNOWN.ratings.toarray()[np.ix_(SOME_USERS, SOME_ITEMS)]
    assert np.array_equal(translated.seen_UI.toarray(), expected)


def test_an_unseen_user_has_the_scores_of_the_served_model(numbered, translated):
    two_ratings = to_matrix(np.array([0, 0]), np.array([0, 1]), [5, 2], (1, 6))
    scores = translated.score(two_ratings, np.array([3]))[0]
    history = items_of(numbered, SOME_ITEMS[:2]).tolist()
    table = pd.DataFrame({"user_id": [None], "history": [history], "ratings": [[5, 2]]})
    answer = numbered.answer(table, Wanted(n=30, exclude_seen=False)).set_index("item_id")["score"]
    expected = answer.loc[items_of(numbered, SOME_ITEMS)]
    assert np.allclose(scores[:5], expected, atol=1e-5)


def test_only_a_model_that_predicts_ratings_predicts_them_for_other_data(numbered, translated):
    fitted = fit_model(options_of("ease"), True, RUNNING, WORLD.catalogue, **WORLD.parts).fitted
    titles = numbered.items[["item_id", "title"]]
    lookup = Lookup(numbered.users, titles, numbered.data, 4)
    ease = Recommender.of(fitted, lookup, WORLD.known_to(fitted.model))
    assert isinstance(translated, RatingModel)
    assert not isinstance(with_others(ease), RatingModel)


@pytest.mark.parametrize(
    ("metric", "evaluated"), [("ndcg_at_10", WORLD.test.likes), ("rmse", WORLD.test.ratings)]
)
def test_a_version_is_not_better_than_itself(numbered, metric, evaluated):
    version = Translated.of(numbered, numbered.users["user_id"], numbered.items["item_id"])
    found = compare_versions(
        champions=[version],
        challengers=[version],
        known=KNOWN,
        test=WORLD.test,
        measure=measure(metric),
        options=options_with(k=[10], primary_metric="ndcg_at_10"),
    )
    assert found.gain == 0
    assert found.low <= 0 <= found.high
    assert found.champion_value == found.challenger_value > 0
    assert found.users == np.count_nonzero(np.diff(evaluated.indptr))
    assert found.rows_left_out == 0
