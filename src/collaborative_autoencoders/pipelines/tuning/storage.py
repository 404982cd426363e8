"""Where studies are kept."""

import hashlib
import json
import tempfile
from pathlib import Path

from filelock import FileLock
from optuna.storages import BaseStorage, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend

from collaborative_autoencoders.tracking.files import lock_beside

JOURNAL, SQLITE = "journal:///", "sqlite:///"
WAIT_SECONDS = 60
"""For another process that is writing."""

MOST_BYTES = 2**20
"""Of the first line of a journal."""


def open_storage(url: str) -> BaseStorage:
    """The storage at this URL, made where there is none; `journal:///file` is a journal file.

    Raises OSError, with URL and mend, where it cannot be opened: nothing is written into a file
    that is none of ours.
    """
    try:
        with lock_of(url):  # two that make its tables spoil it
            if url.startswith(JOURNAL):
                return open_journal(Path(url.removeprefix(JOURNAL)))
            waits = {"connect_args": {"timeout": WAIT_SECONDS}} if url.startswith(SQLITE) else {}
            return RDBStorage(url, engine_kwargs=waits)
    except Exception as error:  # of SQLAlchemy, of the database's driver, of optuna, of the disk
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise OSError(
            f"tuning.storage: {url} cannot be opened: {reason}\n"
            "Name a place that can be written (sqlite:///file, journal:///file, or the URL of a "
            "database whose driver is installed), or move the file away, and a new one is made."
        ) from None


def lock_of(url: str) -> FileLock:
    """What one process of this host at a time has while it looks at trials and takes one.

    SQLite needs it: optuna looks whether a trial is free, and takes it in a second step.
    """
    for scheme in (JOURNAL, SQLITE):
        if url.startswith(scheme):
            return lock_beside(Path(url.removeprefix(scheme)))
    digest = hashlib.sha256(url.encode()).hexdigest()
    return lock_beside(Path(tempfile.gettempdir()) / f"study-{digest[:16]}")


def open_journal(file: Path) -> BaseStorage:
    """The journal in this file.

    Raises ValueError where the file is there and is no journal: optuna would write into it.
    """
    if file.exists():
        with file.open("rb") as lines:
            first = lines.readline(MOST_BYTES)
        if first and "op_code" not in json.loads(first):
            raise ValueError("the file is no journal of a study")
    return JournalStorage(JournalFileBackend(str(file)))
