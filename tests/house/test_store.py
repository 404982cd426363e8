"""One store, in the project's folder, and runs that stay apart in it."""

import projects
import pytest
import tracked
from kedro.pipeline.node import Node

from collaborative_autoencoders.models import MODELS, models_for

FINISHED = dict.fromkeys(["", *MODELS], "FINISHED")


class PlantedError(Exception):
    pass


@pytest.fixture
def fail_at(monkeypatch):
    """A function that makes the node of this name raise when its turn comes."""
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


def run_and_fail(project, error=PlantedError, **arguments):
    with pytest.raises(error, match="planted"):
        projects.run(project, **arguments)


def test_the_store_lies_in_the_project_whatever_the_working_directory(
    project, tmp_path, monkeypatch
):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    projects.run(project, pipelines=["ranking"])
    parent, children = tracked.last_run(project)
    assert sorted(children) == sorted(models_for("ranking"))
    assert tracked.artifacts(parent).is_relative_to(project / "mlartifacts")
    assert list(elsewhere.iterdir()) == []


def test_a_run_from_the_notebooks_uses_the_same_store(typed_world):
    assert tracked.statuses(typed_world.project) == FINISHED
    assert list((typed_world.project / "notebooks").iterdir()) == []


def test_a_run_that_fails_in_the_data_leaves_one_failed_parent(project, fail_at):
    fail_at("data_engineering.keep_core")
    run_and_fail(project)
    assert tracked.statuses(project) == {"": "FAILED"}
    assert tracked.parents(project)[0].data.tags["error"] == "PlantedError: planted"


def test_a_model_that_fails_in_fitting_is_failed_with_the_reason(project, fail_at):
    fail_at("cdae.fit_model")
    run_and_fail(project)
    parent, children = tracked.last_run(project)
    for run in (parent, children["cdae"]):
        assert run.info.status == "FAILED"
        assert run.data.tags["error"] == "PlantedError: planted"
    assert "popularity" not in children  # its turn had not come


def test_models_that_were_complete_stay_finished_when_a_later_one_fails(project, fail_at):
    fail_at("popularity.register_model")
    run_and_fail(project)
    assert tracked.statuses(project) == FINISHED | {"": "FAILED", "popularity": "FAILED"}


@pytest.mark.parametrize("error", [PlantedError, KeyboardInterrupt])
def test_the_run_after_a_broken_one_is_untouched_by_it(project, fail_at, monkeypatch, error):
    fail_at("bias.rank_items", error)
    run_and_fail(project, error)
    monkeypatch.undo()
    projects.run(project)
    first, second = tracked.parents(project)
    assert tracked.statuses(project) == FINISHED
    assert first.info.status == ("FAILED" if error is PlantedError else "KILLED")
    assert "error" in first.data.tags
    assert "error" not in second.data.tags
    assert "RUNNING" not in [run.info.status for run in tracked.all_runs(project)]


def test_each_run_has_its_own_children(project):
    projects.run(project, pipelines=["ranking"])
    projects.run(project, pipelines=["rating"])
    assert len(tracked.parents(project)) == 2
    assert sorted(tracked.last_run(project)[1]) == sorted(models_for("rating"))
    assert len(tracked.all_runs(project)) == 2 + len(MODELS)
