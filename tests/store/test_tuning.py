"""A study in PostgreSQL that processes of two hosts work on, one of which is killed."""

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path

import optuna
import projects
import pytest
from optuna.trial import TrialState

from collaborative_autoencoders.tuning import storage as storage_module
from collaborative_autoencoders.tuning.storage import open_storage
from collaborative_autoencoders.tuning.study import INTERRUPTED, POSITION, PROCESS

pytestmark = pytest.mark.store

STUDY, TRIALS = "shared", 12
FINISHED = (TrialState.COMPLETE, TrialState.PRUNED)
TO_START = 900  # seconds; 20 on an idle machine
TO_END = 900


@pytest.fixture
def storage(cluster, request):
    """The URL of an empty database."""
    return cluster.create(request.node.name[:60])


@contextmanager
def searching(project: Path, host: str, storage: str, server: str):
    """Run a search in the folder of a host; its log is in `log`."""
    tuning = f"tuning.storage={storage},tuning.study={STUDY},tuning.n_trials={TRIALS}"
    arguments = ["run", "--env", "test", "--pipelines", "tuning", "--namespaces", "cdae"]
    on_host = [sys.executable, Path(__file__).with_name("on_host.py"), host]
    here = projects.in_project(project)
    with (project / "log").open("w") as log:
        process = subprocess.Popen(
            [*on_host, *arguments, "--params", f"{tuning},tuning.sampler=random"],
            **here | {"env": here["env"] | {"MLFLOW_TRACKING_URI": server}},
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def trials_of(opened):
    """All trials of the study, none before it is there."""
    try:
        return opened.get_all_trials(opened.get_study_id_from_name(STUDY), deepcopy=False)
    except KeyError:
        return []


def of_host(trials, host, *states):
    return [
        trial
        for trial in trials
        if trial.user_attrs[PROCESS].startswith(f"{host}:") and trial.state in states
    ]


def kill_in_a_trial(process, host, opened):
    """Kill the process in its second trial or a later one; return the trials of this moment."""
    deadline = time.monotonic() + TO_START
    while True:
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.05)
        trials = trials_of(opened)
        if of_host(trials, host, *FINISHED) and of_host(trials, host, TrialState.RUNNING):
            process.send_signal(signal.SIGSTOP)
            os.waitpid(process.pid, os.WUNTRACED)
            trials = trials_of(opened)
            if of_host(trials, host, TrialState.RUNNING):
                process.kill()
                process.wait()
                return trials
            process.send_signal(signal.SIGCONT)


def test_a_killed_host_loses_no_trial_and_its_trial_is_run_again_by_another(
    storage, server, tmp_path
):
    here = projects.new_project(tmp_path / "host-a")
    projects.run(here, pipelines=["data_engineering"])
    there = projects.copy_of(here, tmp_path / "host-b")
    opened = open_storage(storage)
    with (
        searching(here, "host-a", storage, server) as first,
        searching(there, "host-b", storage, server) as second,
    ):
        before = kill_in_a_trial(first, "host-a", opened)
        assert second.wait(TO_END) == 0, (there / "log").read_text()

    (left,) = of_host(before, "host-a", TrialState.RUNNING)
    after = trials_of(opened)
    assert Counter(t.user_attrs[POSITION] for t in after if t.state in FINISHED) == Counter(
        range(TRIALS)
    )
    assert INTERRUPTED in after[left.number].user_attrs
    assert after[left.number].state == TrialState.FAIL
    (again,) = [
        trial
        for trial in of_host(after, "host-b", *FINISHED)
        if trial.user_attrs[POSITION] == left.user_attrs[POSITION]
    ]
    assert again.params == left.params
    for trial in of_host(before, "host-a", *FINISHED):
        assert (after[trial.number].state, after[trial.number].value) == (trial.state, trial.value)
    assert of_host(after, "host-b", *FINISHED)


def open_on_another_host(url, folder, together):
    storage_module.tempfile.tempdir = str(folder)  # the lock of a host is in its own folder
    folder.mkdir()
    together.wait()
    open_storage(url)


def test_hosts_that_open_an_empty_database_at_once_all_get_it(storage, tmp_path):
    fork = get_context("fork")
    together = fork.Barrier(3)
    hosts = [
        fork.Process(target=open_on_another_host, args=[storage, tmp_path / str(n), together])
        for n in range(3)
    ]
    for host in hosts:
        host.start()
    for host in hosts:
        host.join()
    assert [host.exitcode for host in hosts] == [0, 0, 0]


def test_a_search_goes_on_after_the_server_has_closed_its_connections(cluster, storage):
    opened = open_storage(storage)
    study = optuna.create_study(storage=opened)
    others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
    with cluster.connect(storage.rpartition("/")[2]) as connection:
        connection.execute(f"{others} AND datname = current_database()")
    assert study.ask().number == 0


def test_a_database_of_mlflow_is_refused_and_a_schema_of_it_is_not(cluster, address):
    runs = cluster.url("runs")
    with pytest.raises(OSError, match="studies need a database of their own") as error:
        open_storage(runs)
    assert "Geh31m" not in str(error.value)
    with cluster.connect("runs") as connection:
        assert connection.execute("SELECT to_regclass('studies')").fetchone() == (None,)
        connection.execute("CREATE SCHEMA studies")
    optuna.create_study(storage=open_storage(f"{runs}?options=-csearch_path%3Dstudies"))
    with cluster.connect("runs") as connection:
        assert connection.execute("SELECT to_regclass('studies.studies')").fetchone() != (None,)
