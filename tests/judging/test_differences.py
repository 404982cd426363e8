"""Which models are told apart, from tables of four users."""

import time

import numpy as np
import pandas as pd
import pytest

from collaborative_autoencoders.judging.differences import (
    compare_with_above,
    judge,
    tell_apart,
)
from collaborative_autoencoders.judging.leaderboard import make_leaderboard
from collaborative_autoencoders.judging.options import EvaluationOptions
from collaborative_autoencoders.pipelines.evaluation.nodes import compare_models


def options(primary_metric="ndcg_at_2", resamples=200):
    return EvaluationOptions(
        k=[1, 2],
        primary_metric=primary_metric,
        batch_size=2,
        bootstrap_resamples=resamples,
        seed=0,
    )


def scores(ndcg, **columns):
    return pd.DataFrame({"user_index": range(len(ndcg)), "ndcg_at_2": ndcg, **columns})


GOOD, POOR = scores([0.9, 0.5, 0.8, np.nan]), scores([0.7, 0.3, 0.6, np.nan])
LEFT_OUT = scores([0.5]).head(0)


def row(table, model, other):
    return table.set_index(["model", "other"]).loc[(model, other)]


def test_a_pair_by_hand():
    found = row(tell_apart({"good": GOOD, "poor": POOR}, options()), "good", "poor")
    assert found["difference"] == pytest.approx((0.2 + 0.2 + 0.2) / 3)
    assert found["users"] == 3
    assert found["verdict"] == "better"


def test_every_ordered_pair_has_a_row_and_swapping_mirrors_it():
    wild = scores([0.1, 0.9, 0.4, np.nan])
    table = tell_apart({"good": GOOD, "poor": POOR, "wild": wild}, options())
    assert len(table) == 3 * 2
    for model, other in (("good", "poor"), ("good", "wild"), ("poor", "wild")):
        one, swapped = row(table, model, other), row(table, other, model)
        assert (one["low"], one["high"]) == (-swapped["high"], -swapped["low"])
        assert {one["verdict"], swapped["verdict"]} in ({"better", "worse"}, {"not told apart"})


def test_models_with_the_same_scores_are_not_told_apart():
    found = row(tell_apart({"a": GOOD, "b": GOOD}, options()), "a", "b")
    assert (found["difference"], found["low"], found["high"]) == (0, 0, 0)
    assert found["verdict"] == "not told apart"


def test_the_order_of_rows_does_not_matter():
    tables = [
        tell_apart({"good": GOOD, "poor": poor}, options()) for poor in (POOR, POOR.iloc[::-1])
    ]
    pd.testing.assert_frame_equal(*tables)


def test_a_smaller_error_is_better():
    counts = {"n_ratings": [2, 1, 1, 0]}
    near = scores([np.nan] * 4, squared_error=[2, 1, 1, 0], **counts)
    far = scores([np.nan] * 4, squared_error=[8, 4, 4, 0], **counts)
    found = row(tell_apart({"near": near, "far": far}, options("rmse")), "near", "far")
    assert found["difference"] == pytest.approx(np.sqrt(4 / 4) - np.sqrt(16 / 4))
    assert (found["users"], found["verdict"]) == (3, "better")


@pytest.mark.parametrize(
    ("metric", "other"),
    [("rmse", POOR), ("mae", POOR), ("gini_at_2", POOR), ("ndcg_at_2", LEFT_OUT)],
)
def test_what_no_user_has_gives_neither_difference_nor_verdict(metric, other):
    found = row(tell_apart({"good": GOOD, "other": other}, options(metric)), "good", "other")
    assert np.isnan(found["difference"])
    assert found["verdict"] is None


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [(0.1, 0.2, "better"), (-0.2, -0.1, "worse"), (-0.1, 0.1, "not told apart")],
)
def test_the_sign_is_read_as_the_metric_asks(low, high, verdict):
    assert judge(low, high, lower_is_better=False) == verdict
    assert judge(-high, -low, lower_is_better=True) == verdict


def test_each_row_is_compared_with_the_row_above():
    results = {"poor": 0.5, "good": 0.7, "same": 0.7}
    tables = {"poor": POOR, "good": GOOD, "same": GOOD, "none": LEFT_OUT}
    metrics = {model: {"ndcg_at_2": ndcg} for model, ndcg in results.items()} | {"none": {}}
    board = make_leaderboard(metrics, {"none": "no ratings"}, "ndcg_at_2")
    told = compare_with_above(board, tell_apart(tables, options()))
    assert told["model"].tolist() == ["good", "same", "poor", "none"]
    assert told["than_above"].fillna("").tolist() == ["", "not told apart", "worse", ""]
    assert told["difference"].tolist()[1:3] == pytest.approx([0, -0.2])
    expected = ["difference", "difference_low", "difference_high", "than_above", "left_out"]
    assert told.columns.tolist() == ["model", "ndcg_at_2", *expected]


def test_the_node_gives_the_board_and_all_pairs():
    results = {}
    for model, table in {"poor": POOR, "good": GOOD}.items():
        results[f"{model}.user_scores"] = table
        results[f"{model}.metrics"] = {"ndcg_at_2": table["ndcg_at_2"].mean()}
        results[f"{model}.fit_facts"] = {"left_out": None}
    made = compare_models(options(), **results)
    assert made["leaderboard"]["than_above"].tolist()[1] == "worse"
    assert len(made["differences"]) == 2


def test_models_that_were_all_left_out_break_nothing():
    results = {"a.user_scores": LEFT_OUT, "a.metrics": {}, "a.fit_facts": {"left_out": "no likes"}}
    made = compare_models(options(), **results)
    assert made["leaderboard"]["left_out"].tolist() == ["no likes"]
    assert made["differences"].empty


def test_eight_models_of_six_thousand_users_take_a_second_or_so():
    generator = np.random.default_rng(0)
    tables = {f"model_{place}": scores(generator.random(6040)) for place in range(8)}
    start = time.perf_counter()
    tell_apart(tables, options(resamples=1000))
    taken = time.perf_counter() - start
    assert taken < 5  # 0.3 s where nothing else runs
