"""A new metric is one entry of METRICS: everything that has metrics then has this one too."""

import io
from pathlib import Path

import numpy as np
import pytest
import yaml
from evaluation.small_world import (
    LARGE_TEST,
    LARGE_TRAIN,
    LARGE_VALIDATION,
    Noisy,
    NoisyRatings,
    all_results,
    options_with,
)
from rich.console import Console

from collaborative_autoencoders.evaluation.differences import compare_pairs
from collaborative_autoencoders.hooks.leaderboard import show_leaderboard
from collaborative_autoencoders.learning.options import FittingOptions
from collaborative_autoencoders.learning.validation import validation_of
from collaborative_autoencoders.metrics.table import METRICS, Metric, measure
from collaborative_autoencoders.serving.promotion import PromotionOptions

CATALOG = Path(__file__).parents[2] / "conf/base/catalog_evaluation.yml"


def place_of_first_hit(lists):
    """1 for a hit in the first place; one place after the last without a hit."""
    k = lists.hits_UK.shape[1]
    place_U = np.where(lists.hits_UK.any(axis=1), lists.hits_UK.argmax(axis=1) + 1, k + 1)
    return np.where(lists.n_relevant_U > 0, place_U, np.nan)


FIRST_HIT = Metric(
    name="first_hit",
    of="list",
    function=place_of_first_hit,
    higher_is_better=False,
    heading="First",
)
FAR_OFF = Metric(
    name="far_off",
    of="ratings",
    function=lambda error_N: (np.abs(error_N) > 1).astype(np.float64),
    of_mean=lambda share: 100 * share,
    higher_is_better=False,
    heading="Far%",
)
MODELS = {"near": NoisyRatings(0.1), "rough": NoisyRatings(1.5), "likes": Noisy(0.5)}
REPORTED = ("first_hit_at_10", "far_off")


@pytest.fixture(autouse=True)
def two_more_entries(monkeypatch):
    for metric in (FIRST_HIT, FAR_OFF):
        monkeypatch.setitem(METRICS, metric.name, metric)


def results_of(primary="first_hit_at_10"):
    return all_results(MODELS, options_with(k=[1, 10], primary_metric=primary))


def hits_by_hand(model, k=10):
    """For each user whether the places of its list are held-out likes."""
    scores_UI = model.scores_UI.copy()
    for part in (LARGE_TRAIN, LARGE_VALIDATION):
        scores_UI[part.ratings.toarray() > 0] = -np.inf
    item_UK = np.argsort(-scores_UI, axis=1, kind="stable")[:, :k]
    return np.take_along_axis(LARGE_TEST.likes.toarray() > 0, item_UK, axis=1)


def test_users_have_a_score_of_each():
    results = results_of()
    scores = results["near.user_scores"]
    by_model_U = ~scores["list_by_popularity"].to_numpy()
    assert by_model_U.sum() > 20
    hits_UK = hits_by_hand(MODELS["near"])[by_model_U]
    first_U = [[*hits, True].index(True) + 1 for hits in hits_UK.tolist()]
    assert scores.loc[by_model_U, "first_hit_at_10"].tolist() == first_U
    error_UI = MODELS["near"].predict(None, np.arange(30)) - LARGE_TEST.ratings.toarray()
    far_UI = (np.abs(error_UI) > 1) & (LARGE_TEST.ratings.toarray() > 0)
    assert results["near.user_scores"]["far_off_sum"].tolist() == far_UI.sum(axis=1).tolist()
    assert "far_off_sum" not in results["likes.user_scores"]


def test_the_metrics_that_go_to_mlflow_have_each_with_its_interval():
    results = results_of()
    metrics, scores = results["rough.metrics"], results["rough.user_scores"]
    assert metrics["first_hit_at_10"] == pytest.approx(scores["first_hit_at_10"].mean())
    assert metrics["first_hit_at_1"] == pytest.approx(scores["first_hit_at_1"].mean())
    share = scores["far_off_sum"].sum() / scores["n_ratings"].sum()
    assert metrics["far_off"] == pytest.approx(100 * share)
    for name in REPORTED:
        assert metrics[f"{name}_low"] < metrics[name] < metrics[f"{name}_high"]
    entry = yaml.safe_load(CATALOG.read_text())["{model}.metrics"]
    assert entry["metadata"]["mlflow"] == "metrics"


@pytest.mark.parametrize("name", REPORTED)
def test_models_are_compared_by_it_and_the_lower_value_is_better(name):
    results = results_of(name)
    tables = {model: results[f"{model}.user_scores"] for model in MODELS}
    pairs = compare_pairs(tables, measure(name), options_with(k=[1, 10], primary_metric=name))
    pairs = pairs.set_index(["model", "other"])
    near, rough = (results[f"{model}.metrics"][name] for model in ("near", "rough"))
    assert near < rough
    assert pairs.loc[("near", "rough"), "difference"] == pytest.approx(near - rough)
    assert pairs.loc[("near", "rough"), "verdict"] == "better"
    assert pairs.loc[("rough", "near"), "verdict"] == "worse"


@pytest.mark.parametrize("name", REPORTED)
def test_the_leaderboard_is_sorted_by_it_the_lowest_first(name):
    made = results_of(name)
    board = made["leaderboard"]
    assert board.columns[:2].tolist() == ["model", name]
    assert {f"{each}{end}" for each in REPORTED for end in ("", "_low", "_high")} < set(board)
    values = board[name].dropna().tolist()
    assert values == sorted(values)
    assert name in made["differences"]["metric"].tolist()
    saved = io.StringIO()
    board.to_csv(saved, index=False)
    assert name in saved.getvalue().splitlines()[0]


@pytest.mark.parametrize("primary", ["ndcg_at_10", *REPORTED])
def test_the_terminal_has_a_column_of_each_in_its_table(primary):
    made = results_of(primary)
    console = Console(file=io.StringIO(), width=120, color_system=None)
    show_leaderboard(made["leaderboard"], made["differences"], console)
    lists, _, ratings = console.file.getvalue().partition("Ratings, sorted by")
    assert "First" in lists
    assert "Far%" in ratings
    if primary in REPORTED:
        assert f"sorted by {primary}" in console.file.getvalue()
        assert "near is better than rough" in console.file.getvalue()


def test_promotion_can_be_decided_by_it():
    raw = {
        "policy": "better",
        "min_gain": 0,
        "fit_seeds": 1,
        "other_data": "refuse",
        "roll_back": {},
    }
    options = PromotionOptions.model_validate(
        raw | {"metric": "first_hit_at_10", "rating_metric": "far_off"}
    )
    assert (options.metric, options.rating_metric) == REPORTED


FITTING = {
    **{"optimizer": "adam", "learning_rate": 0.01, "schedule": "constant", "warmup_fraction": 0},
    **{"final_rate": 0, "average_last": 0, "batch_size": 8, "epochs": 2, "patience": 1},
    **{"seed": 0, "ensemble": 1},
}


@pytest.mark.parametrize("name", REPORTED)
def test_early_stopping_and_tuning_can_minimise_it(name):
    fitting = FittingOptions.model_validate(FITTING | {"validation_metric": name})
    assert not measure(fitting.validation_metric).metric.higher_is_better
    validate = validation_of(name, train=LARGE_TRAIN, validation=LARGE_VALIDATION)
    assert validate(MODELS["near"]) < validate(MODELS["rough"])


def test_without_the_entry_its_name_is_unknown(monkeypatch):
    monkeypatch.delitem(METRICS, "first_hit")
    with pytest.raises(ValueError, match="unknown metric 'first_hit_at_10'"):
        FittingOptions.model_validate(FITTING | {"validation_metric": "first_hit_at_10"})


def test_every_entry_of_the_table_is_reported():
    metrics = results_of()["near.metrics"]
    reported = {
        each.name if each.of == "ratings" else f"{each.name}_at_10" for each in METRICS.values()
    }
    assert reported < set(metrics)
