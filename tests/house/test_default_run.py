"""The default pipeline on the fabricated world: even users like even films, odd users odd ones."""

import json
import re
from itertools import pairwise, permutations
from pathlib import Path
from zipfile import ZipFile

import pandas as pd
import projects
import pytest
import tracked
import yaml
from model_options import CONF

from collaborative_autoencoders.models import default_models, models_for

LISTS = ("ndcg", "recall", "precision", "map", "mrr", "hit_rate", "gini", "coverage", "novelty")
AT_EVERY_K = [f"{name}_at_{k}" for name in (*LISTS, "capped_recall") for k in (1, 5, 10)]


@pytest.fixture(scope="module")
def leaderboard(finished_world: Path) -> pd.DataFrame:
    return read_leaderboard(finished_world)


def read_leaderboard(project: Path) -> pd.DataFrame:
    return pd.read_csv(project / "data/08_reporting/test/leaderboard.csv").set_index("model")


@pytest.fixture(scope="module")
def differences(finished_world: Path) -> dict[str, pd.DataFrame]:
    """The pairs of models of each metric."""
    written = pd.read_csv(finished_world / "data/08_reporting/test/differences.csv")
    by_pair = written.set_index(["model", "other"])
    return dict(iter(by_pair.groupby("metric")))


def test_the_leaderboard_has_a_row_per_model_and_every_metric_at_every_k(leaderboard):
    assert sorted(leaderboard.index) == sorted(default_models())
    columns = [*AT_EVERY_K, "users_judged", "fit_seconds"]
    assert leaderboard[columns].notna().all(axis=None)
    assert leaderboard["left_out"].isna().all()


def test_the_leaderboard_is_sorted_by_the_primary_metric(leaderboard):
    assert leaderboard["ndcg_at_10"].is_monotonic_decreasing


def test_models_that_predict_ratings_have_rating_errors_and_no_others(leaderboard):
    rated = sorted(leaderboard.index[leaderboard["rmse"].notna()])
    assert rated == sorted(models_for("rating"))
    assert (leaderboard["mae"].notna() == leaderboard["rmse"].notna()).all()


def test_means_lie_within_their_intervals(leaderboard):
    for name in ("ndcg_at_10", "recall_at_5", "precision_at_1", "novelty_at_10"):
        low, mean, high = (leaderboard[f"{name}{end}"] for end in ("_low", "", "_high"))
        assert ((low <= mean) & (mean <= high)).all()


def test_every_pair_of_models_is_compared_in_the_metrics_that_sort_the_two_tables(differences):
    pairs = set(permutations(default_models(), 2))
    assert set(differences) == {"ndcg_at_10", "rmse"}
    assert all(set(table.index) == pairs for table in differences.values())
    assert differences["ndcg_at_10"].loc[("cdae", "popularity"), "verdict"] == "better"
    assert differences["rmse"].loc[("bias", "autorec"), "verdict"] == "worse"
    rated = set(permutations(models_for("rating"), 2))
    assert set(differences["rmse"]["difference"].dropna().index) == rated


def test_each_row_is_compared_with_the_row_above(leaderboard, differences):
    assert pd.isna(leaderboard["compared_with_above"].iloc[0])
    for above, model in pairwise(leaderboard.index):
        row, pair = leaderboard.loc[model], differences["ndcg_at_10"].loc[(model, above)]
        difference_of_means = row["ndcg_at_10"] - leaderboard.loc[above, "ndcg_at_10"]
        assert row["difference"] == pytest.approx(difference_of_means)
        assert row["compared_with_above"].startswith(pair["verdict"])
        assert row["compared_with_above"].endswith(f" {above}")
        assert pair["low"] <= pair["difference"] <= pair["high"]
        assert pair["users"] == row["users_judged"]


def test_networks_learn_the_pattern_that_baselines_cannot_represent(leaderboard):
    ndcg = leaderboard["ndcg_at_10"]
    assert ndcg["cdae"] > ndcg["popularity"] + 0.1
    assert leaderboard.loc["autorec", "rmse"] < 0.5 * leaderboard.loc["bias", "rmse"]


@pytest.mark.parametrize("model", default_models())
def test_ranked_items_are_lists_of_ten_with_ranks_from_one(finished_world, model):
    folder = finished_world / "data/07_model_output/test"
    ranked = pd.read_parquet(folder / model / "ranked_items.parquet")
    assert ranked.columns.tolist() == ["user_index", "rank", "item_index", "score"]
    lists = ranked.groupby("user_index")
    assert len(lists) == 60
    assert lists["rank"].agg(list).map(lambda ranks: ranks == list(range(1, 11))).all()
    assert lists["score"].is_monotonic_decreasing.all()


@pytest.mark.parametrize("model", default_models())
def test_metrics_are_the_means_of_user_scores(finished_world, model):
    folder = finished_world / "data/08_reporting/test" / model
    scores = pd.read_parquet(folder / "user_scores.parquet")
    metrics = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    assert len(scores) == 60
    assert metrics["users_judged"] == scores["ndcg_at_10"].notna().sum()
    assert metrics["ndcg_at_10"] == pytest.approx(scores["ndcg_at_10"].mean())


def test_nothing_is_pickled(finished_world):
    files = set(projects.files_of(finished_world / "data"))
    archives = {path for path in files if path.suffix == ".zip"}
    packed = {Path(name) for archive in archives for name in ZipFile(archive).namelist()}
    kinds = {path.suffix for path in files - archives | packed}
    assert kinds == {".parquet", ".npz", ".safetensors", ".json", ".csv"}


def test_a_typed_run_ends_with_the_leaderboard_and_the_next_commands(typed_world):
    assert typed_world.done.returncode == 0
    _, _, tables = typed_world.done.stdout.partition("Lists of 10, sorted by ndcg_at_10")
    lists, _, ratings = tables.partition("Ratings, sorted by rmse")
    assert [model for model in default_models() if model in lists] == default_models()
    assert set(models_for("rating")) <= set(ratings.split())
    assert "kedro mlflow ui" in ratings
    assert "kedro viz run" in ratings


def test_the_printed_address_opens_the_models_of_the_run_with_their_metrics(typed_world):
    parent, children = tracked.last_run(typed_world.project)
    port = yaml.safe_load((CONF / "base/mlflow.yml").read_text(encoding="utf-8"))["ui"]["port"]
    runs = f"http://127.0.0.1:{port}/#/experiments/{parent.info.experiment_id}/runs?"
    (address,) = [line for line in typed_world.done.stdout.split() if line.startswith(runs)]
    key = address.rpartition("viewStateShareKey=")[2]
    experiment = tracked.store(typed_world.project).get_experiment(parent.info.experiment_id)
    state = json.loads(json.loads(experiment.tags[f"mlflow.sharedViewState.{key}"])["state"])
    assert parent.info.run_id in state["searchFilter"]
    columns = [re.fullmatch(r"metrics\.`(.+)`", name)[1] for name in state["selectedColumns"]]
    assert columns[0] == "ndcg_at_10"
    assert {"rmse", "fit_seconds"} <= set(columns) <= children["autorec"].data.metrics.keys()


def test_a_run_without_a_terminal_prints_no_progress_bar(typed_world):
    printed = typed_world.done.stdout + typed_world.done.stderr
    assert "━" not in printed
    assert "it/s" not in printed
