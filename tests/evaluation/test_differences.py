"""Which models differ significantly, from tables of forty users."""

import time

import numpy as np
import pandas as pd
import pytest
from evaluation.small_world import OPTIONS

from collaborative_autoencoders.evaluation.differences import compare_pairs, verdict_of
from collaborative_autoencoders.metrics.table import measure

NO_DIFFERENCE = "no significant difference"


def scores(ndcg, **columns):
    return pd.DataFrame({"user_index": range(len(ndcg)), "ndcg_at_2": ndcg, **columns})


def compared(metric="ndcg_at_2", resamples=200, **tables):
    options = OPTIONS.model_copy(update={"bootstrap_resamples": resamples})
    return compare_pairs(tables, measure(metric), options)


GOOD, POOR = scores([0.9, 0.5, 0.8, np.nan] * 10), scores([0.7, 0.3, 0.6, np.nan] * 10)
LEFT_OUT = scores([0.5]).head(0)


def row(table, model, other):
    return table.set_index(["model", "other"]).loc[(model, other)]


def test_a_pair_by_hand():
    found = row(compared(good=GOOD, poor=POOR), "good", "poor")
    assert found["difference"] == pytest.approx((0.2 + 0.2 + 0.2) / 3)
    assert found["users"] == 30
    assert found["verdict"] == "better"


def test_a_few_users_do_not_show_that_a_model_is_better():
    found = row(compared(good=GOOD.head(5), poor=POOR.head(5)), "good", "poor")
    assert found["difference"] == pytest.approx(0.2)
    assert found["verdict"] == NO_DIFFERENCE


def test_every_ordered_pair_has_a_row_and_swapping_mirrors_it():
    table = compared(good=GOOD, poor=POOR, wild=scores([0.1, 0.9, 0.4, np.nan] * 10))
    assert len(table) == 3 * 2
    for model, other in (("good", "poor"), ("good", "wild"), ("poor", "wild")):
        one, swapped = row(table, model, other), row(table, other, model)
        assert (one["low"], one["high"]) == (-swapped["high"], -swapped["low"])
        assert {one["verdict"], swapped["verdict"]} in ({"better", "worse"}, {NO_DIFFERENCE})


def test_models_with_the_same_scores_do_not_differ():
    found = row(compared(a=GOOD, b=GOOD), "a", "b")
    assert found["difference"] == 0
    assert found["low"] < 0 < found["high"]  # other users may differ
    assert found["verdict"] == NO_DIFFERENCE


def test_the_order_of_rows_does_not_matter():
    tables = [compared(good=GOOD, poor=poor) for poor in (POOR, POOR.iloc[::-1])]
    pd.testing.assert_frame_equal(*tables)


def test_a_smaller_error_is_better():
    counts = {"n_ratings": [2, 1, 1, 0] * 10}
    near = scores([np.nan] * 40, rmse_sum=[2, 1, 1, 0] * 10, **counts)
    far = scores([np.nan] * 40, rmse_sum=[9, 3, 4, 0] * 10, **counts)
    found = row(compared("rmse", near=near, far=far), "near", "far")
    assert found["difference"] == pytest.approx(np.sqrt(4 / 4) - np.sqrt(16 / 4))
    assert (found["users"], found["verdict"]) == (30, "better")


@pytest.mark.parametrize(
    ("metric", "other"),
    [("rmse", POOR), ("mae", POOR), ("gini_at_2", POOR), ("ndcg_at_2", LEFT_OUT)],
)
def test_a_metric_without_values_per_user_has_neither_difference_nor_verdict(metric, other):
    found = row(compared(metric, good=GOOD, other=other), "good", "other")
    assert np.isnan(found["difference"])
    assert found["verdict"] is None


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [(0.1, 0.2, "better"), (-0.2, -0.1, "worse"), (-0.1, 0.1, NO_DIFFERENCE)],
)
def test_better_is_the_side_that_the_metric_asks_for(low, high, verdict):
    assert verdict_of(low, high, higher_is_better=True) == verdict
    assert verdict_of(-high, -low, higher_is_better=False) == verdict


def test_eight_models_of_six_thousand_users_are_compared_within_seconds():
    generator = np.random.default_rng(0)
    tables = {f"model_{place}": scores(generator.random(6040)) for place in range(8)}
    start = time.perf_counter()
    compared(resamples=1000, **tables)
    assert time.perf_counter() - start < 5  # 0.3 s if nothing else runs
