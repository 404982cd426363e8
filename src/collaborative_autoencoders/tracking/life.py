"""Signs of life: how a run or a trial is recognised whose process was killed.

A process of this machine is recognised by its identity. Processes in other containers and on other
machines cannot be seen, so a process that writes to a store in a file also holds a lock beside
that file, which the operating system releases when the process ends, however it ends.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from collaborative_autoencoders.processes import is_abandoned, this_process

from .files import beside


@contextmanager
def sign_of_life(store: Path | None) -> Iterator[None]:
    """Hold this process's lock beside a store during the block; do nothing without a file.

    Locks that were left by processes that have ended are deleted.
    """
    if store is None or not store.resolve().parent.is_dir():
        yield
        return
    sign = sign_of(store, this_process())
    try:
        with FileLock(sign, timeout=0, thread_local=False):
            yield
    except Timeout:  # another session in this process holds it
        yield
        return
    for left in (sign, *signs_beside(store)):
        if is_free(left):
            left.unlink(missing_ok=True)


def has_ended(process: str, store: Path | None = None) -> bool:
    """Return whether the process has ended; False if that is unknown."""
    if store is not None and process:
        sign = sign_of(store, process)
        if sign.exists():
            return is_free(sign)
    return is_abandoned(process)


def sign_of(store: Path, process: str) -> Path:
    """Return the lock of a process beside a store."""
    name = re.sub(r"[^\w.-]", "-", process)
    return beside(store, f"{name}.alive")


def signs_beside(store: Path) -> list[Path]:
    """Return the locks of all processes beside a store, those of processes that have ended too."""
    real = store.resolve()
    return [*real.parent.glob(f"{real.name}.*.alive")]


def is_free(sign: Path) -> bool:
    """Return whether no process holds this lock."""
    try:
        with FileLock(sign, timeout=0, thread_local=False):
            return True
    except (Timeout, OSError):
        return False
