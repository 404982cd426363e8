"""A process that was killed is recognised from another container, one that lives is not touched."""

import subprocess
import sys
import time
from types import SimpleNamespace

import pytest

from collaborative_autoencoders.tracking.heartbeat import ENDED_AFTER_SECONDS, is_silent
from collaborative_autoencoders.tracking.life import has_ended, sign_of, sign_of_life

ELSEWHERE = "random-host:7:0123456789ab:42"
LIVE = """
import sys, filelock
with filelock.FileLock(sys.argv[1]):
    print("held", flush=True)
    input()
"""


@pytest.fixture
def store(tmp_path):
    return tmp_path / "mlflow.db"


def test_a_process_in_another_container_has_ended_when_its_lock_is_free(store):
    command = [sys.executable, "-c", LIVE, sign_of(store, ELSEWHERE)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        assert not has_ended(ELSEWHERE, store)
        process.kill()
        process.wait()
        assert has_ended(ELSEWHERE, store)


def test_a_process_that_reaches_the_store_by_a_link_is_seen_alive(store):
    link = store.with_name("link.db")
    link.symlink_to(store)
    command = [sys.executable, "-c", LIVE, sign_of(link, ELSEWHERE)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        assert not has_ended(ELSEWHERE, store)
        process.kill()
        process.wait()
        assert has_ended(ELSEWHERE, store)
    with sign_of_life(link):  # which sweeps the lock of the killed one
        assert len(list(store.parent.glob("mlflow.db.*.alive"))) == 2
    assert list(store.parent.iterdir()) == [link]


def test_a_process_of_which_nothing_is_known_is_left_alone(store):
    assert not has_ended(ELSEWHERE, store)
    assert not has_ended("", store)


def test_a_block_leaves_no_lock_behind_and_sweeps_those_of_the_killed(store):
    sign_of(store, ELSEWHERE).touch()
    with sign_of_life(store), sign_of_life(store):
        assert len(list(store.parent.glob("mlflow.db.*.alive"))) == 2
    assert list(store.parent.iterdir()) == []


def test_no_sign_is_needed_for_a_server_and_none_is_made_in_a_missing_folder(tmp_path):
    with sign_of_life(None), sign_of_life(tmp_path / "not" / "there.db"):
        pass
    assert list(tmp_path.iterdir()) == []


def run_with(**tags: str) -> SimpleNamespace:
    return SimpleNamespace(data=SimpleNamespace(tags=tags))


@pytest.mark.parametrize(("seconds", "silent"), [(0, False), (1.1 * ENDED_AFTER_SECONDS, True)])
def test_a_run_is_silent_if_its_parent_was_last_seen_long_ago(seconds, silent):
    parent = run_with(last_seen=str(time.time() - seconds))
    client = SimpleNamespace(get_run={"parent": parent}.get)
    assert is_silent(client, run_with(**{"mlflow.parentRunId": "parent"})) == silent


def test_a_run_without_a_heart_is_not_silent():
    assert not is_silent(None, run_with())
