"""A run goes on from what lies on disk, and does again only what has to be done again."""

from pathlib import Path

import pandas as pd
import projects
import pytest
import tracked

from collaborative_autoencoders.models import MODELS

BOARD = "data/08_reporting/test/leaderboard.csv"


@pytest.fixture
def project(finished_world, tmp_path):
    return projects.copy_of(finished_world, tmp_path / "world")


def written(project: Path) -> dict[str, int]:
    """When each file of the project's data was written."""
    files = [path for path in (project / "data").rglob("*") if path.is_file()]
    return {name_of(path, project): path.stat().st_mtime_ns for path in files}


def name_of(path: Path, project: Path) -> str:
    return path.relative_to(project).as_posix()


def what_changes(project: Path, **session_run) -> set[str]:
    """The files that a run writes."""
    before = written(project)
    projects.run(project, **session_run)
    return {name for name, time in written(project).items() if before.get(name) != time}


def test_nothing_is_done_again_where_nothing_is_missing(project):
    assert what_changes(project, only_missing_outputs=True) == set()
    assert tracked.statuses(project) == {"": "FINISHED"}


def test_a_list_that_is_missing_is_made_anew_without_fitting(project):
    """And nothing after it: Kedro asks of a file if it is there, not how old it is."""
    lists = project / "data/07_model_output/test/cdae/ranked_items.parquet"
    before = lists.read_bytes()
    lists.unlink()
    assert what_changes(project, only_missing_outputs=True) == {name_of(lists, project)}
    assert lists.read_bytes() == before
    assert tracked.statuses(project) == {"": "FINISHED", "cdae": "FINISHED"}


def test_a_model_without_lists_and_scores_is_judged_anew_without_fitting(project):
    board = project / BOARD
    judged = ["07_model_output/test/cdae/ranked_items.parquet"]
    judged += [f"08_reporting/test/cdae/{name}" for name in ("user_scores.parquet", "metrics.json")]
    judged.append("08_reporting/test/differences.csv")
    missing = [board, *(project / "data" / name for name in judged)]
    before = board.read_text()
    for file in missing:
        file.unlink()
    changed = what_changes(project, only_missing_outputs=True)
    assert changed == {name_of(file, project) for file in missing}
    assert board.read_text() == before


def test_a_model_that_is_missing_is_fitted_anew_and_no_other(project):
    weights = project / "data/06_models/test/cdae.safetensors"
    before = weights.read_bytes()
    weights.unlink()
    changed = what_changes(project, only_missing_outputs=True)
    facts = {f"data/08_reporting/test/cdae/{name}.json" for name in ("history", "fit_facts")}
    assert changed == {name_of(weights, project)} | facts
    assert weights.read_bytes() == before


def test_a_run_starts_at_any_node_from_what_lies_on_disk(project):
    nodes = [f"{model}.score_lists" for model in MODELS]
    changed = what_changes(project, from_nodes=nodes)
    assert {name.split("/")[1] for name in changed} == {"08_reporting"}
    assert {f"data/08_reporting/test/{model}/metrics.json" for model in MODELS} < changed


def test_what_is_judged_anew_is_judged_by_the_options_of_today(project):
    nodes = [f"{model}.score_lists" for model in MODELS]
    today = {"evaluation": {"k": [5, 10], "primary_metric": "mrr_at_5"}}
    projects.run(project, params=today, from_nodes=nodes)
    board = pd.read_csv(project / BOARD)
    assert board["mrr_at_5"].is_monotonic_decreasing
    assert "ndcg_at_1" not in board
