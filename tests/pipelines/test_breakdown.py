"""What a model does for whom and with what, and the four figures of it."""

from math import log2, sqrt

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_array

from collaborative_autoencoders.judging.options import EvaluationOptions
from collaborative_autoencoders.judging.scores import no_predictions
from collaborative_autoencoders.metrics.beyond_accuracy import count_recommended, gini
from collaborative_autoencoders.pipelines.evaluation.breakdown import (
    CURVE_POINTS,
    by_concentration,
    shown_length,
)
from collaborative_autoencoders.pipelines.evaluation.nodes import (
    break_down,
    draw_comparison,
    score_lists,
)

EVALUATION = EvaluationOptions(
    k=[1, 2], primary_metric="ndcg_at_2", batch_size=2, bootstrap_resamples=5, seed=0
)


def matrix(*rows):
    return csr_array(np.array(rows, dtype=np.float32))


# of 6 training ratings item 0 has 3, item 1 has 2, item 2 has 1: head, middle and tail
TRAIN = matrix([5, 5, 5, 0, 0], [5, 5, 0, 0, 0], [5, 0, 0, 0, 0], [0, 0, 0, 0, 0])
VALIDATION = matrix([0, 0, 0, 0, 4], [0, 0, 0, 0, 0], [0, 0, 0, 0, 0], [0, 0, 0, 0, 3])
TEST_LIKES = matrix([0, 0, 0, 1, 0], [0, 0, 1, 1, 0], [0, 1, 0, 0, 0], [1, 0, 0, 0, 0])
RANKED = pd.DataFrame(
    [
        (0, 1, 3, 1.0),
        (1, 1, 4, 1.0),
        (1, 2, 2, 0.5),
        (2, 1, 3, 1.0),
        (2, 2, 2, 0.5),
        (3, 1, 0, 1.0),
    ],
    columns=["user_index", "rank", "item_index", "score"],
)
PREDICTED = pd.DataFrame(
    {"user_index": [0, 1, 1, 3], "item_index": [3, 2, 3, 0]}
    | {"rating": [4.0, 5.0, 4.0, 5.0], "predicted": [3.0, 3.0, 4.0, 4.0]}
)


def broken_down(predicted=PREDICTED, ranked=RANKED, evaluation=EVALUATION):
    scores = score_lists(ranked, predicted, TEST_LIKES, TRAIN, VALIDATION, evaluation)
    return break_down(scores, ranked, predicted, TEST_LIKES, TRAIN, VALIDATION, evaluation)


EMPTY = {"breakdown": {}, "group_metrics": {}}


def test_users_by_activity_by_hand():
    # ratings in train and validation: 4, 2, 1, 1; of four users each is a fifth at 0, 2 and 3
    rows = broken_down()["breakdown"]["activity"]
    assert [row["group"] for row in rows] == ["fifth_1", "fifth_3", "fifth_4"]
    assert [(row["from"], row["to"], row["users"]) for row in rows] == [
        (1, 1, 2),
        (2, 2, 1),
        (4, 4, 1),
    ]
    second_of_two = (1 / log2(3)) / (1 / log2(2) + 1 / log2(3))
    assert [row["ndcg"] for row in rows] == pytest.approx([(0 + 1) / 2, second_of_two, 1])
    assert [row["rmse"] for row in rows] == pytest.approx([sqrt(1), sqrt((4 + 0) / 2), sqrt(1)])


def test_items_by_popularity_by_hand():
    rows = broken_down()["breakdown"]["popularity"]
    assert [row["group"] for row in rows] == ["head", "middle", "tail"]
    assert [row["items"] for row in rows] == [1, 1, 3]
    assert [row["held_out"] for row in rows] == [1, 1, 3]
    assert [row["recall"] for row in rows] == [1 / 1, 0 / 1, (1 / 1 + 1 / 2) / 2]
    assert [row["rmse"] for row in rows] == [sqrt(1), None, pytest.approx(sqrt((1 + 4 + 0) / 3))]


def test_held_out_likes_and_users_of_the_groups_add_up_to_the_whole():
    found = broken_down()["breakdown"]
    assert sum(row["held_out"] for row in found["popularity"]) == TEST_LIKES.nnz
    assert sum(row["users"] for row in found["activity"]) == 4
    assert sum(row["judged"] for row in found["activity"]) == 4


def test_the_figures_of_groups_have_flat_names():
    figures = broken_down()["group_metrics"]
    assert figures["ndcg_at_2_fifth_4"] == 1
    assert figures["recall_at_2_middle"] == 0
    assert "rmse_fifth_1" in figures
    assert "rmse_middle" not in figures
    assert all(isinstance(value, float) for value in figures.values())


def test_metrics_at_every_k_are_the_reported_ones_at_the_judged_k():
    scores = score_lists(RANKED, PREDICTED, TEST_LIKES, TRAIN, VALIDATION, EVALUATION)
    curves = broken_down()["breakdown"]["by_length"]
    for name in ("ndcg", "recall"):
        assert curves[name] == pytest.approx(
            [scores[f"{name}_at_{k}"].mean() for k in (1, 2)], abs=1e-6
        )


def test_a_model_that_tells_no_ratings_has_no_rmse_of_groups():
    made = broken_down(predicted=no_predictions())
    assert not [name for name in made["group_metrics"] if name.startswith("rmse")]


def test_a_model_that_was_left_out_has_nothing_to_break_down():
    assert broken_down(predicted=no_predictions(), ranked=RANKED.head(0)) == EMPTY


def test_a_lorenz_curve_of_a_large_catalogue_is_short_and_keeps_its_area():
    item_UK = np.random.default_rng(0).zipf(1.3, size=(3000, 10)) % 4000
    curve = by_concentration(item_UK, 4000)
    assert len(curve["items"]) <= 2 * CURVE_POINTS
    assert (curve["items"][-1], curve["recommendations"][-1]) == (1, 1)
    area = np.trapezoid(curve["recommendations"], curve["items"])
    exact = gini(count_recommended(item_UK, 4000))
    assert curve["gini"] == exact
    assert 1 - 2 * area == pytest.approx(exact, abs=0.002)


def test_without_a_recommendation_there_is_no_curve():
    assert by_concentration(np.array([[-1, -1]]), 4) == {}


@pytest.mark.parametrize(
    ("k", "shown"), [([1, 5, 10], 10), ([10, 20, 100], 10), ([1, 2], 2), ([5, 20, 100], 5)]
)
def test_groups_are_judged_at_the_length_nearest_to_ten(k, shown):
    assert shown_length(k) == shown


def figures(**models):
    return draw_comparison(**{f"{model}.breakdown": value for model, value in models.items()})


def test_every_figure_draws_each_model_in_its_one_colour():
    told, untold = broken_down()["breakdown"], broken_down(no_predictions())["breakdown"]
    drawn = figures(none={}, bias=told, cdae=untold)
    assert list(drawn) == ["by_activity", "by_popularity", "lorenz", "metric_by_k"]
    colours = {
        (trace.name.split()[0], trace.line.color)
        for figure in drawn.values()
        for trace in figure.data
        if trace.name != "every item alike"
    }
    assert {model for model, _ in colours} == {"bias", "cdae"}
    assert len(colours) == 2


def test_labels_tell_ratings_of_users_and_how_many_items():
    drawn = figures(bias=broken_down()["breakdown"])
    assert drawn["by_activity"].data[0].x[1] == "fifth 3<br>2 ratings"
    assert list(drawn["by_popularity"].data[0].x) == [
        "head<br>1 items",
        "middle<br>1 items",
        "tail<br>3 items",
    ]
    assert "Gini" in drawn["lorenz"].data[1].name


def test_where_no_model_tells_ratings_there_is_no_panel_of_errors():
    drawn = figures(cdae=broken_down(no_predictions())["breakdown"])
    assert "RMSE" not in drawn["by_activity"].to_json()
    assert "RMSE" in figures(bias=broken_down()["breakdown"])["by_activity"].to_json()


def test_models_that_were_all_left_out_give_figures_that_say_so():
    for figure in figures(cdae={}, bias={}).values():
        assert "no model was judged" in figure.layout.title.text
