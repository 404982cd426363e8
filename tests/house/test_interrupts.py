"""Runs that are stopped by signals."""

import signal
import sqlite3
import subprocess
import threading
import time
from contextlib import closing

import projects
import pytest
import tracked
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project

from collaborative_autoencoders.pipeline_registry import register_pipelines

FITS = ("autorec.fit_model", "bias.fit_model", "mf.fit_model")
RATING = ("run", "--env", "test", "--pipelines", "rating", "--to-nodes", ",".join(FITS))
ENDLESS = "mf.fitting.epochs=10000000,mf.fitting.patience=10000000"
QUICK = "autorec.fitting.epochs=1"
FITTING = """
    SELECT 1 FROM runs JOIN params USING (run_uuid)
    WHERE name = 'mf' AND status = 'RUNNING' AND key = 'fitting.epochs'
"""
TO_START = 120  # seconds until MF is fitted; 5 on an idle machine
TO_END = 20  # seconds from the signal to the end; 1 on an idle machine


@pytest.fixture
def project(tmp_path):
    """A project with an empty store, which saves each run the time to make its tables."""
    project = projects.new_project(tmp_path / "world")
    with projects.empty_store(project):
        yield project


@pytest.fixture
def stop_in_fitting(project):
    """A function that starts a run, sends it a signal while MF is fitted, and waits for its end."""
    started = []

    def stop(number: signal.Signals) -> subprocess.Popen[str]:
        run = projects.start_kedro(project, *RATING, "--params", f"{ENDLESS},{QUICK}")
        started.append(run)
        wait_until(lambda: is_fitting(project), run)
        run.send_signal(number)
        run.communicate(timeout=TO_END)
        return run

    yield stop
    for run in started:
        run.kill()


def wait_until(condition, run):
    deadline = time.monotonic() + TO_START
    while not condition():
        assert run.poll() is None, run.communicate()[0]
        assert time.monotonic() < deadline
        time.sleep(0.1)


def is_fitting(project):
    """Whether MLflow has the open run of MF; read-only, as another process writes the store."""
    try:
        with closing(sqlite3.connect(f"file:{project}/mlflow.db?mode=ro", uri=True)) as store:
            return store.execute(FITTING).fetchone() is not None
    except sqlite3.OperationalError:
        return False


def assert_every_file_is_whole(project):
    """Assert that every dataset that exists can be loaded, and that no partial file is left."""
    bootstrap_project(project)
    with KedroSession.create(project_path=project, env="test") as session:
        catalog = session.load_context().catalog
        names = register_pipelines()["__default__"].datasets()
        existing = {name for name in names if catalog.exists(name)}
        assert {"train", "autorec.fitted", "bias.fit_facts"} < existing
        assert "mf.fitted" not in existing
        for name in existing:
            catalog.load(name)
    assert list(project.rglob("*.partial")) == []


def test_a_run_that_is_terminated_is_closed_in_mlflow_and_leaves_whole_files(
    project, stop_in_fitting
):
    run = stop_in_fitting(signal.SIGTERM)
    assert run.returncode == 128 + signal.SIGTERM
    assert_interrupted(project)


def test_a_run_that_is_interrupted_at_the_keyboard_leaves_the_same(project):
    """The run is in this process, which gets the signal of Ctrl-C.

    A process closes its runs when it ends, as in the test above, or before its next run.
    """
    interrupted = threading.Event()

    def interrupt_in_fitting():
        deadline = time.monotonic() + TO_START
        while not interrupted.is_set() and time.monotonic() < deadline:
            if is_fitting(project):
                signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
                return
            time.sleep(0.1)

    previous = signal.signal(signal.SIGINT, signal.default_int_handler)
    watcher = threading.Thread(target=interrupt_in_fitting)
    watcher.start()
    try:
        done = projects.kedro_here(project, *RATING, "--params", f"{ENDLESS},{QUICK}")
    finally:
        interrupted.set()
        watcher.join()
        signal.signal(signal.SIGINT, previous)
    assert done.exit_code != 0
    assert_interrupted(project)


def assert_interrupted(project):
    """Assert that every file is whole, and that the runs of parent and MF are closed."""
    assert_every_file_is_whole(project)
    parent, children = tracked.last_run(project)
    assert (parent.info.status, children["mf"].info.status) == ("KILLED", "KILLED")
    assert "RUNNING" not in tracked.statuses(project).values()
    assert parent.data.tags["error"] == "interrupted"


def test_a_run_that_is_killed_is_closed_in_mlflow_by_the_next_run(project, stop_in_fitting):
    stop_in_fitting(signal.SIGKILL)
    killed, children = tracked.last_run(project)
    assert (killed.info.status, children["mf"].info.status) == ("RUNNING", "RUNNING")
    assert_every_file_is_whole(project)
    assert_the_next_run_resumes(project)
    ended = {run.info.run_id: run.info.status for run in tracked.all_runs(project)}
    assert ended[killed.info.run_id] == ended[children["mf"].info.run_id] == "KILLED"


def assert_the_next_run_resumes(project):
    """Assert that the fitted autorec is not fitted again, and that a leaderboard is written."""
    fitted = project / "data/06_models/test/autorec.safetensors"
    before = fitted.stat().st_mtime_ns
    resumed = {"only_missing_outputs": True, "to_outputs": ["leaderboard"]}
    projects.run(project, pipelines=["rating"], **resumed)
    assert fitted.stat().st_mtime_ns == before
    assert (project / "data/08_reporting/test/leaderboard.csv").is_file()
    assert set(tracked.statuses(project).values()) == {"FINISHED"}
