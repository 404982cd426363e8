"""A process that has ended is recognised, and one that may be alive is left alone."""

import os
import socket
import subprocess
import sys
import time

import pytest

from collaborative_autoencoders.processes import is_abandoned, this_process

SAY = "from collaborative_autoencoders.processes import this_process; print(this_process())"


@pytest.fixture
def waiting():
    """A process of this machine that waits, and its identity."""
    command = [sys.executable, "-c", f"{SAY}; input()"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(
        command, bufsize=1, env={**os.environ, "PYTHONUNBUFFERED": "1"}, **pipes
    ) as process:
        yield process, process.stdout.readline().strip()
        process.kill()


def test_a_process_has_ended_when_it_is_killed_even_before_its_parent_notices(waiting):
    process, identity = waiting
    assert not is_abandoned(identity)
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # it stays in the table
    assert is_abandoned(identity)
    process.wait()
    assert is_abandoned(identity)


def test_this_process_has_not_ended():
    assert not is_abandoned(this_process())
    assert not is_abandoned(f"{socket.gethostname()}:{os.getpid()}")


def test_another_process_with_the_same_id_is_another_process():
    """As in a container that is started again, where each process gets the id it had before."""
    *same, start = this_process().split(":")
    assert is_abandoned(":".join([*same, str(int(start) - 1)]))


def test_a_process_elsewhere_may_be_alive_even_if_host_and_id_are_the_same():
    host, pid, _, start = this_process().split(":")
    assert not is_abandoned(f"{host}:{pid}:0123456789ab:{int(start) - 1}")
    assert not is_abandoned("other-host:99999999")


def test_a_process_that_an_older_version_wrote_has_ended_if_there_is_no_such_id():
    assert is_abandoned(f"{socket.gethostname()}:99999999")


@pytest.mark.parametrize("text", ["", "host", "host:", "host:x:y:z", ":::"])
def test_a_text_that_is_no_process_has_not_ended(text):
    assert not is_abandoned(text)


def test_a_process_ends_with_the_one_that_started_it():
    end_with_parent = (
        "from collaborative_autoencoders.processes import end_with_parent as end; end()"
    )
    child = f"{end_with_parent}; {SAY}; import time; time.sleep(600)"
    start = f"import subprocess, sys; subprocess.run([sys.executable, '-uc', {child!r}])"
    with subprocess.Popen([sys.executable, "-c", start], stdout=subprocess.PIPE) as parent:
        identity = parent.stdout.readline().decode().strip()
        time.sleep(1)
        assert not is_abandoned(identity)
        parent.kill()
    until = time.monotonic() + 30
    while not is_abandoned(identity) and time.monotonic() < until:
        time.sleep(0.05)
    assert is_abandoned(identity)
