"""The identity of a process, whether one of this machine has ended, and ending with another."""

import hashlib
import os
import socket
import time
from functools import cache
from pathlib import Path
from threading import Thread


def this_process() -> str:
    """Return the identity of this process."""
    return identity_of(os.getpid())


def identity_of(pid: int) -> str:
    """Return `host:pid:space:start`, which no other process has had or will have.

    A restarted container often has the host name and process id of the one before it. The space
    is a digest of the machine's boot and of the container's table of processes; the start is in
    ticks since that boot. Without /proc the space is the host name, and the start is empty.
    """
    return f"{socket.gethostname()}:{pid}:{space()}:{start_of(pid)}"


def is_abandoned(process: str) -> bool:
    """Return whether the process has ended; False if that cannot be seen from here.

    Processes of another space cannot be seen: those of other machines and of other containers.
    `host:pid`, which older versions of this project wrote, is understood too.
    """
    host, _, rest = process.partition(":")
    pid, _, rest = rest.partition(":")
    there, _, start = rest.rpartition(":")
    seen = there == space() if rest else host == socket.gethostname()
    if not seen or not pid.isdigit() or os.name == "nt":
        return False
    now = start_of(int(pid))
    return now is None or bool(start and now and start != now)


@cache
def space() -> str:
    """Return what processes share that see each other under the same ids."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii")
        ids = Path("/proc/self/ns/pid").readlink()
    except OSError:
        return socket.gethostname()
    return hashlib.sha256(f"{boot} {ids}".encode()).hexdigest()[:12]


def start_of(pid: int) -> str | None:
    """Return when the process started; empty if that is unknown, None if there is no process.

    A process that has ended, and whose parent has not collected its status, counts as ended.
    """
    try:
        os.kill(pid, 0)  # signal 0 only checks that the process exists
    except ProcessLookupError:
        return None
    except PermissionError:
        pass  # the process of another user
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    state, *fields = stat.rpartition(")")[2].split()  # the name before may contain blanks
    return None if state in "ZX" else fields[18]


def end_with_parent() -> None:
    """Let this process end, without cleaning up, within a second of the one that started it."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    Thread(target=watch, name="end with parent", daemon=True).start()
