"""A lock for files that several processes may create at once."""

from pathlib import Path

from filelock import FileLock

WAIT_SECONDS = 120


def lock_beside(file: Path) -> FileLock:
    """Return a reentrant lock that one process at a time can hold.

    The lock file ends in `.alone`, because optuna's journal uses `.lock`. It is empty and is not
    deleted. Acquiring it raises TimeoutError after two minutes.
    Raises FileNotFoundError if the folder does not exist.
    """
    if not file.parent.is_dir():
        raise FileNotFoundError(f"there is no folder {file.parent}")
    return FileLock(file.with_name(f"{file.name}.alone"), timeout=WAIT_SECONDS)
