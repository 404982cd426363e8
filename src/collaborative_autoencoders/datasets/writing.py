"""Atomic replacement of files."""

import os
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from secrets import token_hex
from typing import IO


def open_plainly(path: Path) -> IO[bytes]:
    """Return the file opened for writing."""
    return path.open("wb")


PARTIAL = re.compile(r"\..+\.\d+(-[0-9a-f]+)?\.partial")
"""The name of a file that is being written: `.name.pid-random.partial`."""


@contextmanager
def open_beside_and_rename(
    path: Path, opener: Callable[[Path], IO[bytes]] = open_plainly
) -> Iterator[IO[bytes]]:
    """Yield a file to write into; it replaces the file at `path` if the block ends without error.

    The bytes are written to a hidden file in the same folder, synced to disk and renamed, so `path`
    is never an incomplete file. A process that is killed may leave the hidden file behind; the next
    write into the folder deletes it. Missing folders are created. Raises OSError if the folder is
    not writable.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    sweep(path.parent)
    # containers often have equal process ids, so the id alone would not be unique
    beside = path.with_name(f".{path.name}.{os.getpid()}-{token_hex(4)}.partial")
    try:
        with in_use(beside):
            with opener(beside) as file:
                yield file
            with beside.open("ab") as written:  # closing a compressed file has written its end
                os.fsync(written.fileno())
            beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def write_beside_and_rename(path: Path, data: bytes) -> None:
    """Replace the file at `path` with `data`, atomically, as `open_beside_and_rename` does."""
    with open_beside_and_rename(path) as file:
        file.write(data)


def sweep(folder: Path) -> None:
    """Delete the hidden files of writers that have been killed."""
    for left in folder.glob(".*.partial"):
        if PARTIAL.fullmatch(left.name):
            with suppress(OSError), left.open("r+b") as file:
                if locked(file.fileno()):
                    left.unlink()


@contextmanager
def in_use(file: Path) -> Iterator[None]:
    """Create a file and lock it during the block, so that `sweep` sees that its writer is alive.

    The operating system releases the lock when the process ends, however it ends.
    """
    if sys.platform == "win32":  # where an open file cannot be deleted
        yield
        return
    held = created_and_locked(file)
    while os.fstat(held).st_nlink == 0:  # swept before it was locked
        os.close(held)
        held = created_and_locked(file)
    try:
        yield
    finally:
        os.close(held)


def created_and_locked(file: Path) -> int:
    """Return the descriptor of a new file, locked if the file system has locks."""
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT, 0o666)
    with suppress(OSError):
        locked(descriptor)
    return descriptor


def locked(descriptor: int) -> bool:
    """Lock an open file and return True; False if another process has locked it.

    Raises OSError if the file system has no locks.
    """
    if sys.platform == "win32":
        return True
    import fcntl

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
