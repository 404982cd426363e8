"""The leaderboard of all models with the default metrics fits an ordinary terminal."""

import io
from itertools import cycle, permutations

import click
import pandas as pd
import pytest
from model_options import parameters_of
from rich.console import Console

from collaborative_autoencoders.evaluation.differences import BETTER, NO_DIFFERENCE, WORSE
from collaborative_autoencoders.evaluation.options import EvaluationOptions
from collaborative_autoencoders.hooks.commands import on_all_ratings, registering_all, with_ties
from collaborative_autoencoders.hooks.leaderboard import (
    measures_ratings,
    show_leaderboard,
    takes_all_ratings,
)
from collaborative_autoencoders.hooks.ties import OtherTies
from collaborative_autoencoders.interactions.core import CoreOptions
from collaborative_autoencoders.interactions.split_options import SplitOptions
from collaborative_autoencoders.metrics.table import at, metrics_of
from collaborative_autoencoders.models import MODELS, models_for

OPTIONS = EvaluationOptions.model_validate(parameters_of("base")["evaluation"])
SORTED_BY = [OPTIONS.primary_metric, "rmse"]
"""The metrics that sort the two tables."""

NOTHING = dict.fromkeys(
    ("tags", "namespaces", "node_names", "from_nodes", "to_nodes", "from_inputs", "to_outputs")
)
"""The options of a run that select nodes, none of them given."""


def board() -> pd.DataFrame:
    """All models with all metrics, and long fits."""
    lists = [*metrics_of("list"), *metrics_of("all lists")]
    columns = [OPTIONS.primary_metric, *(at(each.name, k) for each in lists for k in OPTIONS.k)]
    figures = dict.fromkeys([*columns, "rmse", "mae"], 0.856)
    board = pd.DataFrame({"model": list(MODELS)} | figures)
    board.loc[~board["model"].isin(models_for("rating")), ["rmse", "mae"]] = float("nan")
    return board.assign(fit_seconds=12345.6, left_out=None)


def differences(*verdicts: str) -> pd.DataFrame:
    """All pairs of models, with these verdicts in turn."""
    turns = cycle(verdicts)
    rows = [(metric, *pair) for metric in SORTED_BY for pair in permutations(MODELS, 2)]
    pairs = pd.DataFrame(rows, columns=["metric", "model", "other"])
    return pairs.assign(users=138493, verdict=[next(turns) for _ in rows])


def printed(
    leaderboard: pd.DataFrame,
    pairs: pd.DataFrame,
    width: int,
    about_ratings: str | None = None,
    beside: OtherTies | None = None,
) -> str:
    console = Console(file=io.StringIO(), width=width, color_system=None)
    show_leaderboard(leaderboard, pairs, console, about_ratings, beside)
    return console.file.getvalue()


@pytest.mark.parametrize(
    ("env", "given", "command"),
    [
        (
            None,
            {},
            "kedro run --pipelines rating --params core.ratings=all,outputs=base/all-ratings",
        ),
        (
            "mine",
            {"outputs": "other", "split": {"seed": 7}},
            "kedro run --env mine --pipelines rating "
            "--params outputs=other/all-ratings,split.seed=7,core.ratings=all",
        ),
    ],
)
def test_the_command_for_all_ratings_is_the_typed_one_with_all_ratings(
    env, given, command, monkeypatch
):
    monkeypatch.setattr("sys.argv", ["/bin/kedro"])
    asked = {"to_outputs": ["x"], "pipeline_names": ["evaluation"]}
    assert on_all_ratings(NOTHING | asked | {"env": env, "runtime_params": given}) == command


@pytest.mark.parametrize(
    ("asked", "selected"),
    [
        ({"pipeline_names": ["sequential"]}, "--pipelines sequential "),
        ({"pipeline_names": ["sequential"], "from_nodes": ["cdae.fit"]}, "--pipelines sequential "),
        ({"pipeline_names": ["evaluation"]}, ""),
        ({"pipeline_names": None, "to_outputs": ["leaderboard"]}, "--to-outputs leaderboard "),
    ],
)
def test_the_command_for_other_ties_starts_at_the_ratings(asked, selected, monkeypatch):
    monkeypatch.setattr("sys.argv", ["/bin/kedro"])
    given = {"env": "leave-one-out", "runtime_params": None}
    assert with_ties("hash", NOTHING | asked | given) == (
        f"kedro run --env leave-one-out {selected}"
        "--params split.ties=hash,outputs=leave-one-out/ties-hash"
    )


def test_a_command_names_the_configuration_that_was_typed(monkeypatch):
    monkeypatch.setattr("sys.argv", ["/bin/kedro"])
    asked = NOTHING | {"pipeline_names": ["ranking"], "env": "mine", "runtime_params": None}
    with click.Context(click.Command("run")) as context:
        context.params["conf_source"] = "/srv/my conf"
        command = registering_all(asked)
    assert command.startswith("kedro run --conf-source '/srv/my conf' --env mine ")


def test_what_the_core_left_out_is_said_below_the_table_for_ratings_only():
    line = "RMSE and MAE are of the 95,215 ratings in the core of likes, not of all 100,000."
    pairs = differences(NO_DIFFERENCE)
    lists, _, ratings = printed(board(), pairs, 80, line).partition("Ratings, sorted by rmse")
    assert line in ratings
    assert line not in lists
    of_lists = board()[lambda table: ~table["model"].isin(models_for("rating"))]
    assert line not in printed(of_lists, pairs, 80, line)
    assert (measures_ratings(board()), measures_ratings(of_lists)) == (True, False)


@pytest.mark.parametrize(
    "verdicts", [[BETTER], [WORSE], [NO_DIFFERENCE], [BETTER, NO_DIFFERENCE, WORSE]]
)
def test_tables_and_sentences_fit_80_characters(verdicts):
    narrow, wide = (printed(board(), differences(*verdicts), width) for width in (80, 500))
    assert max(map(len, narrow.splitlines())) <= 80
    assert "…" not in narrow
    assert narrow.replace("─", "").split() == wide.replace("─", "").split()


@pytest.mark.parametrize(
    ("recall", "said"),
    [
        (0.97, "evaluation: {k: [2, 10, 20, 100]}"),
        (1, "recall_at_10 of 0.95 or more"),
        (0.94, None),
    ],
)
def test_lists_that_hold_nearly_all_for_every_model_say_little(recall, said):
    table = board()
    table["recall_at_10"] = [recall, *[1.0] * (len(table) - 1)]
    text = " ".join(printed(table, differences(NO_DIFFERENCE), 80).split())
    assert said in text if said else "say little" not in text


def test_shorter_lists_that_are_evaluated_are_not_proposed():
    table = board().assign(recall_at_10=0.97, recall_at_5=0.8)
    text = " ".join(printed(table, differences(NO_DIFFERENCE), 80).split())
    assert "say little" in text
    assert "Evaluate shorter" not in text


def test_errors_of_ratings_of_another_size_have_three_digits():
    table = board()
    for factor, wanted in ((1e-6, " 8.56e-07*"), (1, " 0.856*"), (1e7, " 8.56e+06*")):
        text = printed(table.assign(rmse=table["rmse"] * factor), differences(NO_DIFFERENCE), 80)
        assert wanted in text.partition("Ratings, sorted by rmse")[2]


def test_a_leaderboard_of_models_that_were_all_left_out_is_their_reasons():
    reason = "it is fitted on ratings, and the table has no ratings"
    empty = pd.DataFrame({"model": ["mf"], "rmse": [float("nan")], "left_out": [reason]})
    pairs = pd.DataFrame(columns=["metric", "model", "other", "users", "verdict"])
    assert printed(empty, pairs, 80).split() == f"mf is left out: {reason}".split()


@pytest.mark.parametrize("metric", ["novelty_at_20", "capped_recall_at_100", "gini_at_10"])
def test_a_table_sorted_by_another_metric_fits_80_characters_too(metric):
    columns = ["model", metric, *(name for name in board() if name not in ("model", metric))]
    pairs = differences(BETTER).drop_duplicates(["model", "other"])
    no_pairs = pairs.assign(metric=metric, verdict=None, users=0)
    text = printed(board()[columns], no_pairs, 80)
    assert f"sorted by {metric}" in text
    assert "…" not in text
    assert f"no user has a value of {metric}" in text


def test_differences_without_an_interval_are_not_said_to_be_missing_values():
    text = printed(board(), differences(BETTER).assign(verdict=None, users=1), 80)
    said = "the values of rmse are those of one user, so they have no interval."
    assert said in " ".join(text.split())  # in lines of 80 characters
    assert "no user has a value" not in text


@pytest.mark.parametrize("metric", ["ndcg_at_10", "gini_at_10", "capped_recall_at_100", "rmse"])
def test_another_run_s_primary_metric_is_beside_it_within_80_characters(metric):
    columns = ["model", metric, *(name for name in board() if name not in ("model", metric))]
    beside = OtherTies("table", ("f" * 32,), dict.fromkeys(MODELS, 0.123) | {"mf": float("nan")})
    text = printed(board()[columns], differences(NO_DIFFERENCE), 80, beside=beside)
    assert max(map(len, text.splitlines())) <= 80
    assert "…" not in text
    of_primary, line, _ = text.partition(f"ties: table is {metric} of run {'f' * 32}")
    assert line
    rows = of_primary.rpartition("sorted by")[2].splitlines()
    figures = {cells[0]: cells[1:3] for cells in map(str.split, rows) if len(cells) > 2}
    assert figures["autorec"] == ["0.856*", "0.123*"]
    assert figures["mf"] == ["0.856*", "-"]


def test_a_single_model_for_ratings_has_both_tables():
    single = board()[lambda table: table["model"] == "mf"]
    pairs = pd.DataFrame(columns=["metric", "model", "other", "users", "verdict"])
    text = printed(single, pairs, 80)
    assert "sorted by ndcg_at_10" in text
    assert "Ratings, sorted by rmse" in text


@pytest.mark.parametrize(
    ("env", "takes"), [("base", False), ("cdae-article", True), ("strong-generalisation", False)]
)
def test_all_ratings_are_proposed_only_if_the_split_takes_them(env, takes):
    parameters = parameters_of(env)
    core = CoreOptions.model_validate(parameters["core"])

    assert takes_all_ratings(core, SplitOptions.model_validate(parameters["split"])) is takes
