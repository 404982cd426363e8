"""Users as unseen users: what the model is given, and the comparison with known users."""

import numpy as np
import pandas as pd
import pytest
from evaluation.small_world import OPTIONS, AlwaysThree, LowerFirst, evaluated
from scipy.sparse import csr_array

from collaborative_autoencoders.evaluation.unseen_users import (
    as_unseen,
    average_both,
    by_answer,
    compare_all,
)
from collaborative_autoencoders.metrics.table import at, metrics_of
from collaborative_autoencoders.models.model import RatingModel

HISTORIES = csr_array(np.eye(2, 5, dtype=np.float32))


class Noting(AlwaysThree):
    """A model that keeps the user indices it was given."""

    def score(self, histories_UI, users_U):
        self.users = users_U.tolist()
        return super().score(histories_UI, users_U)

    def predict(self, histories_UI, users_U):
        self.users = users_U.tolist()
        return super().predict(histories_UI, users_U)


def test_a_model_is_given_the_histories_of_unseen_users():
    for method in ("score", "predict"):
        model = Noting()
        answer = getattr(as_unseen(model), method)(HISTORIES, np.array([3, 0]))
        assert model.users == [-1, -1]
        assert np.array_equal(model.histories, [HISTORIES.toarray()])
        assert answer.shape == (2, 5)


def test_a_prediction_at_a_cell_is_that_of_an_unseen_user():
    model = Noting()
    assert as_unseen(model).predict_at(HISTORIES, np.array([3, 0]), HISTORIES).tolist() == [3, 3]
    assert model.users == [-1, -1]


def test_only_a_model_that_predicts_ratings_predicts_them_for_unseen_users():
    assert isinstance(as_unseen(AlwaysThree()), RatingModel)
    assert not isinstance(as_unseen(LowerFirst()), RatingModel)


def scores_of(values):
    """Scores in which every metric of lists has these values."""
    names = [at(metric.name, k) for k in OPTIONS.k for metric in metrics_of("list")]
    columns = {"user_index": range(len(values)), "n_relevant": 1}
    return pd.DataFrame(columns | dict.fromkeys(names, values))


BY_MODEL = {
    "cdae": {"unseen": scores_of([0.5, 0.4, 0.6] * 5), "known": scores_of([0.8, 0.7, 0.9] * 5)},
    "popularity": dict.fromkeys(("unseen", "known"), scores_of([0.2, 0.1, 0.3] * 5)),
}


def test_a_comparison_by_hand():
    table = compare_all(BY_MODEL, OPTIONS).set_index("model")
    assert table["metric"].tolist() == ["ndcg_at_2", "ndcg_at_2"]
    cdae = table.loc["cdae"]
    assert (cdae["unseen"], cdae["known"], cdae["popularity"]) == pytest.approx((0.5, 0.8, 0.2))
    assert (cdae["less_known"], cdae["less_popularity"]) == pytest.approx((-0.3, 0.3))
    assert (cdae["than_known"], cdae["than_popularity"]) == ("worse", "better")
    assert cdae["unseen_low"] <= cdae["unseen"] <= cdae["unseen_high"]


def test_popularity_is_not_compared_with_itself():
    popularity = compare_all(BY_MODEL, OPTIONS).set_index("model").loc["popularity"]
    assert popularity["than_known"] == "no significant difference"
    assert popularity[["popularity", "less_popularity", "than_popularity"]].isna().all()


def test_a_model_that_predicts_ratings_has_a_row_for_them():
    scores = evaluated(AlwaysThree()).user_scores
    table = compare_all({"bias": {"unseen": scores, "known": scores}}, OPTIONS)
    assert table["metric"].tolist() == ["ndcg_at_2", "rmse"]
    assert table["less_known"].tolist() == [0, 0]


def test_figures_are_named_by_the_way_of_answering():
    both = pd.concat([scores.assign(answered_as=name) for name, scores in BY_MODEL["cdae"].items()])
    figures = average_both(both, OPTIONS)
    assert figures["unseen_ndcg_at_2"] == pytest.approx(0.5)
    assert figures["known_ndcg_at_2"] == pytest.approx(0.8)
    assert {"unseen_ndcg_at_2_low", "known_users_judged"} < set(figures)


def test_a_model_that_was_left_out_has_no_figures():
    empty = BY_MODEL["cdae"]["known"].head(0).assign(answered_as="known")
    assert by_answer(empty) == {}
    assert average_both(empty, OPTIONS) == {}
