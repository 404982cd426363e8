"""Every runner of Kedro logs the same runs: one parent, and one child per model."""

import pickle

import projects
import pytest
import tracked
from kedro.framework.project import configure_project, settings
from kedro.pipeline.node import Node
from kedro.runner import ParallelRunner, SequentialRunner, ThreadRunner

from collaborative_autoencoders.hooks.workers import HooksForWorkers, RunNotes
from collaborative_autoencoders.state.content import Stored
from collaborative_autoencoders.state.record import read_record
from collaborative_autoencoders.tracking.metric_names import plain_name
from collaborative_autoencoders.tracking.provenance import COSTS

pytestmark = pytest.mark.slow

TWO_MODELS = ["bias.average_scores", "cdae.average_scores"]
REPORTS = "data/08_reporting/test"


@pytest.fixture
def finished(finished_world, tmp_path):
    """The data of a finished run, and no run in the store."""
    return projects.copy_of(finished_world, tmp_path / "finished")


def logged(project):
    """Name, status, parameters and metrics of the last parent and its children."""
    parent, children = tracked.last_run(project)
    return {
        name: (
            run.info.status,
            run.data.params,
            {key: value for key, value in run.data.metrics.items() if plain_name(key) not in COSTS},
        )
        for name, run in ({"": parent} | children).items()
    }


def record_of(project, model):
    """What made the metrics of a model, without what they are."""
    record = read_record(Stored.local(project / REPORTS / model / "metrics.json"))
    return record and record.model_dump(exclude={"content"})


def test_every_runner_logs_what_the_sequential_one_does(finished):
    found = []
    for runner in (SequentialRunner, ThreadRunner, ParallelRunner):
        projects.run(finished, node_names=TWO_MODELS, runner=runner())
        found.append(logged(finished))
    sequential, threads, processes = found
    assert sorted(sequential) == ["", "bias", "cdae"]
    assert sequential["cdae"][2]["ndcg_at_10"] > 0
    assert threads == sequential
    assert processes == sequential


def test_new_processes_log_and_record_what_the_sequential_runner_does(finished):
    projects.run(finished, node_names=TWO_MODELS)
    sequential, record = logged(finished), record_of(finished, "cdae")
    projects.forget_records(finished)  # a warning: of neither model is known what made its scores
    done = run_in_new_processes(finished)
    assert done.returncode == 0, done.stderr
    assert logged(finished) == sequential
    assert sequential["cdae"][1]["model.hidden_size"] == "16"
    assert record_of(finished, "cdae") == record


def test_what_new_processes_have_saved_is_recorded_although_the_run_fails(finished):
    projects.forget_records(finished)
    (finished / REPORTS / "bias/user_scores.parquet").write_bytes(b"")
    done = run_in_new_processes(finished)
    assert done.returncode == 1
    assert "user_scores" in done.stderr
    assert record_of(finished, "cdae")["step"] == "cdae.average_scores"
    assert record_of(finished, "bias") is None
    assert tracked.statuses(finished).items() >= {("", "FAILED"), ("cdae", "FINISHED")}


def run_in_new_processes(project):
    """Run two models by ParallelRunner as on macOS and Windows: its processes see no hook before.

    In a process of its own: CPython 3.11 may wait forever for a pool of which a process has died.
    """
    command = (
        "run",
        "--env",
        "test",
        "--nodes",
        ",".join(TWO_MODELS),
        "--runner",
        "ParallelRunner",
    )
    env = projects.in_project(project)["env"] | {"KEDRO_MP_CONTEXT": "spawn"}
    return projects.kedro(project, *command, env=env, timeout=300)


def test_a_node_that_fails_in_another_process_fails_the_run_of_its_model(finished, monkeypatch):
    whole = Node.run

    def run(self, inputs=None):
        if self.name == "bias.average_scores":
            raise ValueError("planted")
        return whole(self, inputs)

    monkeypatch.setattr(Node, "run", run)
    with pytest.raises(ValueError, match="planted"):
        projects.run(finished, node_names=TWO_MODELS, runner=ParallelRunner())
    statuses = tracked.statuses(finished)
    assert statuses.pop("cdae", "FINISHED") == "FINISHED"
    assert statuses == {"": "FAILED", "bias": "FAILED"}


def test_a_new_process_gets_the_state_of_the_hooks():
    configure_project("collaborative_autoencoders")
    hooks = {type(hook).__name__: hook for hook in settings.HOOKS}
    progress = hooks["ProgressHook"]
    progress.notes, progress.nodes = (notes := RunNotes()), 7
    notes.finish("one")
    hooks["OwnDataHook"]._files = {"ratings": None, "items": None}
    sent = pickle.dumps(HooksForWorkers())
    progress.nodes = 0
    pickle.loads(sent)
    assert progress.nodes == 7
    assert progress.notes.finish("two") == 2
    assert dict(notes.finished()) == {"one": 1, "two": 1}


def test_the_first_worker_that_asks_starts_the_run_of_a_model():
    notes = RunNotes()
    other = pickle.loads(pickle.dumps(notes))
    assert notes.run_of("cdae", lambda: "run-1") == "run-1"
    assert other.run_of("cdae", lambda: "run-2") == "run-1"
    assert other.run_of("mf", lambda: "run-3") == "run-3"
    assert notes.runs() == {"cdae": "run-1", "mf": "run-3"}
