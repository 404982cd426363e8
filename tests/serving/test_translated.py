"""A registered model asked in the indices of other data."""

import numpy as np
import pandas as pd
import pytest
from checkerboard import checkerboard

from collaborative_autoencoders.interactions.matrices import to_matrix, together
from collaborative_autoencoders.judging.options import EvaluationOptions
from collaborative_autoencoders.pipelines.promotion.comparing import Today, compare
from collaborative_autoencoders.serving.requests import Wanted
from collaborative_autoencoders.serving.translated import Translated

WORLD = checkerboard()
KNOWN = together(WORLD.train, WORLD.validation)
EVALUATION = EvaluationOptions(
    k=[10], primary_metric="ndcg_at_10", batch_size=7, bootstrap_resamples=50, seed=1
)
SOME_USERS, SOME_ITEMS = np.array([5, 3, 30]), np.array([7, 0, 29, 12, 4])


def users_of(numbered, index):
    return numbered.users["user_id"].iloc[index].reset_index(drop=True)


def items_of(numbered, index):
    return numbered.items["item_id"].iloc[index].reset_index(drop=True)


@pytest.fixture
def some(numbered):
    """The model for three of its users, one stranger, five of its items and one new item."""
    users = pd.concat([users_of(numbered, SOME_USERS), pd.Series([7])], ignore_index=True)
    items = pd.concat([items_of(numbered, SOME_ITEMS), pd.Series([5])], ignore_index=True)
    return Translated.of(numbered, users, items), users, items


def test_scores_stand_in_the_order_of_the_other_data(numbered, some):
    translated, _, _ = some
    theirs = numbered.model.score(KNOWN.ratings[SOME_USERS], SOME_USERS)
    history = KNOWN.ratings[SOME_USERS][:, SOME_ITEMS]
    history.resize((3, 6))
    ours = translated.score(history, np.array([0, 1, 2]))
    # item-based: a known user's history moves the bias alone, the same for every item
    moved = ours[:, :5] - theirs[:, SOME_ITEMS]
    assert np.allclose(moved - moved[:, :1], 0, atol=1e-5)
    assert (ours[:, 5] == -np.inf).all()


def test_what_was_seen_is_told_in_the_other_data_and_the_rest_is_dropped(some):
    translated, users, items = some
    seen = translated.seen(users, items)
    expected = np.zeros((4, 6))
    expected[:3, :5] = KNOWN.ratings.toarray()[np.ix_(SOME_USERS, SOME_ITEMS)]
    assert np.array_equal(seen.toarray(), expected)


def test_a_stranger_is_answered_as_the_served_model_answers(numbered, some):
    translated, _, _ = some
    told = to_matrix(np.array([0, 0]), np.array([0, 1]), [5, 2], (1, 6))
    scores = translated.score(told, np.array([3]))[0]
    history = items_of(numbered, SOME_ITEMS[:2]).tolist()
    table = pd.DataFrame({"user_id": [None], "history": [history], "ratings": [[5, 2]]})
    answer = numbered.answer(table, Wanted(n=30, exclude_seen=False)).set_index("item_id")["score"]
    expected = answer.loc[items_of(numbered, SOME_ITEMS)]
    assert np.allclose(scores[:5], expected, atol=1e-5)


def test_a_model_is_no_better_than_itself(numbered):
    model = whole(numbered)
    for metric, judged in (("ndcg_at_10", WORLD.test.likes), ("rmse", WORLD.test.ratings)):
        found = compare(model, model, today_of(numbered, WORLD.test), metric, EVALUATION)
        assert found.gain == found.low == found.high == 0
        assert found.champion_value == found.challenger_value > 0
        assert found.users == np.count_nonzero(np.diff(judged.indptr))
        assert found.rows_left_out == 0


def test_where_everything_was_learned_there_is_nobody_to_compare_by(numbered):
    model = whole(numbered)
    for metric in ("ndcg_at_10", "rmse"):
        found = compare(model, model, today_of(numbered, WORLD.train), metric, EVALUATION)
        assert found.users == 0
        assert np.isnan(found.gain)
        assert found.rows_left_out == WORLD.train.ratings.nnz


def whole(numbered):
    return Translated.of(numbered, numbered.users["user_id"], numbered.items["item_id"])


def today_of(numbered, test):
    return Today(numbered.users["user_id"], numbered.items["item_id"], KNOWN, test, {})
