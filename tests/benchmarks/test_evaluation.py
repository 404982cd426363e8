"""The benchmark of the evaluation still runs, and compares three ways to the same figures."""

import pytest

from benchmarks import evaluation
from collaborative_autoencoders.metrics.table import metrics_of


@pytest.mark.parametrize(
    "reference", [evaluation.evaluate_a_user_at_a_time, evaluation.evaluate_with_a_full_sort]
)
def test_the_references_of_the_benchmark_have_all_figures_of_ours(monkeypatch, reference):
    monkeypatch.setattr(evaluation, "USERS", 40)
    monkeypatch.setattr(evaluation, "ITEMS", 150)
    world = evaluation.fabricate(users=40, items=150, ratings=900, factors=4)
    figures = evaluation.rank_and_score(world)
    assert len(figures) == len(metrics_of("list")) + len(metrics_of("all lists"))
    evaluation.assert_alike(figures, reference(world))
