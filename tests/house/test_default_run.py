"""The default pipeline on the fabricated world: even users like even films, odd users odd ones."""

import json
from itertools import pairwise
from pathlib import Path

import pandas as pd
import pytest

from collaborative_autoencoders.models import MODELS, models_for

LISTS = ("ndcg", "recall", "precision", "map", "mrr", "hit_rate", "gini", "coverage", "novelty")
AT_EVERY_K = [f"{name}_at_{k}" for name in (*LISTS, "capped_recall") for k in (1, 5, 10)]


@pytest.fixture(scope="module")
def leaderboard(finished_world: Path) -> pd.DataFrame:
    return read_leaderboard(finished_world)


def read_leaderboard(project: Path) -> pd.DataFrame:
    return pd.read_csv(project / "data/08_reporting/test/leaderboard.csv").set_index("model")


def test_the_leaderboard_has_one_row_per_model_and_every_metric_at_every_k(leaderboard):
    assert sorted(leaderboard.index) == sorted(MODELS)
    promised = [*AT_EVERY_K, "users_judged", "fit_seconds"]
    assert leaderboard[promised].notna().all(axis=None)
    assert leaderboard["left_out"].isna().all()


def test_the_leaderboard_is_sorted_by_the_primary_metric(leaderboard):
    assert leaderboard["ndcg_at_10"].is_monotonic_decreasing


def test_models_that_tell_ratings_have_their_errors_and_no_others(leaderboard):
    rated = sorted(leaderboard.index[leaderboard["rmse"].notna()])
    assert rated == sorted(models_for("rating"))
    assert (leaderboard["mae"].notna() == leaderboard["rmse"].notna()).all()


def test_means_lie_within_their_intervals(leaderboard):
    for name in ("ndcg_at_10", "recall_at_5", "precision_at_1", "novelty_at_10"):
        low, mean, high = (leaderboard[f"{name}{end}"] for end in ("_low", "", "_high"))
        assert ((low <= mean) & (mean <= high)).all()


def test_every_two_models_are_compared_and_each_row_with_the_one_above(leaderboard, finished_world):
    written = pd.read_csv(finished_world / "data/08_reporting/test/differences.csv")
    pairs = written.set_index(["model", "other"])
    assert len(pairs) == len(MODELS) * (len(MODELS) - 1)
    assert pd.isna(leaderboard["than_above"].iloc[0])
    for above, model in pairwise(leaderboard.index):
        row, pair = leaderboard.loc[model], pairs.loc[(model, above)]
        means_apart = row["ndcg_at_10"] - leaderboard.loc[above, "ndcg_at_10"]
        assert row["difference"] == pytest.approx(means_apart)
        assert row["than_above"] == pair["verdict"]
        assert pair["low"] <= pair["difference"] <= pair["high"]
        assert pair["users"] == row["users_judged"]
    assert pairs.loc[("cdae", "popularity"), "verdict"] == "better"


def test_the_networks_find_the_world_that_the_baselines_cannot_see(leaderboard):
    ndcg = leaderboard["ndcg_at_10"]
    assert ndcg["cdae"] > ndcg["popularity"] + 0.2
    assert leaderboard.loc["autorec", "rmse"] < 0.5 * leaderboard.loc["bias", "rmse"]


@pytest.mark.parametrize("model", MODELS)
def test_ranked_items_are_lists_of_ten_counted_from_one(finished_world, model):
    folder = finished_world / "data/07_model_output/test"
    ranked = pd.read_parquet(folder / model / "ranked_items.parquet")
    assert ranked.columns.tolist() == ["user_index", "rank", "item_index", "score"]
    lists = ranked.groupby("user_index")
    assert len(lists) == 60
    assert lists["rank"].agg(list).map(lambda ranks: ranks == list(range(1, 11))).all()
    assert lists["score"].is_monotonic_decreasing.all()


@pytest.mark.parametrize("model", MODELS)
def test_user_scores_are_kept_and_the_figures_are_their_means(finished_world, model):
    folder = finished_world / "data/08_reporting/test" / model
    scores = pd.read_parquet(folder / "user_scores.parquet")
    metrics = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    assert len(scores) == 60
    assert metrics["users_judged"] == scores["ndcg_at_10"].notna().sum()
    assert metrics["ndcg_at_10"] == pytest.approx(scores["ndcg_at_10"].mean())


def test_nothing_is_pickled(finished_world):
    kinds = {path.suffix for path in (finished_world / "data").rglob("*") if path.is_file()}
    assert kinds == {".parquet", ".npz", ".safetensors", ".json", ".csv"}


def test_a_typed_run_ends_with_the_table_and_what_to_type_next(typed_world):
    assert typed_world.done.returncode == 0
    table = typed_world.done.stdout.partition("Leaderboard")[2]
    assert [model for model in MODELS if model in table] == list(MODELS)
    assert "kedro mlflow ui" in table
    assert "kedro viz run" in table


def test_a_run_that_no_terminal_shows_prints_no_progress_bar(typed_world):
    printed = typed_world.done.stdout + typed_world.done.stderr
    assert "━" not in printed
    assert "it/s" not in printed
