"""Atomic replacement of files."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


@contextmanager
def open_beside_and_rename(path: Path) -> Iterator[BinaryIO]:
    """Yield a file to write into; it replaces the file at `path` if the block ends without error.

    The bytes are written to a hidden file in the same folder, synced to disk and renamed, so `path`
    is never an incomplete file. A process that is killed may leave the hidden file behind. Missing
    folders are created. Raises OSError if the folder is not writable.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # The process id in the name keeps simultaneous runs out of each other's temporary file.
    beside = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        with beside.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def write_beside_and_rename(path: Path, data: bytes) -> None:
    """Replace the file at `path` with `data`, atomically, as `open_beside_and_rename` does."""
    with open_beside_and_rename(path) as file:
        file.write(data)
