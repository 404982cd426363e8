"""The names of metrics in MLflow: the headline is plain, all others are in groups."""

import pytest
import yaml
from model_options import CONF

from collaborative_autoencoders.evaluation.options import EvaluationOptions
from collaborative_autoencoders.tracking.metric_names import curve_name, logged_name, plain_name

BASE = yaml.safe_load((CONF / "base/parameters_evaluation.yml").read_text())["evaluation"]
LISTS = ("ndcg", "recall", "precision", "map", "mrr", "hit_rate", "coverage", "gini", "novelty")


def headline_with(**changed):
    return EvaluationOptions.model_validate(BASE | changed).headline


@pytest.mark.parametrize(
    ("name", "logged"),
    [
        *((f"{name}_at_10", f"{name}_at_10") for name in LISTS),
        *((name, name) for name in ("rmse", "mae", "fit_seconds")),
        ("best_validation_ndcg_at_10", "best_validation_ndcg_at_10"),
        ("capped_recall_at_10", "other/capped_recall_at_10"),
        ("long_tail_share_at_10", "other/long_tail_share_at_10"),
        ("intra_list_diversity_at_10", "other/intra_list_diversity_at_10"),
        ("popularity_miscalibration_at_20", "other/popularity_miscalibration_at_20"),
        ("ndcg_at_20", "at_20/ndcg_at_20"),
        ("gini_at_100", "at_100/gini_at_100"),
        ("ndcg_at_10_low", "interval/ndcg_at_10_low"),
        ("rmse_high", "interval/rmse_high"),
        ("ndcg_at_10_fifth_1", "groups/ndcg_at_10_fifth_1"),
        ("recall_at_10_head", "groups/recall_at_10_head"),
        ("rmse_tail", "groups/rmse_tail"),
        ("unseen_ndcg_at_10", "unseen/unseen_ndcg_at_10"),
        ("known_rmse_low", "unseen/known_rmse_low"),
        ("importance.model.hidden_size", "importance/importance.model.hidden_size"),
        ("peak_memory_mb", "cost/peak_memory_mb"),
        ("rank_15_memory_gb", "cost/rank_15_memory_gb"),
        ("users_judged", "counts/users_judged"),
        ("best_epoch", "counts/best_epoch"),
    ],
)
def test_a_figure_outside_the_headline_is_in_a_group_and_keeps_its_name(name, logged):
    assert logged_name(name, headline_with()) == logged
    assert plain_name(logged) == name


def test_curves_of_two_fits_in_one_run_are_not_mixed():
    curves = [curve_name("train_loss", fit) for fit in ("", "_without_unseen")]
    assert curves == ["curve/train_loss", "curve_without_unseen/train_loss"]
    assert {plain_name(curve) for curve in curves} == {"train_loss"}


def test_the_headline_follows_the_lengths_of_list_and_the_primary_metric():
    assert len(headline_with()) == 11
    short = headline_with(k=[5], primary_metric="ndcg_at_5")
    assert {"ndcg_at_5", "gini_at_5", "rmse"} < set(short)
    assert logged_name("ndcg_at_5", short) == "ndcg_at_5"
    long = headline_with(primary_metric="map_at_100")
    assert set(long) == {*headline_with(), "map_at_100"}
    assert logged_name("map_at_100", long) == "map_at_100"
    assert logged_name("ndcg_at_100", long) == "at_100/ndcg_at_100"
    assert logged_name("capped_recall_at_100", long) == "at_100/capped_recall_at_100"
