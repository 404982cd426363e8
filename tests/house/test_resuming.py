"""A run resumes from the files that exist, and runs only the nodes that are needed."""

from pathlib import Path

import pandas as pd
import projects
import pytest
import tracked

from collaborative_autoencoders.models import models_for

BOARD = "data/08_reporting/test/leaderboard.csv"
DIFFERENCES = "data/08_reporting/test/differences.csv"
METRICS = "data/08_reporting/test/cdae/metrics.json"
EVALUATED = [
    "data/07_model_output/test/cdae/ranked_items.parquet",
    "data/07_model_output/test/cdae/predicted_ratings.parquet",
    "data/08_reporting/test/cdae/user_scores.parquet",
]
"""The files of one node, which are written together."""


@pytest.fixture
def project(finished_world, tmp_path):
    return projects.copy_of(finished_world, tmp_path / "world")


def written(project: Path) -> dict[str, int]:
    """The time at which each file of the project's data was written."""
    files = [path for path in (project / "data").rglob("*") if path.is_file()]
    return {name_of(path, project): path.stat().st_mtime_ns for path in files}


def name_of(path: Path, project: Path) -> str:
    return path.relative_to(project).as_posix()


def changed_by(project: Path, **session_run) -> set[str]:
    """Run, and return the files that were written."""
    before = written(project)
    projects.run(project, **session_run)
    return {name for name, time in written(project).items() if before.get(name) != time}


def test_nothing_runs_if_nothing_is_missing(project):
    assert changed_by(project, only_missing_outputs=True) == set()
    assert tracked.statuses(project) == {"": "FINISHED"}


def test_a_missing_list_is_written_again_without_a_fit(project):
    """No later node runs, because Kedro checks whether files exist, not which one is newer."""
    lists = project / "data/07_model_output/test/cdae/ranked_items.parquet"
    before = lists.read_bytes()
    lists.unlink()
    assert changed_by(project, only_missing_outputs=True) == set(EVALUATED)
    assert lists.read_bytes() == before
    assert tracked.statuses(project) == {"": "FINISHED", "cdae": "FINISHED"}


def test_a_model_without_lists_and_metrics_is_evaluated_again_without_a_fit(project):
    missing = [*EVALUATED, METRICS, BOARD, DIFFERENCES]
    before = (project / BOARD).read_text()
    for name in missing:
        (project / name).unlink()
    assert changed_by(project, only_missing_outputs=True) == set(missing)
    assert (project / BOARD).read_text() == before


def test_a_missing_model_is_fitted_again_and_no_other(project):
    weights = project / "data/06_models/test/cdae.safetensors"
    before = weights.read_bytes()
    weights.unlink()
    changed = changed_by(project, only_missing_outputs=True)
    facts = {f"data/08_reporting/test/cdae/{name}.json" for name in ("history", "fit_facts")}
    assert changed == {name_of(weights, project)} | facts
    assert weights.read_bytes() == before


def test_a_run_starts_at_any_node_from_the_files_of_earlier_nodes(project):
    registered = {"registration": {"enabled": True}}
    changed = changed_by(project, from_nodes=["cdae.average_scores"], params=registered)
    assert {name.split("/")[1] for name in changed} == {"08_reporting"}
    assert {BOARD, METRICS, "data/08_reporting/test/cdae/registration.json"} < changed


def test_an_evaluation_that_is_repeated_has_its_new_options(project):
    nodes = [f"{model}.evaluate_model" for model in models_for("ranking")]
    options = {"evaluation": {"k": [5, 10], "primary_metric": "mrr_at_5"}}
    wanted = {"from_nodes": nodes, "to_outputs": ["leaderboard"]}
    projects.run(project, pipelines=["ranking"], params=options, **wanted)
    board = pd.read_csv(project / BOARD)
    assert board["mrr_at_5"].is_monotonic_decreasing
    assert "ndcg_at_1" not in board
