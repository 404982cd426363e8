"""From a fitted model to the leaderboard, on a world of four users and five items."""

from math import log2, sqrt

import numpy as np
import pandas as pd
import pytest
from kedro.io import DataCatalog, MemoryDataset
from kedro.runner import SequentialRunner
from pydantic import ValidationError
from scipy.sparse import csr_array

from collaborative_autoencoders.interactions.matrices import Interactions, fingerprint
from collaborative_autoencoders.judging.leaderboard import make_leaderboard
from collaborative_autoencoders.judging.lists import check_lists, table_to_lists
from collaborative_autoencoders.judging.options import EvaluationOptions
from collaborative_autoencoders.models.model import Catalogue, Fitted
from collaborative_autoencoders.models.popularity import Popularity, PopularityOptions
from collaborative_autoencoders.pipelines.evaluation import create_pipeline
from collaborative_autoencoders.pipelines.evaluation.nodes import (
    average_scores,
    draw_curves,
    predict_ratings,
    rank_items,
    score_lists,
)

OPTIONS = {
    "k": [1, 2],
    "primary_metric": "ndcg_at_2",
    "batch_size": 2,
    "bootstrap_resamples": 50,
    "seed": 0,
}
EVALUATION = EvaluationOptions.model_validate(OPTIONS)


def matrix(*rows):
    """Users x items from rows as written, where 0 is not observed."""
    return csr_array(np.array(rows, dtype=np.float32))


TRAIN_RATINGS = matrix([5, 2, 0, 0, 0], [4, 0, 0, 0, 0], [0, 5, 0, 0, 0], [5, 0, 0, 0, 0])
VALIDATION_RATINGS = matrix([0, 0, 4, 0, 0], [0, 0, 0, 1, 0], [0, 0, 0, 0, 0], [0, 0, 0, 0, 0])
TEST_RATINGS = matrix([0, 0, 0, 5, 0], [0, 5, 0, 0, 2], [4, 0, 0, 0, 0], [0, 0, 0, 0, 1])
TRAIN_LIKES, VALIDATION_LIKES, TEST_LIKES = (
    matrix(*(ratings_UI.toarray() >= 4))
    for ratings_UI in (TRAIN_RATINGS, VALIDATION_RATINGS, TEST_RATINGS)
)
KNOWN = (TRAIN_RATINGS, TRAIN_LIKES, VALIDATION_RATINGS, VALIDATION_LIKES)
FIT_FACTS = {"fit_seconds": 1.5, "peak_memory_mb": None, "left_out": None}
PARTS = fingerprint(
    Interactions(TRAIN_RATINGS, TRAIN_LIKES), Interactions(VALIDATION_RATINGS, VALIDATION_LIKES)
)
LEFT_OUT = Fitted(None, left_out="the table has no ratings")


class LowerFirst:
    """A model that likes the lower item better, and notes what it was given to read."""

    learns_from = "likes"

    def __init__(self):
        self.read = []

    def score(self, histories_UI, users_U):
        self.read.append(histories_UI.toarray())
        return np.tile(-np.arange(5, dtype=np.float32), (len(users_U), 1))


class AlwaysThree(LowerFirst):
    """The same, and every rating is a three."""

    learns_from = "ratings"

    def predict(self, histories_UI, users_U):
        self.read.append(histories_UI.toarray())
        return np.full(histories_UI.shape, 3, dtype=np.float32)


def ranked_by(model, refitted=False):
    return rank_items(Fitted(model, None, refitted, PARTS), *KNOWN, EVALUATION)


def predicted_by(model):
    return predict_ratings(Fitted(model, parts=PARTS), *KNOWN, TEST_RATINGS, EVALUATION)


def scored(ranked_items, predicted_ratings):
    return score_lists(
        ranked_items, predicted_ratings, TEST_LIKES, TRAIN_RATINGS, VALIDATION_RATINGS, EVALUATION
    )


def test_lists_hold_no_rating_of_train_or_validation_liked_or_not():
    ranked = ranked_by(LowerFirst())
    lists = ranked.groupby("user_index")["item_index"].agg(list)
    assert lists.tolist() == [[3, 4], [1, 2], [0, 2], [1, 2]]
    assert ranked.columns.tolist() == ["user_index", "rank", "item_index", "score"]
    assert ranked["rank"].tolist() == [1, 2] * 4


@pytest.mark.parametrize("part", range(4))
def test_a_model_is_not_judged_beside_parts_it_was_not_fitted_on(part):
    model = Popularity(PopularityOptions(name="popularity"), Catalogue(4, 5, 1, 5))
    others = [*KNOWN]
    others[part] = matrix([0, 0, 0, 0, 3], *[[0] * 5] * 3)
    with pytest.raises(ValueError, match=r"another split.*--from-nodes popularity\.fit_model"):
        rank_items(Fitted(model, parts=PARTS), *others, EVALUATION)


@pytest.mark.parametrize(
    ("model", "refitted", "history"),
    [
        (LowerFirst, False, TRAIN_LIKES.toarray()),
        (LowerFirst, True, (TRAIN_LIKES + VALIDATION_LIKES).toarray()),
        (AlwaysThree, False, TRAIN_RATINGS.toarray()),
        (AlwaysThree, True, (TRAIN_RATINGS + VALIDATION_RATINGS).toarray()),
    ],
)
def test_a_model_reads_the_view_and_the_parts_it_was_fitted_on(model, refitted, history):
    reader = model()
    ranked_by(reader, refitted)
    assert np.array_equal(np.vstack(reader.read), history)


def test_every_held_out_rating_stands_beside_its_prediction():
    predicted = predicted_by(AlwaysThree())
    assert predicted["user_index"].tolist() == [0, 1, 1, 2, 3]
    assert predicted["item_index"].tolist() == [3, 1, 4, 0, 4]
    assert predicted["rating"].tolist() == [5, 5, 2, 4, 1]
    assert predicted["predicted"].tolist() == [3] * 5


def test_scores_by_hand():
    scores = scored(ranked_by(AlwaysThree()), predicted_by(AlwaysThree()))
    assert scores["user_index"].tolist() == [0, 1, 2, 3]
    assert scores["n_relevant"].tolist() == [1, 1, 1, 0]
    assert scores["precision_at_2"].tolist()[:3] == [1 / 2, 1 / 2, 1 / 2]
    assert scores["squared_error"].tolist() == [4, 4 + 1, 1, 4]
    assert scores["n_ratings"].tolist() == [1, 2, 1, 1]
    # item 1 is in two of four users' train part, item 2 in nobody's, which counts as one
    assert scores["novelty_at_2"][1] == pytest.approx((-log2(1 / 2) - log2(1 / 4)) / 2)


def test_a_user_with_nothing_held_out_is_left_out_of_the_mean():
    scores = scored(ranked_by(LowerFirst()), predicted_by(LowerFirst()))
    assert np.isnan(scores["ndcg_at_1"][3])
    metrics = average_scores(scores, ranked_by(LowerFirst()), TRAIN_RATINGS, FIT_FACTS, EVALUATION)
    assert metrics["ndcg_at_1"] == 1
    assert metrics["users_judged"] == 3
    assert metrics["users_listed"] == 4


def test_figures_of_a_model_by_hand():
    ranked = ranked_by(AlwaysThree())
    scores = scored(ranked, predicted_by(AlwaysThree()))
    metrics = average_scores(scores, ranked, TRAIN_RATINGS, FIT_FACTS, EVALUATION)
    assert metrics["rmse"] == pytest.approx(sqrt((4 + 4 + 1 + 1 + 4) / 5))
    assert metrics["mae"] == pytest.approx((2 + 2 + 1 + 1 + 2) / 5)
    assert metrics["ratings_judged"] == 5
    assert metrics["rmse_low"] <= metrics["rmse"] <= metrics["rmse_high"]
    # first places: items 3, 1, 0, 1; the training items are 0 and 1
    assert metrics["coverage_at_1"] == 1
    assert metrics["gini_at_1"] == pytest.approx((-4 * 0 - 2 * 0 + 0 * 1 + 2 * 1 + 4 * 2) / (5 * 4))
    assert metrics["fit_seconds"] == 1.5
    assert "peak_memory_mb" not in metrics


def test_a_model_that_tells_no_ratings_has_no_rating_errors():
    scores = scored(ranked_by(LowerFirst()), predicted_by(LowerFirst()))
    assert "squared_error" not in scores
    metrics = average_scores(scores, ranked_by(LowerFirst()), TRAIN_RATINGS, FIT_FACTS, EVALUATION)
    assert "rmse" not in metrics


def test_a_model_that_was_left_out_gives_empty_tables_with_the_same_columns():
    ranked = rank_items(LEFT_OUT, *KNOWN, EVALUATION)
    predicted = predict_ratings(LEFT_OUT, *KNOWN, TEST_RATINGS, EVALUATION)
    scores = scored(ranked, predicted)
    full = scored(ranked_by(LowerFirst()), predicted_by(LowerFirst()))
    assert (len(ranked), len(predicted), len(scores)) == (0, 0, 0)
    assert ranked.dtypes.equals(ranked_by(LowerFirst()).dtypes)
    assert predicted.dtypes.equals(predicted_by(AlwaysThree()).dtypes)
    assert scores.columns.tolist() == full.columns.tolist()
    assert average_scores(scores, ranked, TRAIN_RATINGS, FIT_FACTS, EVALUATION) == {}


def test_lists_in_any_order_of_rows_are_the_same_lists():
    ranked = ranked_by(LowerFirst())
    ours = table_to_lists(ranked, 4, 2)
    shuffled = table_to_lists(ranked.sample(frac=1, random_state=0), 4, 2)
    assert all(np.array_equal(a, b) for a, b in zip(ours, shuffled, strict=True))


@pytest.mark.parametrize(
    ("ranks", "reason"), [([1, 1], "same rank"), ([0, 1], "from 1 to 2"), ([1, 3], "from 1 to 2")]
)
def test_ranks_that_make_no_list_are_refused(ranks, reason):
    ranked = pd.DataFrame(
        {"user_index": [0, 0], "rank": ranks, "item_index": [3, 4], "score": [2.0, 1.0]}
    )
    with pytest.raises(ValueError, match=reason):
        table_to_lists(ranked, n_users=4, length=2)


def test_a_list_that_skips_a_rank_is_refused():
    ranked = pd.DataFrame({"user_index": [3], "rank": [2], "item_index": [3], "score": [2.0]})
    with pytest.raises(ValueError, match="user_index 3 skips a rank"):
        table_to_lists(ranked, n_users=4, length=2)


@pytest.mark.parametrize(
    ("items", "scores", "reason"),
    [
        ([3, 4], [1.0, 2.0], "user_index 1 is not ranked best first"),
        ([3, 4], [1.0, np.nan], "user_index 1 is not ranked best first"),
        ([3, 3], [2.0, 1.0], "user_index 1 has an item twice"),
        ([3, 0], [2.0, 1.0], "user_index 1 has an item that was seen"),
    ],
)
def test_a_list_that_cannot_be_honest_is_refused(items, scores, reason):
    item_UK, score_UK = np.array([[-1, -1], items]), np.array([[-np.inf, -np.inf], scores])
    with pytest.raises(ValueError, match=reason):
        check_lists(item_UK, score_UK, matrix([0, 0, 0, 0, 0], [5, 0, 0, 0, 0]))


def test_an_honest_list_is_let_through_padding_and_ties_too():
    item_UK = np.array([[1, 2, -1, -1]])
    score_UK = np.array([[0.5, 0.5, -np.inf, -np.inf]])
    check_lists(item_UK, score_UK, matrix([5, 0, 0, 0, 0]))


def test_the_node_refuses_a_list_with_a_seen_item():
    ranked = ranked_by(LowerFirst())
    ranked.loc[0, "item_index"] = 2
    with pytest.raises(ValueError, match="user_index 0 has an item that was seen"):
        scored(ranked, predicted_by(LowerFirst()))


@pytest.mark.parametrize(
    ("metric", "order"),
    [("ndcg_at_1", ["b", "a", "c", "d"]), ("rmse", ["a", "c", "b", "d"])],
)
def test_the_leaderboard_is_best_first_with_models_without_the_metric_last(metric, order):
    metrics = {
        "d": {},
        "a": {"ndcg_at_1": 0.2, "rmse": 0.8},
        "b": {"ndcg_at_1": 0.3},
        "c": {"ndcg_at_1": 0.1, "rmse": 0.9},
    }
    if metric == "rmse":
        metrics = {"b": metrics["b"], **metrics}
    board = make_leaderboard(metrics, {"d": "no ratings"}, metric)
    assert board["model"].tolist() == order
    assert board.columns.tolist()[0] == "model"
    assert board["left_out"].tolist()[-1] == "no ratings"
    assert board["ndcg_at_1"].dtype == np.float64


def test_a_leaderboard_of_models_that_were_all_left_out_has_its_metric_and_the_reasons():
    board = make_leaderboard({"a": {}}, {"a": "no ratings"}, "rmse")
    assert board.columns.tolist() == ["model", "rmse", "left_out"]


@pytest.mark.parametrize(
    "change",
    [
        {"k": []},
        {"k": [0, 10]},
        {"k": [10, 5]},
        {"k": [5, 5]},
        {"primary_metric": "ndcg_at_3"},
        {"primary_metric": "accuracy"},
        {"batch_size": 0},
        {"bootstrap_resamples": 0},
        {"topk": 3},
    ],
)
def test_options_that_ask_for_nothing_possible_are_refused(change):
    with pytest.raises(ValidationError):
        EvaluationOptions.model_validate(OPTIONS | change)


@pytest.mark.parametrize("metric", ["rmse", "mae", "coverage_at_2", "map_at_1"])
def test_any_metric_that_is_computed_can_be_the_primary_one(metric):
    assert EvaluationOptions.model_validate(OPTIONS | {"primary_metric": metric})


def test_curves_show_loss_and_validation_and_a_note_where_there_is_none():
    history = {
        "train_loss": [{"value": 2.0, "step": 1}, {"value": 1.0, "step": 2}],
        "validation_rmse": [{"value": 0.1, "step": 1}],
    }
    figure = draw_curves(history)
    assert [trace.name for trace in figure.data] == ["train_loss", "validation_rmse"]
    assert list(figure.data[0].y) == [2.0, 1.0]
    assert "nothing was learned by epochs" in draw_curves({}).to_json()


def test_the_pipeline_takes_every_model_to_one_leaderboard():
    names = ("train_ratings", "train_likes", "validation_ratings", "validation_likes")
    given = dict(zip(names, KNOWN, strict=True)) | {
        "test_ratings": TEST_RATINGS,
        "test_likes": TEST_LIKES,
        "params:evaluation": EVALUATION,
    }
    for model, fitted in {"three": Fitted(AlwaysThree(), parts=PARTS), "none": LEFT_OUT}.items():
        facts = FIT_FACTS | {"left_out": fitted.left_out}
        given |= {f"{model}.fitted": fitted, f"{model}.fit_facts": facts, f"{model}.history": {}}
    catalog = DataCatalog({name: MemoryDataset(value) for name, value in given.items()})
    to_leaderboard = create_pipeline(["none", "three"]).to_outputs("leaderboard")
    outputs = SequentialRunner().run(to_leaderboard, catalog)
    board = outputs["leaderboard"].load()
    assert board["model"].tolist() == ["three", "none"]
    assert board["left_out"].tolist()[1] == "the table has no ratings"
    assert {"ndcg_at_1", "ndcg_at_1_low", "rmse", "coverage_at_2", "users_judged"} < set(board)


def test_every_model_has_the_same_shape_under_its_own_name():
    pipeline = create_pipeline(["cdae", "bias"])
    shapes = [
        {node.name.removeprefix(f"{model}.") for node in pipeline.nodes if node.namespace == model}
        for model in ("cdae", "bias")
    ]
    assert shapes[0] == shapes[1]
    assert {"cdae.fitted", "cdae.fit_facts", "cdae.history", "train_likes"} < pipeline.inputs()
