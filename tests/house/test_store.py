"""The MLflow store lies in the project's folder, and runs in it are independent."""

import mlflow
import projects
import pytest
import tracked
from kedro.pipeline.node import Node
from mlflow import MlflowClient
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

from collaborative_autoencoders.models import default_models
from collaborative_autoencoders.tracking.sqlite import sqlite_url

pytestmark = pytest.mark.slow

FINISHED = dict.fromkeys(["", *default_models()], "FINISHED")


class PlantedError(Exception):
    pass


@pytest.fixture
def fail_at(monkeypatch):
    """A function that makes the node of this name raise an error."""
    whole = Node.run

    def plant(name: str, error: type[BaseException] = PlantedError) -> None:
        def run(self, inputs=None):
            if self.name == name:
                raise error("planted")
            return whole(self, inputs)

        monkeypatch.setattr(Node, "run", run)

    return plant


@pytest.fixture
def project(tmp_path):
    """A project in a folder whose name has characters with a meaning in URLs."""
    return projects.new_project(tmp_path / "50%20off é?#")


@pytest.fixture
def finished(finished_world, tmp_path):
    """The data of a finished run, and no run in the store."""
    return projects.copy_of(finished_world, tmp_path / "finished")


def run_and_fail(project, error=PlantedError, **arguments):
    with pytest.raises(error, match="planted"):
        projects.run(project, **arguments)


def test_the_store_lies_in_the_project_whatever_the_working_directory_and_the_shell(
    project, tmp_path, monkeypatch
):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    monkeypatch.setenv("MLFLOW_REGISTRY_URI", "sqlite:///elsewhere.db")
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "elsewhere")
    projects.run(project, to_outputs=["popularity.metrics"])
    assert mlflow.get_registry_uri() == mlflow.get_tracking_uri()
    parent, children = tracked.last_run(project)
    assert sorted(children) == ["popularity"]
    assert tracked.artifacts(parent).is_relative_to(project / "mlartifacts")
    assert tracked.logged_parameters(parent)["tuning"]["storage"].startswith("sqlite")
    assert list(elsewhere.iterdir()) == []
    assert sorted(path.name for path in tmp_path.iterdir()) == [project.name, "elsewhere"]


def test_a_run_from_the_folder_of_notebooks_uses_the_same_store(typed_world):
    assert tracked.statuses(typed_world.project) == FINISHED
    assert list((typed_world.project / "notebooks").iterdir()) == []


def test_a_run_that_fails_in_the_data_leaves_one_failed_parent(project, fail_at):
    fail_at("data_engineering.keep_core")
    run_and_fail(project)
    assert tracked.statuses(project) == {"": "FAILED"}
    assert tracked.parents(project)[0].data.tags["error"] == "PlantedError: planted"


def test_a_model_whose_fit_fails_has_a_failed_run_with_the_reason(project, fail_at):
    fail_at("cdae.fit_model")
    run_and_fail(project, pipelines=["ranking"])
    parent, children = tracked.last_run(project)
    for run in (parent, children["cdae"]):
        assert run.info.status == "FAILED"
        assert run.data.tags["error"] == "PlantedError: planted"
    assert "popularity" not in children  # it would have been fitted later


def test_a_failing_model_leaves_the_runs_of_complete_models_finished(finished, fail_at):
    first, *_, last = sorted(default_models())  # the order of the run
    nodes = [f"{model}.{node}" for model in (first, last) for node in ("break_down", "draw_curves")]
    fail_at(f"{last}.break_down")
    run_and_fail(finished, node_names=nodes)
    assert tracked.statuses(finished) == {"": "FAILED", first: "FINISHED", last: "FAILED"}


def test_a_broken_run_does_not_change_the_runs_after_it(finished, fail_at, monkeypatch):
    some = {"node_names": ["bias.average_scores", "mf.average_scores", "mf.break_down"]}
    for error in (PlantedError, KeyboardInterrupt):
        fail_at("bias.average_scores", error)
        run_and_fail(finished, error, **some)
        monkeypatch.undo()
    projects.run(finished, **some)
    failed, interrupted, whole = tracked.parents(finished)
    assert tracked.statuses(finished) == dict.fromkeys(["", "bias", "mf"], "FINISHED")
    assert (failed.info.status, interrupted.info.status) == ("FAILED", "KILLED")
    assert "error" in failed.data.tags
    assert "error" in interrupted.data.tags
    assert "error" not in whole.data.tags
    assert "RUNNING" not in [run.info.status for run in tracked.all_runs(finished)]


def test_each_run_has_its_own_children(finished):
    for some in (["cdae", "popularity"], ["bias"]):
        projects.run(finished, node_names=[f"{model}.average_scores" for model in some])
        assert sorted(tracked.last_run(finished)[1]) == some
    assert len(tracked.parents(finished)) == 2
    assert len(tracked.all_runs(finished)) == 2 + 3


SCORES = {"node_names": ["bias.average_scores"]}
"""The smallest run with a child."""


def test_a_run_that_is_open_is_the_parent_and_a_second_session_is_a_child_of_it(finished):
    """As in Airflow, where the task opens a run, and closes it."""
    projects.run(finished, **SCORES)  # creates the experiment
    with mlflow.start_run(run_name="theirs") as theirs:
        projects.run(finished, **SCORES)
        assert mlflow.active_run().info.run_id == theirs.info.run_id
        projects.run(finished, **SCORES)
        assert mlflow.active_run().info.run_id == theirs.info.run_id
    runs, their_id = (
        {run.info.run_id: run for run in tracked.all_runs(finished)},
        theirs.info.run_id,
    )
    joined = runs[their_id]
    assert (joined.info.run_name, joined.info.status) == ("theirs", "FINISHED")
    assert "process" not in joined.data.tags
    below = [
        run for run in runs.values() if run.data.tags.get(tracked.PARENT) == theirs.info.run_id
    ]
    assert sorted(run.info.run_name for run in below) == ["bias", "test: default"]
    assert {run.info.status for run in runs.values()} == {"FINISHED"}


def test_a_run_that_mlflow_made_for_the_process_is_the_parent(finished, monkeypatch):
    """As in `mlflow run`, which sets MLFLOW_RUN_ID."""
    with projects.empty_store(finished):
        client = MlflowClient(tracking_uri=sqlite_url(finished / "mlflow.db"))
        made = client.create_run(client.create_experiment("another"), run_name="made")
        monkeypatch.setenv("MLFLOW_RUN_ID", made.info.run_id)
        projects.run(finished, **SCORES)
    runs = client.search_runs([made.info.experiment_id])
    names = {run.info.run_name: run for run in runs}
    assert sorted(names) == ["bias", "made"]
    assert names["bias"].data.tags[tracked.PARENT] == made.info.run_id
    assert {run.info.status for run in runs} == {"FINISHED"}


def test_a_run_is_known_to_belong_to_its_process_from_its_first_moment(finished, monkeypatch):
    """A process that is killed later than this is recognised by the next run."""
    created = []
    create = SqlAlchemyStore.create_run

    def remember(self, *arguments, **named):
        created.append({tag.key for tag in named.get("tags", arguments[3:4] and arguments[3])})
        return create(self, *arguments, **named)

    monkeypatch.setattr(SqlAlchemyStore, "create_run", remember)
    projects.run(finished, **SCORES)
    assert len(created) == 2
    assert all("process" in tags for tags in created)
