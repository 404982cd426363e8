"""A run whose test part hangs on ties in time has the figures of the other order beside its own."""

import shlex
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import pandas as pd
import projects
import pytest
import tracked
import yaml
from mlflow import MlflowClient
from mlflow.entities import Run
from mlflow.exceptions import MlflowException

from collaborative_autoencoders import pipeline_registry
from collaborative_autoencoders.datasets.fabricated import FabricatedDataset
from collaborative_autoencoders.hooks.ties import OtherTies, run_with
from collaborative_autoencoders.tracking.provenance import CHECKSUM

pytestmark = pytest.mark.slow

QUICK = ("popularity", "itemknn")
NEXT = "  what hangs on ties in time"
TYPED = (
    "kedro run --env test --pipelines variational --to-outputs leaderboard --params "
    "split.kind=last,split.test_last=1,split.validation_last=1,evaluation.bootstrap_resamples=10"
)


class Pair(NamedTuple):
    """A run with ties in the order of the table, and the run of the command that it printed."""

    table: Run
    hash: Run
    by_table: str
    command: str
    by_hash: str
    itemknn: Run
    """The run of a model in the second one."""


@pytest.fixture(scope="module")
def pair(tmp_path_factory) -> Pair:
    """Two runs of a pipeline with two quick models, where most ratings of a user are tied."""
    project = projects.new_project(tmp_path_factory.mktemp("ties") / "world")
    table = FabricatedDataset(users=30, items=20, seed=1, table="ratings").load()
    month = table["timestamp"] // 2_600_000
    table.assign(timestamp=month).to_csv(project / "data/01_raw/ratings.csv", index=False)
    catalog = project / "conf/test/catalog_data_engineering.yml"
    entries = yaml.safe_load(catalog.read_text(encoding="utf-8"))
    entries["ratings"] = {"type": "pandas.CSVDataset", "filepath": "data/01_raw/ratings.csv"}
    catalog.write_text(yaml.safe_dump(entries), encoding="utf-8")

    build = cache(pipeline_registry._pipelines_of.__wrapped__)
    with pytest.MonkeyPatch.context() as patch, projects.empty_store(project):
        patch.setattr(pipeline_registry, "models_beside", lambda _: QUICK)
        patch.setattr(pipeline_registry, "_pipelines_of", build)
        by_table = printed(project, TYPED)
        [line] = [line for line in by_table.splitlines() if NEXT in line]
        command = line.partition(NEXT)[0].strip()
        by_hash = printed(project, command)
    _, of_models = tracked.last_run(project)
    return Pair(*tracked.parents(project), by_table, command, by_hash, of_models["itemknn"])


def printed(project: Path, command: str) -> str:
    """What a run prints."""
    done = projects.kedro_here(project, *shlex.split(command)[1:])
    assert done.exit_code == 0, done.output
    return done.output


def column(text: str, place: int) -> dict[str, str]:
    """The figures of each model in a column of the leaderboard."""
    rows = [line.split() for line in text.partition("sorted by")[2].splitlines()]
    return {row[0]: row[place].strip("*") for row in rows if row and row[0] in QUICK}


def beside(
    table: Run,
    models: tuple[str, ...] = QUICK,
    checksum: str | None = None,
    is_tracked: bool = True,
    **changed: Any,
) -> OtherTies | None:
    """The run by hash that stands beside the run by table, or beside one that differs from it."""
    parameters = tracked.logged_parameters(table) | changed
    facts = {"checksum": checksum or table.data.params[CHECKSUM]}
    board = pd.DataFrame({"model": models, "ndcg_at_10": 0.5})
    catalog = SimpleNamespace(load={"data_facts": facts}.get)
    return run_with(
        "hash", {"parameters": parameters}, catalog, board, table if is_tracked else None
    )


def test_the_command_that_a_run_prints_makes_the_other_run_and_each_shows_the_other(pair):
    assert pair.command == f"{TYPED},split.ties=hash,outputs=test/ties-hash"
    assert NEXT not in pair.by_hash
    assert f"ties: table is ndcg_at_10 of run {pair.table.info.run_id}" in pair.by_hash
    assert column(pair.by_hash, 2) == column(pair.by_table, 1) != column(pair.by_hash, 1)

    found = beside(pair.table)
    assert found.run_ids == (pair.hash.info.run_id,)
    shown = {model: f"{value:.3f}" for model, value in found.figures.items()}
    assert shown == column(pair.by_hash, 1)


@pytest.mark.parametrize(
    ("changed", "is_shown"),
    [
        ({"registration": None, "ease": None}, True),  # none of the figures depends on them
        ({"itemknn": None}, False),
        ({"evaluation": None}, False),
        ({"models": (*QUICK, "ease")}, False),
        ({"checksum": "another table"}, False),
    ],
)
def test_figures_of_other_options_models_or_data_are_not_shown(pair, changed, is_shown):
    assert (beside(pair.table, **changed) is not None) == is_shown


def test_the_two_parts_of_a_run_that_was_resumed_are_one(pair):
    whole, part = beside(pair.table), pair.itemknn.info.run_id
    first, second = pair.table.info.run_id, pair.hash.info.run_id
    MlflowClient().set_tag(part, tracked.PARENT, first)  # as if it had been in an earlier run
    found = beside(pair.table)
    MlflowClient().set_tag(part, tracked.PARENT, second)
    assert found.figures == whole.figures
    assert sorted(found.run_ids) == sorted([first, second])


def test_figures_of_other_code_are_not_shown(pair, monkeypatch):
    monkeypatch.setattr("collaborative_autoencoders.hooks.ties.code_version", lambda: "changed")
    assert beside(pair.table) is None


def test_a_store_that_refuses_and_a_run_that_is_not_tracked_show_none(pair, monkeypatch):
    def refuse(*_: Any, **__: Any) -> None:
        raise MlflowException("no")

    with monkeypatch.context() as patch:
        patch.setattr(MlflowClient, "search_runs", refuse)
        assert beside(pair.table) is None
    assert beside(pair.table) is not None
    assert beside(pair.table, is_tracked=False) is None
