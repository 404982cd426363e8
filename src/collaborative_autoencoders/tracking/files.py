"""A lock for files that several processes may create at once."""

from pathlib import Path

from filelock import FileLock

WAIT_SECONDS = 120


def lock_beside(file: Path) -> FileLock:
    """Return a reentrant lock that one process at a time can hold.

    The lock file ends in `.alone`, because optuna's journal uses `.lock`. It is empty and is not
    deleted. Acquiring it raises TimeoutError after two minutes.
    Raises FileNotFoundError if the folder, or the one that a link leads to, does not exist.
    """
    lock = beside(file, "alone")
    for folder in (file.parent, lock.parent):
        if not folder.is_dir():
            raise FileNotFoundError(f"there is no folder {folder}")
    return FileLock(lock, timeout=WAIT_SECONDS)


def beside(file: Path, ending: str) -> Path:
    """Return the file with this ending beside a file: the same one by every link to the file."""
    real = file.resolve()
    return real.with_name(f"{real.name}.{ending}")
