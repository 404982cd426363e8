"""The addresses in a store follow a project to another folder."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from filelock import FileLock

from collaborative_autoencoders.tracking.addresses import COLUMNS, local_folder, rehome

OLD, NEW = Path("/data/50%20off"), Path("/srv/a?b #é")


@pytest.fixture
def store(tmp_path):
    """A store with a row per column of addresses: in the old folder, elsewhere, and none."""
    addresses = [
        (OLD / "mlartifacts/run").as_uri(),
        (OLD / "mlartifacts/run").as_posix(),
        "/data/50%20off-other/run",
        "models:/m-1",
        "s3://bucket/run",
        None,
    ]
    with closing(sqlite3.connect(tmp_path / "mlflow.db")) as database, database:
        for table in {table for table, _ in COLUMNS}:
            columns = ", ".join(column for other, column in COLUMNS if other == table)
            database.execute(f"CREATE TABLE {table} ({columns})")
        for table, column in COLUMNS:
            for address in addresses:
                database.execute(f"INSERT INTO {table} ({column}) VALUES (?)", (address,))
    return tmp_path / "mlflow.db"


def addresses_in(store: Path) -> list[list[str | None]]:
    with closing(sqlite3.connect(store)) as database:
        return [
            [address for (address,) in database.execute(f"SELECT {column} FROM {table}")]
            for table, column in COLUMNS
        ]


def test_every_address_in_the_old_folder_and_no_other_is_changed(store):
    assert rehome(store, OLD, NEW) == (1, 1)
    for column in addresses_in(store):
        folders = [folder for folder in map(local_folder, column) if folder]
        assert folders.count(NEW / "mlartifacts/run") == 2
        assert not any(folder.is_relative_to(OLD) for folder in folders)
        assert {"/data/50%20off-other/run", "models:/m-1", "s3://bucket/run"} < set(column)


def test_there_and_back_is_the_same_store(store):
    before = addresses_in(store)
    rehome(store, OLD, NEW)
    rehome(store, NEW, OLD)
    assert addresses_in(store) == before


def test_a_store_that_a_run_is_using_is_not_changed(store):
    before = addresses_in(store)
    with FileLock(store.with_name("mlflow.db.some-run.alive")), pytest.raises(BlockingIOError):
        rehome(store, OLD, NEW)
    assert addresses_in(store) == before


def test_a_failure_in_the_middle_changes_nothing(store):
    with closing(sqlite3.connect(store)) as database, database:
        database.execute("""
            CREATE TRIGGER fail BEFORE UPDATE ON model_versions
            BEGIN SELECT raise(ABORT, 'planted'); END
        """)
    before = addresses_in(store)
    with pytest.raises(sqlite3.DatabaseError, match="planted"):
        rehome(store, OLD, NEW)
    assert addresses_in(store) == before
