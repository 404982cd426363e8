"""`kedro repeat`: a run is repeated from MLflow alone, to the last digit, or refused by name."""

import json
import math
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import projects
import pytest
import tracked
import yaml
from click.testing import CliRunner
from kedro.framework.startup import bootstrap_project

from collaborative_autoencoders.cli import cli
from collaborative_autoencoders.models import MODELS
from collaborative_autoencoders.repeating.comparison import compare_histories, distance
from collaborative_autoencoders.tracking.provenance import selection, versions_and_machine

SMALL = ["data_facts", "mf.metrics"]
"""One fitted model, from the ratings to its metrics: seconds instead of half a minute."""


@pytest.fixture(scope="module")
def project(typed_world, tmp_path_factory):
    """A copy of the typed world with its commit, its store and its files; the store is moved."""
    copy = tmp_path_factory.mktemp("repeated") / "world"
    shutil.copytree(typed_world.project, copy)
    with closing(sqlite3.connect(copy / "mlflow.db")) as database:
        for table, column in (("experiments", "artifact_location"), ("runs", "artifact_uri")):
            moved = f"UPDATE {table} SET {column} = replace({column}, ?, ?)"
            database.execute(moved, (typed_world.project.as_posix(), copy.as_posix()))
        database.commit()
    return copy


@pytest.fixture(scope="module")
def whole(project):
    """The id of the whole run that was typed."""
    return tracked.parents(project)[0].info.run_id


@pytest.fixture(scope="module")
def small(project, whole):
    """The id of a finished run of one model in that project."""
    projects.run(project, to_outputs=SMALL)
    return tracked.parents(project)[-1].info.run_id


@pytest.fixture
def spoilt(project):
    """The project, to be spoilt: what git keeps in it is put back afterwards."""
    yield project
    git(project, "reset", "-q", "--hard")


def git(project, *arguments):
    nobody = ["-c", "user.name=nobody", "-c", "user.email=nobody@localhost"]
    subprocess.run(["git", *nobody, *arguments], cwd=project, check=True)


def repeat(project, *arguments):
    """`kedro repeat` in this process: exit code and what was said."""
    done = CliRunner().invoke(cli, ["repeat", *arguments], obj=bootstrap_project(project))
    return done.exit_code, " ".join(done.output.split())


def user_files(project: Path) -> dict[str, bytes]:
    """Everything below data/ but for what repeats wrote."""
    files = [path for path in (project / "data").rglob("*") if path.is_file()]
    names = {path.relative_to(project).as_posix(): path for path in files}
    return {name: path.read_bytes() for name, path in names.items() if "/repeat/" not in name}


def set_tags(project, run_id, tags):
    for tag, value in tags.items():
        tracked.store(project).set_tag(run_id, tag, value)


@pytest.fixture
def about(project, small):
    """The tags of the small run, which are put back afterwards."""
    tags = dict(tracked.store(project).get_run(small).data.tags)
    yield tags
    set_tags(project, small, tags)


@pytest.fixture
def refusal(project, small):
    """What is said of the small run, which is refused before anything runs."""

    def refused(*arguments, run_id=small):
        n_runs = len(tracked.all_runs(project))
        code, said = repeat(project, run_id, *arguments)
        assert (code, len(tracked.all_runs(project))) == (2, n_runs), said
        return said

    return refused


def test_the_typed_command_repeats_a_run_and_its_models_to_the_last_digit(project, whole):
    before = user_files(project)
    child = next(run for run in tracked.all_runs(project) if tracked.PARENT in run.data.tags)
    done = projects.kedro(project, "repeat", child.info.run_id)
    assert done.returncode == 0, done.stdout + done.stderr
    rows = [line.split() for line in done.stdout.partition("to the last digit")[2].splitlines()]
    found = {row[-4]: row for row in rows if row and row[-1] == "–"}
    assert set(found) == {"run", *MODELS}  # the first is that of the "whole run"
    assert all(row[-3] == row[-2] for row in found.values())
    assert all(int(found[model][-2]) > 10 for model in MODELS)
    assert "metrics are the same at every step" in done.stdout
    parent, children = tracked.last_run(project)
    assert parent.data.tags["repeats"] == whole
    assert set(children) == set(MODELS)
    assert user_files(project) == before
    assert (project / f"data/08_reporting/repeat/{whole[:8]}/leaderboard.csv").is_file()


def test_what_conf_says_now_does_not_matter(spoilt, small):
    parameters = spoilt / "conf/test/parameters_training.yml"
    changed = yaml.safe_load(parameters.read_text(encoding="utf-8"))
    changed["mf"]["fitting"]["epochs"] = 3
    parameters.write_text(yaml.safe_dump(changed | {"unknown": 1}), encoding="utf-8")
    code, said = repeat(spoilt, small)
    assert (code, "git stash" in said) == (2, True)
    code, said = repeat(spoilt, small, "--anyway")
    assert code == 0, said
    assert "Going on anyway" in said
    parent, children = tracked.last_run(spoilt)
    assert set(children) == {"mf"}
    assert tracked.logged_parameters(parent)["mf"]["fitting"]["epochs"] == 20


def test_a_metric_that_is_not_the_same_is_reported_with_what_differs(project, small, about):
    (child,) = [
        run.info.run_id
        for run in tracked.all_runs(project)
        if run.data.tags.get(tracked.PARENT) == small
    ]
    planted = "UPDATE {} SET value = value + 1e-15 WHERE key = 'rmse' AND run_uuid = ?"
    with closing(sqlite3.connect(project / "mlflow.db")) as database:
        for table in ("metrics", "latest_metrics"):
            assert database.execute(planted.format(table), [child]).rowcount == 1
        database.commit()
    set_tags(project, small, {"torch": "1.0"})
    code, said = repeat(project, small)
    assert code == 1, said
    assert "rmse: " in said
    assert "the probable reason: torch was 1.0, is 2" in said
    assert "numpy" not in said


def test_other_ratings_are_noticed_before_a_model_is_fitted(spoilt, small):
    catalog = spoilt / "conf/test/catalog_data_engineering.yml"
    entries = yaml.safe_load(catalog.read_text(encoding="utf-8"))
    entries["ratings"]["seed"] += 1
    catalog.write_text(yaml.safe_dump(entries), encoding="utf-8")
    code, said = repeat(spoilt, small, "--anyway")
    assert (code, "read other ratings" in said) == (2, True), said
    parent, children = tracked.last_run(spoilt)
    assert (parent.info.status, children) == ("FAILED", {})
    assert parent.data.tags["repeats"] == small


def test_another_commit_and_a_dirty_tree_are_refused(spoilt, small, refusal, about):
    commit = about["git_commit"]
    (spoilt / "new.txt").touch()
    assert "git stash -u" in refusal()
    (spoilt / "new.txt").unlink()
    git(spoilt, "commit", "-q", "--allow-empty", "-m", "later")
    assert f"git checkout {commit}" in refusal()
    git(spoilt, "reset", "-q", "--hard", commit)
    set_tags(spoilt, small, {"git_dirty": "true"})
    assert f"with changes that commit {commit[:8]} does not have" in refusal()


def test_a_run_that_is_unknown_or_did_not_end_is_refused(project, small, refusal):
    assert "There is no run 0123" in refusal(run_id="0123")
    client = tracked.store(project)
    client.set_terminated(small, "FAILED")
    assert "is FAILED" in refusal("--anyway")
    client.set_terminated(small, "FINISHED")


@pytest.mark.parametrize(
    "started",
    [
        {"from_nodes": ["mf.fit_model"]},
        {"from_inputs": ["train_likes"]},
        {"node_names": ["mf.rank_items"]},
        {"namespaces": ["mf"]},
        {"only_missing_outputs": True},
    ],
)
def test_a_run_from_the_middle_is_refused(project, small, refusal, about, started):
    set_tags(project, small, {"selection": selection(started)})
    assert f"started in the middle ({next(iter(started))})" in refusal("--anyway")


def test_a_pipeline_that_reads_earlier_files_is_refused(project, refusal):
    projects.run(project, pipelines=["evaluation"], to_outputs=["popularity.metrics"])
    parent = tracked.parents(project)[-1].info.run_id
    assert "started in the middle (no data_facts.checksum)" in refusal(run_id=parent)


def test_a_run_whose_environment_or_parameters_are_gone_is_refused(
    project, small, refusal, about, monkeypatch
):
    set_tags(project, small, {"environment": "gone"})
    assert "ran in the environment gone" in refusal()
    set_tags(project, small, {"environment": "base"})
    monkeypatch.setenv("KEDRO_ENV", "test")
    assert "Unset KEDRO_ENV" in refusal()
    file = tracked.artifacts(tracked.store(project).get_run(small)) / "parameters.yml"
    file.rename(file.with_suffix(".away"))
    assert "has lost its parameters.yml" in refusal()
    file.with_suffix(".away").rename(file)


def test_a_run_older_than_the_command_is_refused(project, small, refusal, about):
    tracked.store(project).delete_tag(small, "selection")
    assert "has no tag selection" in refusal()


def test_every_command_of_kedro_stays_light(tmp_path):
    light = (
        "import sys, collaborative_autoencoders.cli; print({'mlflow', 'torch'} & {*sys.modules})"
    )
    done = subprocess.run(
        [sys.executable, "-c", light], capture_output=True, **projects.in_project(tmp_path)
    )
    assert done.stdout.endswith("set()\n"), done.stdout + done.stderr


def test_the_threads_of_matrix_products_are_what_the_shell_allows(monkeypatch):
    monkeypatch.delenv("OPENBLAS_NUM_THREADS", raising=False)
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert versions_and_machine()["blas_threads"] == "3"


def test_the_selection_is_what_was_selected():
    empty = {"tags": (), "pipeline_names": [], "from_nodes": None, "only_missing_outputs": False}
    assert selection(empty) == "{}"
    assert json.loads(selection(empty | {"tags": ("a",), "env": "test"})) == {"tags": ["a"]}


@pytest.mark.parametrize("theirs", [{}, {"loss": [(0, 1.0)]}, {"loss": [(0, 1.0), (2, 0.5)]}])
def test_a_missing_metric_or_step_is_a_difference(theirs):
    ours = {"loss": [(0, 1.0), (1, 0.5)]}
    assert compare_histories("mf", ours, theirs).differences == {"loss": math.inf}
    assert compare_histories("mf", theirs, ours).differences == {"loss": math.inf}


def test_values_without_a_number_are_the_same_only_as_each_other():
    assert distance(math.nan, math.nan) == distance(math.inf, math.inf) == 0
    assert distance(math.nan, 0.0) == distance(math.inf, 0.0) == math.inf
    assert distance(0.1 + 0.2, 0.3) > 0
