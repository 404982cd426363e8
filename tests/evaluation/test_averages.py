"""From scores per user to the figures of a model."""

from math import sqrt

import numpy as np
import pandas as pd
import pytest
from evaluation.small_world import OPTIONS, TRAIN, AlwaysThree, LowerFirst, evaluated

from collaborative_autoencoders.evaluation.averages import (
    average_users,
    describe_lists,
    mean_of_users,
)
from collaborative_autoencoders.evaluation.known import count_owners
from collaborative_autoencoders.evaluation.tallies import recommended_at
from collaborative_autoencoders.metrics.table import measure


def figures_of(model):
    return average_users(evaluated(model).user_scores, OPTIONS)


def test_a_user_with_nothing_held_out_is_not_part_of_the_mean():
    figures = figures_of(LowerFirst())
    assert figures["ndcg_at_1"] == (1 + 1 + 1) / 3
    assert (figures["users_judged"], figures["users_listed"]) == (3, 4)


def test_every_user_with_a_list_is_part_of_novelty():
    novelty_U = evaluated(LowerFirst()).user_scores["novelty_at_1"]
    # first items 3, 1, 0, 1 have 0, 2, 3 and 2 of 4 users; none counts as one
    expected = -np.log2(np.array([1, 2, 3, 2]) / 4)
    assert novelty_U.tolist() == pytest.approx(expected)
    assert figures_of(LowerFirst())["novelty_at_1"] == pytest.approx(expected.mean())


def test_rating_errors_by_hand():
    figures = figures_of(AlwaysThree())
    assert figures["rmse"] == pytest.approx(sqrt((4 + 4 + 1 + 1 + 4) / 5))
    assert figures["mae"] == pytest.approx((2 + 2 + 1 + 1 + 2) / 5)
    assert figures["ratings_judged"] == 5


def test_every_rating_has_the_same_weight_whoever_gave_it():
    # the mean of both users' RMSEs would be (0 + 2) / 2
    scores = pd.DataFrame({"rmse_sum": [0.0, 4.0], "n_ratings": [3, 1]})
    assert mean_of_users(scores, measure("rmse")) == sqrt((0 + 4) / (3 + 1))


@pytest.mark.parametrize("name", ["rmse", "ndcg_at_2"])
def test_without_a_value_the_mean_is_nan(name):
    scores = pd.DataFrame({"ndcg_at_2": [np.nan], "rmse_sum": [0.0], "n_ratings": [0]})
    assert np.isnan(mean_of_users(scores, measure(name)))


@pytest.mark.parametrize("name", ["ndcg_at_2", "recall_at_1", "novelty_at_2", "rmse", "mae"])
def test_the_mean_of_one_metric_is_the_figure_and_lies_in_its_interval(name):
    scores = evaluated(AlwaysThree()).user_scores
    figures = average_users(scores, OPTIONS)
    assert mean_of_users(scores, measure(name)) == pytest.approx(figures[name])
    assert figures[f"{name}_low"] <= figures[name] <= figures[f"{name}_high"]


def test_a_model_that_does_not_predict_ratings_has_no_rating_metric():
    assert not {"rmse", "mae", "ratings_judged"} & set(figures_of(LowerFirst()))


def test_all_lists_together_by_hand():
    ranked = evaluated(LowerFirst()).ranked_items
    owners_I = count_owners(TRAIN).of_item_I
    figures = describe_lists(recommended_at(ranked, TRAIN.shape, [1, 2]), owners_I, [1, 2])
    # first places: items 3, 1, 0, 1; the training items are 0 and 1
    assert figures["coverage_at_1"] == 2 / 2
    assert figures["gini_at_1"] == pytest.approx((-4 * 0 - 2 * 0 + 0 * 1 + 2 * 1 + 4 * 2) / (5 * 4))
    names = "gini", "coverage", "average_popularity", "long_tail_share"
    assert list(figures) == [f"{name}_at_{k}" for k in (1, 2) for name in names]
    places = owners_I[3] + owners_I[1] + owners_I[0] + owners_I[1]
    assert figures["average_popularity_at_1"] == places / 4
