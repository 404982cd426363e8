"""Ranking, predicting and scoring a model, for all users and for some."""

from math import log2

import numpy as np
import pandas as pd
import pytest
from evaluation.small_world import (
    LARGE_TEST,
    LARGE_TRAIN,
    LARGE_VALIDATION,
    OPTIONS,
    TEST,
    TRAIN,
    VALIDATION,
    AlwaysThree,
    LowerFirst,
    evaluated,
    options_with,
    part,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from collaborative_autoencoders.evaluation.evaluate import (
    evaluate,
    nothing_evaluated,
)
from collaborative_autoencoders.evaluation.known import count_owners, histories_for
from collaborative_autoencoders.interactions import Interactions
from collaborative_autoencoders.models.model import Fitted


def lists_of(evaluation):
    return evaluation.ranked_items.groupby("user_index")["item_index"].agg(list).to_dict()


def test_lists_hold_no_rating_of_train_or_validation_liked_or_not():
    ranked = evaluated(LowerFirst()).ranked_items
    assert ranked.columns.tolist() == ["user_index", "rank", "item_index", "score"]
    assert lists_of(evaluated(LowerFirst())) == {0: [3, 4], 1: [1, 2], 2: [0, 2], 3: [1, 2]}
    assert ranked["rank"].tolist() == [1, 2] * 4


def test_every_held_out_rating_has_a_row_with_its_prediction():
    predicted = evaluated(AlwaysThree()).predicted_ratings
    assert predicted["user_index"].tolist() == [0, 1, 1, 2, 3]
    assert predicted["item_index"].tolist() == [3, 1, 4, 0, 4]
    assert predicted["rating"].tolist() == [5, 5, 2, 4, 1]
    assert predicted["predicted"].tolist() == [3] * 5


def test_scores_by_hand():
    scores = evaluated(AlwaysThree()).user_scores
    assert scores["user_index"].tolist() == [0, 1, 2, 3]
    assert scores["n_relevant"].tolist() == [1, 1, 1, 0]
    assert scores["precision_at_2"].tolist()[:3] == [1 / 2, 1 / 2, 1 / 2]
    assert scores["rmse_sum"].tolist() == [4, 4 + 1, 1, 4]
    assert scores["mae_sum"].tolist() == [2, 2 + 1, 1, 2]
    assert scores["n_ratings"].tolist() == [1, 2, 1, 1]
    # item 1 is in two of four users' train part, item 2 in none's, which counts as one
    assert scores["novelty_at_2"][1] == pytest.approx((-log2(1 / 2) - log2(1 / 4)) / 2)


def test_novelty_is_of_the_users_in_training_and_not_of_those_who_are_held_out():
    # both users with a train part have item 0; item 2, which neither has, counts as one
    train = part([5, 2, 0, 0, 0], [4, 0, 0, 0, 0], [0, 0, 0, 0, 0], [0, 0, 0, 0, 0])
    owners = count_owners(train)
    assert (owners.of_item_I.tolist(), owners.users) == ([2, 1, 0, 0, 0], 2)
    known = histories_for(Fitted("model", LowerFirst()), train=train, validation=VALIDATION)
    found = evaluate(LowerFirst(), known, TEST, owners, OPTIONS, np.array([2]))
    assert lists_of(found)[2] == [0, 2]
    assert found.user_scores["novelty_at_2"][0] == pytest.approx((0 + 1) / 2)


def test_a_user_with_nothing_held_out_has_nan_and_not_0():
    assert np.isnan(evaluated(LowerFirst()).user_scores["ndcg_at_1"][3])


def test_users_without_a_history_in_the_models_view_are_marked_and_have_a_list_by_likes():
    # user 2's only rating is a dislike now, and items 0 and 2 are liked by others
    train = Interactions.of(TRAIN.ratings.copy(), 4)
    train.ratings.data[train.ratings.indptr[2]] = 1
    train = Interactions.of(train.ratings, 4)
    known = histories_for(Fitted("model", LowerFirst()), train=train, validation=VALIDATION)
    found = evaluate(LowerFirst(), known, TEST, count_owners(train), OPTIONS)
    assert found.user_scores["list_by_popularity"].tolist() == [False, False, True, False]
    assert lists_of(found)[2] == [0, 2]
    lists = found.ranked_items
    assert lists.loc[lists["user_index"] == 2, "score"].tolist() == [3, 1]


def test_a_model_that_does_not_predict_ratings_has_no_rating_errors():
    found = evaluated(LowerFirst())
    assert not {"rmse_sum", "mae_sum", "n_ratings"} & set(found.user_scores)
    assert found.predicted_ratings.empty
    full = evaluated(AlwaysThree()).predicted_ratings
    assert found.predicted_ratings.columns.tolist() == full.columns.tolist()


def test_a_model_that_was_left_out_has_the_tables_of_any_other_without_rows():
    empty, full = nothing_evaluated(OPTIONS), evaluated(LowerFirst())
    for name in empty._fields:
        table = getattr(empty, name)
        assert len(table) == 0
        assert table.dtypes.equals(getattr(full, name).dtypes), name


class FromHistory:
    """Scores and ratings that depend on the user and on its history."""

    learns_from = "ratings"
    weight_II = np.random.default_rng(3).normal(scale=0.05, size=(LARGE_TEST.shape[1],) * 2)

    def score(self, histories_UI, users_U):
        return (histories_UI @ self.weight_II * (1 + users_U[:, None])).astype(np.float32)

    def predict(self, histories_UI, users_U):
        return np.clip(self.score(histories_UI, users_U), 1, 5)


def evaluated_in_the_large_world(users=None, test=LARGE_TEST, batch_size=7):
    model, options = FromHistory(), options_with(k=[1, 10], primary_metric="rmse")
    known = histories_for(Fitted("model", model), train=LARGE_TRAIN, validation=LARGE_VALIDATION)
    options = options.model_copy(update={"batch_size": batch_size})
    return evaluate(model, known, test, count_owners(LARGE_TRAIN), options, users)


EVERYBODY = evaluated_in_the_large_world()


@settings(max_examples=25)
@given(users=st.lists(st.integers(0, 29), unique=True), batch_size=st.integers(1, 30))
def test_some_users_have_exactly_the_rows_they_have_among_all_users(users, batch_size):
    users_U = np.array(users, dtype=np.int64)
    some = evaluated_in_the_large_world(users_U, batch_size=batch_size)
    for table, full in zip(some, EVERYBODY, strict=True):
        rows = [full[full["user_index"] == user] for user in users]
        expected = pd.concat([full.head(0), *rows], ignore_index=True)
        pd.testing.assert_frame_equal(table, expected, check_dtype=bool(users))


@settings(max_examples=25)
@given(order=st.permutations(range(LARGE_TEST.ratings.nnz)))
def test_ranking_and_prediction_do_not_depend_on_the_values_of_test_ratings(order):
    shuffled_UI = LARGE_TEST.ratings.copy()
    shuffled_UI.data = shuffled_UI.data[order]
    found = evaluated_in_the_large_world(test=Interactions.of(shuffled_UI, 4))
    pd.testing.assert_frame_equal(found.ranked_items, EVERYBODY.ranked_items)
    pd.testing.assert_frame_equal(
        found.predicted_ratings.drop(columns="rating"),
        EVERYBODY.predicted_ratings.drop(columns="rating"),
    )
    assert found.predicted_ratings["rating"].tolist() == shuffled_UI.data.tolist()


def test_the_scores_do_depend_on_the_values_of_test_ratings():
    other = LARGE_TEST.ratings.copy()
    other.data = 6 - other.data
    scores = evaluated_in_the_large_world(test=Interactions.of(other, 4)).user_scores
    assert scores["n_relevant"].tolist() != EVERYBODY.user_scores["n_relevant"].tolist()
    assert scores["rmse_sum"].tolist() != EVERYBODY.user_scores["rmse_sum"].tolist()
