"""Files that are either whole or not there."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


@contextmanager
def open_beside_and_rename(path: Path) -> Iterator[BinaryIO]:
    """A file to write into; the file at `path` holds it all, or what it held before.

    The bytes go to a hidden file in the same folder, reach the disk, and only then get the name.
    Whatever interrupts this, the name never stands for half a file; a process killed outright may
    leave the hidden file behind. Folders are made. Raises OSError if the folder can't be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # With the process in its name, two runs at once never write into one temporary file.
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
    """The file at `path` holds `data`, or what it held before, as `open_beside_and_rename`."""
    with open_beside_and_rename(path) as file:
        file.write(data)
