"""`kedro reproduce`: a run is reproduced from MLflow alone, to the last digit, or refused."""

import json
import math
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import projects
import pytest
import tracked
import yaml
from click.testing import CliRunner
from kedro.framework.startup import bootstrap_project

from collaborative_autoencoders.cli import cli
from collaborative_autoencoders.models import default_models
from collaborative_autoencoders.reproduce.comparison import compare_histories, distance, family
from collaborative_autoencoders.reproduce.logged_run import products_of, read_run
from collaborative_autoencoders.tracking import provenance
from collaborative_autoencoders.tracking.provenance import processor, selection

pytestmark = pytest.mark.slow

SMALL = ["data_facts", "autorec_user.metrics"]
"""The outputs of a run of one model, which takes seconds instead of half a minute."""


@pytest.fixture(scope="module")
def project(typed_world, tmp_path_factory):
    """A copy of the typed world with its commit, its store and its files."""
    folder = tmp_path_factory.mktemp("reproduced") / "world"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(provenance, "PACKAGE", folder / projects.CODE)
        yield projects.copy_with_store(typed_world.project, folder)


@pytest.fixture(scope="module")
def whole(project):
    """The id of the typed run of every model."""
    return tracked.parents(project)[0].info.run_id


@pytest.fixture(scope="module")
def small(project, whole):
    """The id of a finished run of one model in the same project."""
    projects.run(project, to_outputs=SMALL, params={"core": {"k": 3}})
    return tracked.parents(project)[-1].info.run_id


@pytest.fixture
def changed(project):
    """The project, for a test that changes it: the files in git are restored afterwards."""
    yield project
    git(project, "reset", "-q", "--hard")


def git(project, *arguments):
    author = ["-c", "user.name=tests", "-c", "user.email=tests@localhost"]
    subprocess.run(["git", *author, *arguments], cwd=project, check=True)


def reproduce(project, *arguments):
    """`kedro reproduce` in this process: exit status and output."""
    done = CliRunner().invoke(cli, ["reproduce", *arguments], obj=bootstrap_project(project))
    return done.exit_code, " ".join(done.output.split())


def user_files(project: Path) -> dict[str, bytes]:
    """Every file below data/, without those of reproductions."""
    files = [path for path in (project / "data").rglob("*") if path.is_file()]
    names = {path.relative_to(project).as_posix(): path for path in files}
    return {name: path.read_bytes() for name, path in names.items() if "/reproduce/" not in name}


def set_tags(project, run_id, tags):
    for tag, value in tags.items():
        tracked.store(project).set_tag(run_id, tag, value)


@pytest.fixture
def about(project, small):
    """The tags of the small run, which are restored afterwards."""
    tags = dict(tracked.store(project).get_run(small).data.tags)
    yield tags
    set_tags(project, small, tags)


def products_to_repeat(project, run_id):
    return read_run(tracked.store(project), run_id).parameters["running"]["matrix_products"]


def test_what_auto_took_for_the_matrix_products_is_taken_again(project, small, about):
    models = [
        run for run in tracked.all_runs(project) if run.data.tags.get(tracked.PARENT) == small
    ]
    (taken,) = {run.data.params["matrix_products"] for run in models}
    assert taken in ("torch", "onednn")
    assert products_to_repeat(project, small) == taken
    set_tags(project, small, {"processor": "another one"})
    assert products_to_repeat(project, small) == "auto"


@pytest.mark.parametrize(
    ("taken", "again"),
    [
        (["onednn", "onednn"], "onednn"),
        (["onednn", "torch"], "auto"),
        (["onednn and torch"], "auto"),  # by ranks on different processors
        ([], "auto"),  # of an older version
    ],
)
def test_what_was_not_one_library_is_measured_again(taken, again):
    def run(params):
        data = SimpleNamespace(params=params, tags={"processor": processor()})
        return SimpleNamespace(data=data, info=SimpleNamespace(experiment_id="1", run_id="2"))

    models = [run({"matrix_products": library}) for library in taken] + [run({})]
    store = SimpleNamespace(search_runs=lambda *given: models)
    assert products_of(store, run({})) == again


@pytest.fixture
def refusal(project, small):
    """A function that checks that a run is refused before anything runs; returns the output."""

    def refused(*arguments, run_id=small):
        n_runs = len(tracked.all_runs(project))
        code, said = reproduce(project, run_id, *arguments)
        assert (code, len(tracked.all_runs(project))) == (2, n_runs), said
        return said

    return refused


def test_the_typed_command_reproduces_a_run_and_its_models_to_the_last_digit(project, whole):
    before = user_files(project)
    child = next(run for run in tracked.all_runs(project) if tracked.PARENT in run.data.tags)
    done = projects.kedro_here(project, "reproduce", child.info.run_id)
    assert done.exit_code == 0, done.output
    rows = [line.split() for line in done.stdout.partition("to the last digit")[2].splitlines()]
    found = {row[-4]: row for row in rows if row and row[-1] == "–"}
    assert set(found) == {"run", *default_models()}  # the first row is that of the parent run
    assert all(row[-3] == row[-2] for row in found.values())
    assert all(int(found[model][-2]) > 10 for model in default_models())
    assert "metrics are the same at every step" in done.stdout
    parent, children = tracked.last_run(project)
    assert parent.data.tags["reproduces"] == whole
    assert set(children) == set(default_models())
    assert user_files(project) == before
    assert (project / f"data/08_reporting/reproduce/{whole[:8]}/leaderboard.csv").is_file()


def test_changed_parameters_in_conf_do_not_matter(changed, small):
    parameters = changed / "conf/test/parameters_training.yml"
    blocks = yaml.safe_load(parameters.read_text(encoding="utf-8"))
    blocks["autorec_user"]["fitting"]["epochs"] = 3
    parameters.write_text(yaml.safe_dump(blocks | {"unknown": 1}), encoding="utf-8")
    code, said = reproduce(changed, small)
    assert (code, "git stash" in said) == (2, True)
    code, said = reproduce(changed, small, "--anyway")
    assert code == 0, said
    assert "Continuing anyway" in said
    parent, children = tracked.last_run(changed)
    assert set(children) == {"autorec_user"}
    assert tracked.logged_parameters(parent)["autorec_user"]["fitting"]["epochs"] == 40
    params = json.loads(parent.data.tags["runtime_params"])  # which the catalog may read
    assert params == {"core": {"k": 3}}
    with pytest.raises(ValueError, match="unknown"):
        projects.run(changed, to_outputs=SMALL)  # the next run in this process reads conf again


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
    code, said = reproduce(project, small)
    assert code == 1, said
    assert "rmse: " in said
    assert "the probable reason: torch was 1.0, is 2" in said
    assert "numpy" not in said


def test_different_ratings_are_refused_before_a_model_is_fitted(changed, small):
    catalog = changed / "conf/test/catalog_data_engineering.yml"
    entries = yaml.safe_load(catalog.read_text(encoding="utf-8"))
    entries["ratings"]["seed"] += 1
    catalog.write_text(yaml.safe_dump(entries), encoding="utf-8")
    code, said = reproduce(changed, small, "--anyway")
    assert (code, "read other ratings" in said) == (2, True), said
    parent, children = tracked.last_run(changed)
    assert (parent.info.status, children) == ("FAILED", {})
    assert parent.data.tags["reproduces"] == small


def test_another_commit_and_a_dirty_tree_are_refused(changed, small, refusal, about):
    commit = about["git_commit"]
    (changed / "new.txt").touch()
    assert "git stash push -u -- :/ ':!notebooks'" in refusal()
    (changed / "new.txt").unlink()
    git(changed, "commit", "-q", "--allow-empty", "-m", "later")
    assert f"git checkout {commit}" in refusal()
    git(changed, "reset", "-q", "--hard", commit)
    set_tags(changed, small, {"git_dirty": "true"})
    assert f"with changes that are not in commit {commit[:8]}" in refusal()


def test_a_run_that_is_unknown_or_not_finished_is_refused(project, small, refusal):
    assert "There is no run 0123" in refusal(run_id="0123")
    client = tracked.store(project)
    client.set_terminated(small, "FAILED")
    assert "is FAILED" in refusal("--anyway")
    client.set_terminated(small, "FINISHED")


@pytest.mark.parametrize(
    "started",
    [
        {"from_nodes": ["autorec_user.fit_model"]},
        {"from_inputs": ["train"]},
        {"node_names": ["autorec_user.evaluate_model"]},
        {"namespaces": ["autorec_user"]},
        {"only_missing_outputs": True},
    ],
)
def test_a_run_from_the_middle_is_refused(project, small, refusal, about, started):
    set_tags(project, small, {"selection": selection(started)})
    assert f"started in the middle ({next(iter(started))})" in refusal("--anyway")


@pytest.mark.parametrize("pipeline", ["inference", "promotion", "tuning", "update"])
def test_a_pipeline_that_depends_on_the_registry_or_a_study_is_refused(
    project, small, refusal, about, pipeline
):
    set_tags(project, small, {"selection": selection({"pipeline_names": [pipeline]})})
    assert f"runs {pipeline}, whose result depends on" in refusal("--anyway")


def test_a_pipeline_that_reads_earlier_files_is_refused(project, refusal):
    projects.run(project, pipelines=["evaluation"], to_outputs=["popularity.metrics"])
    parent = tracked.parents(project)[-1].info.run_id
    assert "started in the middle (no data_facts.checksum)" in refusal(run_id=parent)


def test_a_run_whose_environment_or_parameters_are_missing_is_refused(
    project, small, refusal, about, monkeypatch
):
    set_tags(project, small, {"environment": "gone"})
    assert "ran in the environment gone" in refusal()
    set_tags(project, small, {"environment": "base"})
    monkeypatch.setenv("KEDRO_ENV", "test")
    assert "Unset KEDRO_ENV" in refusal()
    file = tracked.artifacts(tracked.store(project).get_run(small)) / "parameters.yml"
    file.rename(file.with_suffix(".away"))
    assert "has no artifact parameters.yml" in refusal()
    file.with_suffix(".away").rename(file)


def test_a_run_without_the_tags_of_this_version_is_refused(project, small, refusal, about):
    tracked.store(project).delete_tag(small, "selection")
    assert "has no tag selection" in refusal()


def test_kedros_commands_import_neither_mlflow_nor_torch(tmp_path):
    light = (
        "import sys, collaborative_autoencoders.cli; print({'mlflow', 'torch'} & {*sys.modules})"
    )
    done = subprocess.run(
        [sys.executable, "-c", light], capture_output=True, **projects.in_project(tmp_path)
    )
    assert done.stdout.endswith("set()\n"), done.stdout + done.stderr


def test_the_selection_has_the_options_that_were_given():
    empty = {"tags": (), "pipeline_names": [], "from_nodes": None, "only_missing_outputs": False}
    assert selection(empty) == "{}"
    assert json.loads(selection(empty | {"tags": ("a",), "env": "test"})) == {"tags": ["a"]}


class Store:
    """Runs whose metrics have one point each."""

    def __init__(self, *runs):
        self.runs = {run.info.run_id: run for run in runs}

    def search_runs(self, *_, **__):
        return [run for run in self.runs.values() if run.info.run_name == "cdae"]

    def get_metric_history(self, run_id, name):
        return [SimpleNamespace(step=0, value=self.runs[run_id].data.metrics[name])]


def logged_run(run_name, tags=None, **metrics):
    info = SimpleNamespace(run_id=f"id of {run_name}", run_name=run_name, experiment_id="1")
    return SimpleNamespace(info=info, data=SimpleNamespace(metrics=metrics, tags=tags or {}))


def test_a_run_that_was_logged_without_groups_is_compared_with_one_that_has_them():
    """The parent has the figures of the best model, which it did not have before."""
    old = logged_run("whole"), logged_run("cdae", rmse=1.0, rmse_low=0.9, train_loss=0.5)
    grouped = {"rmse": 1.0, "interval/rmse_low": 0.9, "curve/train_loss": 0.5}
    new = logged_run("whole", {"best_model": "cdae"}, rmse=1.0), logged_run("cdae", **grouped)
    then, now = family(Store(*old), old[0]), family(Store(*new), new[0])
    assert then == now
    assert then["whole run"] == {}
    assert then["cdae"].keys() == {"rmse", "rmse_low", "train_loss"}


@pytest.mark.parametrize("theirs", [{}, {"loss": [(0, 1.0)]}, {"loss": [(0, 1.0), (2, 0.5)]}])
def test_a_missing_metric_or_step_is_a_difference(theirs):
    ours = {"loss": [(0, 1.0), (1, 0.5)]}
    assert compare_histories("autorec_user", ours, theirs).differences == {"loss": math.inf}
    assert compare_histories("autorec_user", theirs, ours).differences == {"loss": math.inf}


def test_values_that_are_not_finite_equal_only_themselves():
    assert distance(math.nan, math.nan) == distance(math.inf, math.inf) == 0
    assert distance(math.nan, 0.0) == distance(math.inf, 0.0) == math.inf
    assert distance(0.1 + 0.2, 0.3) > 0
