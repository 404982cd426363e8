"""Runs that are stopped from outside, by real signals to a real process."""

import signal
import sqlite3
import subprocess
import time
from contextlib import closing
from functools import partial

import projects
import pytest
import tracked
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project

from collaborative_autoencoders.pipeline_registry import register_pipelines

ENDLESS = "cdae.fitting.epochs=10000000,cdae.fitting.patience=10000000"
FITTING = """
    SELECT 1 FROM runs JOIN params USING (run_uuid)
    WHERE name = 'cdae' AND status = 'RUNNING' AND key = 'fitting.epochs'
"""
TO_BEGIN = 120  # seconds until it certainly fits; on an idle machine it takes five
TO_END = 20  # seconds from the signal; one, where nothing else runs


@pytest.fixture
def project(tmp_path):
    return projects.new_project(tmp_path / "world")


@pytest.fixture
def stop_in_fitting(project):
    """A function that starts a run, sends it the signal while CDAE is fitted, and waits for it."""
    started = []

    def stop(number: signal.Signals) -> subprocess.Popen[str]:
        # a shell that runs the tests in the background has Ctrl-C switched off for its children
        hear = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
        arguments = ("run", "--env", "test", "--params", ENDLESS)
        run = projects.start_kedro(project, *arguments, preexec_fn=hear)
        started.append(run)
        wait_until(lambda: is_fitting(project), run)
        run.send_signal(number)
        run.communicate(timeout=TO_END)
        return run

    yield stop
    for run in started:
        run.kill()


def wait_until(condition, run):
    deadline = time.monotonic() + TO_BEGIN
    while not condition():
        assert run.poll() is None, run.communicate()[0]
        assert time.monotonic() < deadline
        time.sleep(0.1)


def is_fitting(project):
    """Whether MLflow has the open run of CDAE; the store is only looked at, as it is being made."""
    try:
        with closing(sqlite3.connect(f"file:{project}/mlflow.db?mode=ro", uri=True)) as store:
            return store.execute(FITTING).fetchone() is not None
    except sqlite3.OperationalError:
        return False


def assert_every_file_is_whole(project):
    """Each dataset that is there can be loaded, and nothing half written lies beside it."""
    bootstrap_project(project)
    with KedroSession.create(project_path=project, env="test") as session:
        catalog = session.load_context().catalog
        names = register_pipelines()["__default__"].datasets()
        there = {name for name in names if catalog.exists(name)}
        assert {"train_likes", "autorec.fitted", "bias.fit_facts"} < there
        assert "cdae.fitted" not in there
        for name in there:
            catalog.load(name)
    assert list(project.rglob("*.partial")) == []


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, None), (signal.SIGTERM, 128 + signal.SIGTERM)]
)
def test_a_run_that_is_told_to_stop_says_so_and_the_next_goes_on(
    project, stop_in_fitting, number, status
):
    run = stop_in_fitting(number)
    assert run.returncode != 0 if status is None else run.returncode == status
    parent, children = tracked.last_run(project)
    assert (parent.info.status, children["cdae"].info.status) == ("KILLED", "KILLED")
    assert "RUNNING" not in tracked.statuses(project).values()
    assert parent.data.tags["error"] == "interrupted"
    assert_every_file_is_whole(project)
    assert_the_next_run_goes_on(project)


def test_a_run_that_is_killed_outright_is_closed_by_the_next(project, stop_in_fitting):
    stop_in_fitting(signal.SIGKILL)
    killed, children = tracked.last_run(project)
    assert (killed.info.status, children["cdae"].info.status) == ("RUNNING", "RUNNING")
    assert_every_file_is_whole(project)
    assert_the_next_run_goes_on(project)
    ended = {run.info.run_id: run.info.status for run in tracked.all_runs(project)}
    assert ended[killed.info.run_id] == ended[children["cdae"].info.run_id] == "KILLED"


def assert_the_next_run_goes_on(project):
    """The autorec that was fitted stays as it is, and the run gets to the leaderboard."""
    fitted = project / "data/06_models/test/autorec.safetensors"
    before = fitted.stat().st_mtime_ns
    projects.run(project, only_missing_outputs=True)
    assert fitted.stat().st_mtime_ns == before
    assert (project / "data/08_reporting/test/leaderboard.csv").is_file()
    assert set(tracked.statuses(project).values()) == {"FINISHED"}
