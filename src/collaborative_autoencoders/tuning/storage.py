"""The storage of a study: a file, or a database server."""

import hashlib
import json
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from filelock import FileLock
from optuna.storages import BaseStorage, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend
from sqlalchemy import create_engine, inspect
from sqlalchemy.exc import IntegrityError, ProgrammingError

from collaborative_autoencoders.tracking.files import lock_beside
from collaborative_autoencoders.tracking.masking import mask, mask_uri
from collaborative_autoencoders.tracking.sqlite import sqlite_file

JOURNAL = "journal:///"
SQLITE_TIMEOUT_SECONDS = 60
MAX_JOURNAL_LINE_BYTES = 2**20
TRIES = 3


def open_storage(url: str) -> BaseStorage:
    """Return the storage at this URL, created if it does not exist.

    Raises OSError, with the URL and the fix, if it cannot be opened. A file or database of another
    kind is left unchanged.
    """
    try:
        with creation_lock(url):
            if url.startswith(JOURNAL):
                return open_journal(Path(url.removeprefix(JOURNAL)))
            return open_database(url)
    except Exception as error:  # from SQLAlchemy, the database's driver, optuna or the disk
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise OSError(
            f"tuning.storage: {mask_uri(url)} cannot be opened: {mask(reason)}\n"
            "Name a writable place (sqlite:///file, journal:///file, or the URL of a database "
            "whose driver is installed: the extra `postgresql` has one), or move the file away to "
            "start a new one."
        ) from None


def creation_lock(url: str) -> FileLock:
    """Return a lock for opening. Without it, two processes that create the tables corrupt them."""
    if file := study_file(url):
        return lock_beside(file)
    digest = hashlib.sha256(url.encode()).hexdigest()
    return lock_beside(Path(tempfile.gettempdir()) / f"study-{digest[:16]}")


def study_file(url: str) -> Path | None:
    """Return the file of a storage, or None if it is a database server."""
    return Path(url.removeprefix(JOURNAL)) if url.startswith(JOURNAL) else sqlite_file(url)


def open_journal(file: Path) -> BaseStorage:
    """Return the journal in this file.

    Raises ValueError if the file is not a journal: optuna would append to it.
    """
    if file.exists():
        with file.open("rb") as lines:
            first = lines.readline(MAX_JOURNAL_LINE_BYTES)
        if first and "op_code" not in json.loads(first):
            raise ValueError("the file is not a journal")
    return JournalStorage(JournalFileBackend(str(file)))


def open_database(url: str) -> BaseStorage:
    """Return the storage in a database.

    Raises ValueError if it is another program's: optuna would add its tables, and then fail.
    """
    options: dict[str, Any]
    if url.startswith("sqlite"):
        options = {"connect_args": {"timeout": SQLITE_TIMEOUT_SECONDS}}
    else:  # a server or a firewall closes connections that are idle during a long trial
        options = {"pool_pre_ping": True}
    refuse_tables_of_others(url, options)
    for _ in range(TRIES):
        with suppress(IntegrityError, ProgrammingError):  # another host creates the tables
            return RDBStorage(url, engine_kwargs=options)
        time.sleep(1)
    return RDBStorage(url, engine_kwargs=options)


def refuse_tables_of_others(url: str, options: dict[str, Any]) -> None:
    """Raise ValueError if another program, such as MLflow, keeps its version where optuna does."""
    engine = create_engine(url, **options)
    try:
        tables = inspect(engine).get_table_names()
    finally:
        engine.dispose()
    if "alembic_version" in tables and "studies" not in tables:
        raise ValueError(
            "it has tables of another program, such as MLflow: studies need a database of their own"
        )
