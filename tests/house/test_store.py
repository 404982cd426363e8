"""The MLflow store lies in the project's folder, and runs in it are independent."""

import projects
import pytest
import tracked
from kedro.pipeline.node import Node

from collaborative_autoencoders.models import MODELS

FINISHED = dict.fromkeys(["", *MODELS], "FINISHED")


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
    return projects.new_project(tmp_path / "world")


@pytest.fixture
def finished(finished_world, tmp_path):
    """The data of a finished run, and no run in the store."""
    return projects.copy_of(finished_world, tmp_path / "finished")


def run_and_fail(project, error=PlantedError, **arguments):
    with pytest.raises(error, match="planted"):
        projects.run(project, **arguments)


def test_the_store_lies_in_the_project_whatever_the_working_directory(
    project, tmp_path, monkeypatch
):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    projects.run(project, to_outputs=["popularity.metrics"])
    parent, children = tracked.last_run(project)
    assert sorted(children) == ["popularity"]
    assert tracked.artifacts(parent).is_relative_to(project / "mlartifacts")
    assert list(elsewhere.iterdir()) == []


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
    last = max(MODELS)  # the order of the run
    fail_at(f"{last}.register_model")
    run_and_fail(finished, from_nodes=[f"{model}.average_scores" for model in MODELS])
    assert tracked.statuses(finished) == FINISHED | {"": "FAILED", last: "FAILED"}


@pytest.mark.parametrize("error", [PlantedError, KeyboardInterrupt])
def test_a_broken_run_does_not_change_the_run_after_it(finished, fail_at, monkeypatch, error):
    some = {"node_names": ["bias.average_scores", "mf.average_scores", "mf.break_down"]}
    fail_at("bias.average_scores", error)
    run_and_fail(finished, error, **some)
    monkeypatch.undo()
    projects.run(finished, **some)
    first, second = tracked.parents(finished)
    assert tracked.statuses(finished) == dict.fromkeys(["", "bias", "mf"], "FINISHED")
    assert first.info.status == ("FAILED" if error is PlantedError else "KILLED")
    assert "error" in first.data.tags
    assert "error" not in second.data.tags
    assert "RUNNING" not in [run.info.status for run in tracked.all_runs(finished)]


def test_each_run_has_its_own_children(finished):
    for some in (["cdae", "popularity"], ["bias"]):
        projects.run(finished, node_names=[f"{model}.average_scores" for model in some])
        assert sorted(tracked.last_run(finished)[1]) == some
    assert len(tracked.parents(finished)) == 2
    assert len(tracked.all_runs(finished)) == 2 + 3
