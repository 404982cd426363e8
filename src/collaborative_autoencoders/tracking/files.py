"""Files that several processes may make at once."""

from pathlib import Path

from filelock import FileLock

WAIT_SECONDS = 120


def lock_beside(file: Path) -> FileLock:
    """What one process at a time has; `.alone` beside the file stays, and is empty
    (`.lock` is what a journal of optuna calls its own).

    Whoever has it may take it again. Waiting ends in TimeoutError after two minutes.
    Raises FileNotFoundError where there is no folder.
    """
    if not file.parent.is_dir():
        raise FileNotFoundError(f"there is no folder {file.parent}")
    return FileLock(file.with_name(f"{file.name}.alone"), timeout=WAIT_SECONDS)
