"""The figures of a model by kind of user and item, and their drawings."""

from dataclasses import replace
from math import log, log2, sqrt

import numpy as np
import pytest
from evaluation.small_world import options_with, part

from collaborative_autoencoders.evaluation import beyond_accuracy
from collaborative_autoencoders.evaluation.beyond_accuracy import Histories
from collaborative_autoencoders.evaluation.breakdown import (
    CURVE_POINTS,
    break_down,
    by_concentration,
)
from collaborative_autoencoders.evaluation.evaluate import (
    evaluate,
    have_lists,
    nothing_evaluated,
)
from collaborative_autoencoders.evaluation.known import count_owners, histories_for
from collaborative_autoencoders.evaluation.tallies import (
    GROUPS,
    ListTally,
    PredictionTally,
    sum_over,
)
from collaborative_autoencoders.metrics.beyond_accuracy import count_recommended, gini
from collaborative_autoencoders.metrics.groups import third_of_items
from collaborative_autoencoders.models.model import Fitted
from collaborative_autoencoders.pipelines.evaluation.nodes import (
    draw_comparison,
    draw_curves,
    join_curves,
)

OPTIONS = options_with(bootstrap_resamples=5)

# of 6 training ratings item 0 has 3, item 1 has 2, item 2 has 1: head, middle and tail
TRAIN = part([5, 5, 5, 0, 0], [5, 5, 0, 0, 0], [5, 0, 0, 0, 0], [0, 0, 0, 0, 0])
VALIDATION = part([0, 0, 0, 0, 4], [0, 0, 0, 0, 0], [0, 0, 0, 0, 0], [0, 0, 0, 0, 3])
TEST = part([0, 0, 0, 4, 0], [0, 0, 5, 4, 0], [0, 5, 0, 0, 0], [5, 0, 0, 0, 0])


class Lists:
    """A model whose lists are [3], [4, 2] and [3, 2]; the last user's is by popularity, [0, 1]."""

    learns_from = "likes"
    no = -np.inf
    scores_UI = np.array(
        [[no, no, no, 2, no], [no, no, 1, no, 2], [no, no, 1, 2, no], [2, no, no, no, no]],
        dtype=np.float32,
    )

    def score(self, histories_UI, users_U):
        return self.scores_UI[users_U]


class Ratings(Lists):
    """The same, and its predictions are 3, except for three ratings."""

    def predict(self, histories_UI, users_U):
        predicted_UI = np.full((4, 5), 3, dtype=np.float32)
        predicted_UI[1, 3] = predicted_UI[3, 0] = 4
        return predicted_UI[users_U]


PARTS = {"train": TRAIN, "validation": VALIDATION}


def evaluation_of(model, test=TEST):
    return evaluate(
        model, histories_for(Fitted("model", model), **PARTS), test, count_owners(TRAIN), OPTIONS
    )


def broken_down(model, test=TEST):
    """The breakdown, and the figures of the groups under flat names."""
    found = evaluation_of(model, test)
    return break_down(
        found.user_scores,
        found.ranked_items,
        found.predicted_ratings,
        **PARTS,
        test=test,
        options=OPTIONS,
    )


def test_users_by_activity_by_hand():
    # ratings in train and validation: 4, 2, 1, 1; of four users each is a fifth at 0, 2 and 3
    rows = broken_down(Ratings())[0]["activity"]
    assert [row["group"] for row in rows] == ["fifth_1", "fifth_3", "fifth_4"]
    assert [(row["from"], row["to"], row["users"]) for row in rows] == [
        (1, 1, 2),
        (2, 2, 1),
        (4, 4, 1),
    ]
    second_of_two = (1 / log2(3)) / (1 / log2(2) + 1 / log2(3))
    assert [row["ndcg"] for row in rows] == pytest.approx([(0 + 1) / 2, second_of_two, 1])
    errors = [sqrt((4 + 1) / 2), sqrt((4 + 0) / 2), sqrt(1)]
    assert [row["rmse"] for row in rows] == pytest.approx(errors)


def test_items_by_popularity_by_hand():
    rows = broken_down(Ratings())[0]["popularity"]
    assert [row["group"] for row in rows] == ["head", "middle", "tail"]
    assert [row["items"] for row in rows] == [1, 1, 3]
    assert [row["held_out"] for row in rows] == [1, 1, 3]
    assert [row["recall"] for row in rows] == [1 / 1, 0 / 1, (1 / 1 + 1 / 2) / 2]
    errors = [sqrt(1), sqrt(4), sqrt((1 + 4 + 0) / 3)]
    assert [row["rmse"] for row in rows] == pytest.approx(errors)


def test_diversity_and_calibration_by_hand():
    _, figures = broken_down(Lists())
    # lists [4, 2] and [3, 2], where 3 and 4 have no likes in training, and that of user 3, who has
    # no likes, by popularity: item 0 has 3 likes, 1 has 2 of them. User 0 has a list of one item
    distances = [1, 1, 1 - 2 / sqrt(3 * 2)]
    assert figures["intra_list_diversity_at_2"] == pytest.approx(sum(distances) / 3)
    # likes in head, middle and tail: 1, 1, 2 with the one in validation; 1, 1, 0; 1, 0, 0; none.
    # The lists of the first three are of the tail
    first = (1 / 4 + 1 / 4) * log(100) + 1 / 2 * log((1 / 2) / (0.99 + 0.01 / 2))
    assert figures["popularity_miscalibration_at_2"] == pytest.approx(
        (first + log(100) + log(100)) / 3
    )
    # fold-in ratings are history too: one more like of user 2, in the tail
    disliked, liked = [0, 0, 0, 0, 1], [0, 0, 0, 0, 4]
    folded = replace(TEST, fold_in=part(disliked, disliked, liked, disliked))
    third = 1 / 2 * log(100) + 1 / 2 * log((1 / 2) / (0.99 + 0.01 / 2))
    assert broken_down(Lists(), folded)[1]["popularity_miscalibration_at_2"] == pytest.approx(
        (first + log(100) + third) / 3
    )


def test_of_many_users_every_second_list_is_compared_with_the_same_users_in_every_piece(
    monkeypatch,
):
    monkeypatch.setattr(beyond_accuracy, "DIVERSE_LISTS", 2)
    for size in (4, 3):
        sums = lists_of_pieces(size)
        assert sums["intra_list_diversity_lists"] == 1  # of users 0 and 2; user 0 has one item
        assert sums["intra_list_diversity"] == 1
        assert sums["popularity_miscalibration_lists"] == 3


def lists_of_pieces(size):
    """The sums of the lists, added up by pieces of so many users."""
    found, third_I = evaluation_of(Lists()), third_of_items(count_owners(TRAIN).of_item_I)
    has_list_U = have_lists(TEST, OPTIONS)
    histories = Histories.of(TRAIN, [TRAIN, VALIDATION], third_I, GROUPS, has_list_U)
    about = TEST, found.user_scores, count_owners(TRAIN), OPTIONS
    return sum_over(found.ranked_items, ListTally(*about, size=size, histories=histories))


def test_a_group_without_held_out_ratings_has_no_rmse():
    of_middle_I = np.array([False, True, False, False, False])
    breakdown, figures = broken_down(Ratings(), TEST.without_items(of_middle_I))
    assert breakdown["popularity"][1]["rmse"] is None
    assert "rmse_middle" not in figures
    assert "rmse_tail" in figures


def test_held_out_likes_and_users_of_the_groups_add_up_to_the_whole():
    found, _ = broken_down(Lists())
    assert sum(row["held_out"] for row in found["popularity"]) == TEST.likes.nnz
    assert sum(row["users"] for row in found["activity"]) == 4
    assert sum(row["evaluated"] for row in found["activity"]) == 4


def test_the_figures_of_groups_have_flat_names():
    _, figures = broken_down(Ratings())
    assert figures["ndcg_at_2_fifth_4"] == 1
    assert figures["recall_at_2_middle"] == 0
    assert figures["rmse_middle"] == sqrt(4)
    assert all(isinstance(value, float) for value in figures.values())


def test_the_curve_by_length_goes_through_the_reported_metrics():
    scores, curves = evaluation_of(Lists()).user_scores, broken_down(Lists())[0]["by_length"]
    for name in ("ndcg", "recall"):
        assert curves[name] == pytest.approx(
            [scores[f"{name}_at_{k}"].mean() for k in (1, 2)], abs=1e-6
        )


def test_a_model_that_does_not_predict_ratings_has_no_rmse_of_groups():
    _, figures = broken_down(Lists())
    assert not [name for name in figures if name.startswith("rmse")]


def test_a_model_that_was_left_out_has_no_breakdown():
    ranked, predicted, scores = nothing_evaluated(OPTIONS)
    made = break_down(scores, ranked, predicted, **PARTS, test=TEST, options=OPTIONS)
    assert made == ({}, {})


def test_a_lorenz_curve_of_a_large_catalogue_is_short_and_keeps_its_area():
    item_UK = np.random.default_rng(0).zipf(1.3, size=(3000, 10)) % 4000
    recommended_I = count_recommended(item_UK, 4000)
    curve = by_concentration(recommended_I)
    assert len(curve["items"]) <= 2 * CURVE_POINTS
    assert (curve["items"][-1], curve["recommendations"][-1]) == (1, 1)
    area = np.trapezoid(curve["recommendations"], curve["items"])
    exact = gini(recommended_I)
    assert curve["gini"] == exact
    assert 1 - 2 * area == pytest.approx(exact, abs=0.002)


def test_without_a_recommendation_there_is_no_curve():
    assert by_concentration(np.zeros(4, dtype=np.int64)) == {}


def test_sums_of_pieces_are_those_of_all_users():
    found = evaluation_of(Ratings())
    about = TEST, found.user_scores, count_owners(TRAIN), OPTIONS
    of_ratings = (
        sum_over(found.predicted_ratings, PredictionTally(*about, size=size)) for size in (4, 3)
    )
    for whole, pieces in (map(lists_of_pieces, (4, 3)), of_ratings):
        assert whole.keys() == pieces.keys()
        for name, values in whole.items():
            assert pieces[name] == pytest.approx(values)


def drawn_of(**models):
    return draw_comparison(**{f"{model}.breakdown": value for model, value in models.items()})


def test_a_model_has_the_same_colour_in_every_figure():
    drawn = drawn_of(none={}, bias=broken_down(Ratings())[0], cdae=broken_down(Lists())[0])
    assert list(drawn) == ["by_activity", "by_popularity", "lorenz", "metric_by_k"]
    colours = {
        (trace.name.split()[0], trace.line.color)
        for figure in drawn.values()
        for trace in figure.data
        if trace.name != "equal shares"
    }
    assert {model for model, _ in colours} == {"bias", "cdae"}
    assert len(colours) == 2


def test_labels_have_the_ratings_of_users_and_the_number_of_items():
    drawn = drawn_of(bias=broken_down(Ratings())[0])
    assert drawn["by_activity"].data[0].x[1] == "fifth 3<br>2 ratings"
    assert list(drawn["by_popularity"].data[0].x) == [
        "head<br>1 items",
        "middle<br>1 items",
        "tail<br>3 items",
    ]
    assert "Gini" in drawn["lorenz"].data[1].name


def test_if_no_model_predicts_ratings_there_is_no_panel_of_errors():
    drawn = drawn_of(cdae=broken_down(Lists())[0])
    assert "RMSE" not in drawn["by_activity"].to_json()
    assert "RMSE" in drawn_of(bias=broken_down(Ratings())[0])["by_activity"].to_json()


def test_the_title_says_so_if_no_model_was_evaluated():
    for figure in drawn_of(cdae={}, bias={}).values():
        assert "no model was evaluated" in figure.layout.title.text


def test_learning_curves_show_loss_and_validation():
    history = {
        "train_loss": [{"value": 2.0, "step": 1}, {"value": 1.0, "step": 2}],
        "validation_rmse": [{"value": 0.1, "step": 1}],
        "learning_rate": [{"value": 0.1, "step": 1}],
    }
    figure = draw_curves(history)
    assert [trace.name for trace in figure.data] == ["train_loss", "validation_rmse"]
    assert list(figure.data[0].y) == [2.0, 1.0]
    assert len(draw_curves({}).data) == 0


def test_curves_of_all_networks_are_side_by_side():
    one = [{"value": 2.0, "step": 1}]
    histories = {
        "cdae": {"train_loss": one, "validation_ndcg": one},
        "ease": {},
        "autorec": {"train_loss": one},
    }
    curves = {f"{model}.curves": draw_curves(history) for model, history in histories.items()}
    figure = join_curves(**curves)
    assert [(trace.name, trace.xaxis) for trace in figure.data] == [
        ("train_loss", "x"),
        ("validation_ndcg", "x3"),
        ("train_loss", "x2"),
    ]
    titles = [words.text for words in figure.layout.annotations]
    assert titles == ["cdae<br>train loss", "autorec<br>train loss", "cdae<br>validation ndcg"]
    (words,) = join_curves(**{"ease.curves": draw_curves({})}).layout.annotations
    assert words.text == "no model is fitted in epochs"
