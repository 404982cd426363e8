"""Runs that are stopped by signals."""

import os
import signal
import sqlite3
import threading
import time
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import projects
import pytest
import tracked
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project

from collaborative_autoencoders.models import models_for
from collaborative_autoencoders.pipeline_registry import register_pipelines

pytestmark = pytest.mark.slow

FITS = ("autorec.fit_model", "autorec_user.fit_model")
RATING = ("run", "--env", "test", "--pipelines", "rating", "--to-nodes", ",".join(FITS))
ENDLESS = "autorec_user.fitting.epochs=1000000,autorec_user.fitting.patience=1000000"
QUICK = "autorec.fitting.epochs=1"
FITTING = """
    SELECT 1 FROM runs JOIN params USING (run_uuid)
    WHERE name = 'autorec_user' AND status = 'RUNNING' AND key = 'fitting.epochs'
"""
TO_START = 120  # seconds until autorec_user is fitted; 5 on an idle machine
TO_END = 20  # seconds from the signal to the end; 1 on an idle machine


@pytest.fixture
def project(tmp_path):
    """A project with an empty store, which saves each run the time to make its tables."""
    project = projects.new_project(tmp_path / "world")
    with projects.empty_store(project):
        yield project


class Stopped(NamedTuple):
    """A run that was terminated while a network was fitted; a copy of its project just before."""

    terminated: Path
    exit_status: int
    printed: str
    killed: Path
    """What a kill leaves: the files of the moment, and a process that has ended since."""


@pytest.fixture(scope="module")
def stopped():
    """One process for all tests and workers; they only read it."""

    def make(folder):
        project = projects.new_project(folder / "terminated")
        with projects.empty_store(project):
            run = projects.start_kedro(project, *RATING, "--params", f"{ENDLESS},{QUICK}")
            try:
                wait_until(lambda: is_fitting(project), run)
                with paused(run):
                    projects.copy_with_store(project, folder / "killed")
                run.send_signal(signal.SIGTERM)
                printed, _ = run.communicate(timeout=TO_END)
            finally:
                run.kill()
        (folder / "exit_status").write_text(str(run.returncode), encoding="utf-8")
        (folder / "printed").write_text(printed, encoding="utf-8")

    folder = projects.once("stopped", make)
    exit_status, printed = (
        (folder / name).read_text(encoding="utf-8") for name in ("exit_status", "printed")
    )
    return Stopped(folder / "terminated", int(exit_status), printed, folder / "killed")


@contextmanager
def paused(run):
    """Pause the process: it writes nothing in the context."""
    run.send_signal(signal.SIGSTOP)
    assert os.WIFSTOPPED(os.waitpid(run.pid, os.WUNTRACED)[1])
    yield
    run.send_signal(signal.SIGCONT)


def wait_until(condition, run):
    deadline = time.monotonic() + TO_START
    while not condition():
        assert run.poll() is None, run.communicate()[0]
        assert time.monotonic() < deadline
        time.sleep(0.1)


def is_fitting(project):
    """Whether MLflow has the run of the endless fit; read-only, as another process writes it."""
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
        assert {"train", "autorec.fitted", "autorec.fit_facts"} < existing
        assert "autorec_user.fitted" not in existing
        for name in existing:
            catalog.load(name)
    assert list(project.rglob("*.partial")) == []


def test_a_run_that_is_terminated_is_closed_in_mlflow_and_leaves_whole_files(stopped):
    assert stopped.exit_status == 128 + signal.SIGTERM
    command = " ".join(("python -m kedro", *RATING, "--params", f"{ENDLESS},{QUICK}"))
    assert f"To resume, run: {command} --only-missing-outputs" in stopped.printed
    assert_interrupted(stopped.terminated)


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
    assert (parent.info.status, children["autorec_user"].info.status) == ("KILLED", "KILLED")
    assert "RUNNING" not in tracked.statuses(project).values()
    assert parent.data.tags["error"] == "interrupted"


def test_a_run_that_is_killed_is_closed_in_mlflow_by_the_next_run(stopped, tmp_path):
    project = projects.copy_with_store(stopped.killed, tmp_path / "world")
    killed, children = tracked.last_run(project)
    assert (killed.info.status, children["autorec_user"].info.status) == ("RUNNING", "RUNNING")
    assert_every_file_is_whole(project)
    assert_the_next_run_resumes(project)
    ended = {run.info.run_id: run.info.status for run in tracked.all_runs(project)}
    assert ended[killed.info.run_id] == ended[children["autorec_user"].info.run_id] == "KILLED"


def assert_the_next_run_resumes(project):
    """Assert that the fitted autorec is not fitted again, and that the leaderboard is written."""
    fitted = project / "data/06_models/test/autorec.safetensors"
    before = fitted.stat().st_mtime_ns
    resumed = {"only_missing_outputs": True, "to_outputs": ["leaderboard"]}
    quick = {"autorec": {"fitting": {"epochs": 1}}}
    projects.run(project, pipelines=["rating"], params=quick, **resumed)
    assert fitted.stat().st_mtime_ns == before
    board = pd.read_csv(project / "data/08_reporting/test/leaderboard.csv")
    assert sorted(board["model"]) == sorted(models_for("rating"))
    assert tracked.last_run(project)[0].info.run_name == "test: rating"
    assert set(tracked.statuses(project).values()) == {"FINISHED"}
