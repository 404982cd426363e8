"""Options of evaluation."""

import pytest
from evaluation.small_world import options_with
from pydantic import ValidationError


@pytest.mark.parametrize(
    "change",
    [
        {"k": []},
        {"k": [0, 10]},
        {"k": [10, 5]},
        {"k": [5, 5]},
        {"batch_size": 0},
        {"bootstrap_resamples": 0},
        {"topk": 3},
    ],
)
def test_options_without_a_meaning_are_refused(change):
    with pytest.raises(ValidationError, match=next(iter(change))):
        options_with(**change)


@pytest.mark.parametrize(
    ("metric", "correction"),
    [
        ("ndcg_at_3", r"k = \[1, 2\].*ndcg_at_1"),
        ("ndgc_at_2", "did you mean 'ndcg_at_2'"),
        ("accuracy", "ndcg_at_10, .*, mae"),
    ],
)
def test_a_primary_metric_that_is_not_computed_is_refused_with_a_correction(metric, correction):
    with pytest.raises(ValidationError, match=correction):
        options_with(primary_metric=metric)


@pytest.mark.parametrize(
    ("primary", "compared"),
    [
        ("rmse", ["ndcg_at_2", "rmse"]),
        ("mae", ["ndcg_at_2", "mae"]),
        ("coverage_at_1", ["coverage_at_1", "rmse"]),
        ("map_at_1", ["map_at_1", "rmse"]),
    ],
)
def test_models_are_compared_by_a_metric_of_lists_and_one_of_ratings(primary, compared):
    options = options_with(primary_metric=primary)
    assert [each.name for each in options.leaderboard_measures] == compared


@pytest.mark.parametrize(
    ("k", "shown"), [([1, 5, 10], 10), ([10, 20, 100], 10), ([1, 2], 2), ([5, 20, 100], 5)]
)
def test_tables_and_figures_show_the_length_nearest_to_ten(k, shown):
    assert options_with(k=k, primary_metric="rmse").shown_k == shown
