"""The addresses of artifacts in a local store: where they are, and how they follow a project."""

import re
import sqlite3
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from .life import is_free, signs_beside

SCHEME = re.compile(r"[A-Za-z][\w+.-]+:/")  # one letter before the colon is a drive of Windows
COLUMNS = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
    ("model_versions", "source"),
    ("model_versions", "storage_location"),
)
"""The columns of MLflow's store that hold the address of a folder."""


def local_folder(address: str | None) -> Path | None:
    """Return the folder of an address, a path or a file URI; None for another kind of address."""
    if not address:
        return None
    if address.startswith("file:"):
        return Path(url2pathname(urlsplit(address).path))
    return None if SCHEME.match(address) else Path(address)


def artifacts_of(store: Path, experiment: str) -> str | None:
    """Return the address of an experiment's artifacts, or None if the store has no such one."""
    with closing(sqlite3.connect(store)) as database:
        try:
            rows = database.execute(
                "SELECT artifact_location FROM experiments WHERE name = ?", (experiment,)
            ).fetchall()
        except sqlite3.OperationalError:  # the tables are not there yet
            return None
    return rows[0][0] if rows else None


def rehome(store: Path, old: Path, new: Path) -> tuple[int, int]:
    """Change the addresses in `old` to the same places in `new`, all of them or none.

    Returns how many were changed, and how many of these folders do not exist.
    Raises BlockingIOError if a run that uses the store is alive.
    """
    if not all(is_free(sign) for sign in signs_beside(store)):
        raise BlockingIOError(
            f"A run is using {store}, so its addresses stay. Wait until it has ended."
        )
    changed: set[Path] = set()

    def moved(address: str | None) -> str | None:
        folder = local_folder(address)
        if address is None or folder is None or not folder.is_relative_to(old):
            return address
        there = new / folder.relative_to(old)
        changed.add(there)
        return there.as_uri() if address.startswith("file:") else there.as_posix()

    with closing(sqlite3.connect(store, timeout=60)) as database, database:
        database.create_function("moved", 1, moved, deterministic=True)
        tables = {name for (name,) in database.execute("SELECT name FROM sqlite_master")}
        for table, column in COLUMNS:
            if table in tables:
                database.execute(f"UPDATE {table} SET {column} = moved({column})")
    return len(changed), sum(not folder.exists() for folder in changed)
