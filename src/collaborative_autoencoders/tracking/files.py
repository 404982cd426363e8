"""Files that several processes may make at once."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock

WAIT_SECONDS = 120


@contextmanager
def one_at_a_time(file: Path) -> Iterator[None]:
    """Whoever opens this file waits for the others; `.lock` beside it stays, and is empty.

    Raises TimeoutError after two minutes, OSError where nothing can be written there.
    """
    if not file.parent.is_dir():
        raise FileNotFoundError(f"there is no folder {file.parent}")
    with FileLock(file.with_name(f"{file.name}.lock"), timeout=WAIT_SECONDS):
        yield
