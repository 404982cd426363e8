"""A store that cannot be used is named before a run, with the fix."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from collaborative_autoencoders.hooks.store import check_sqlite, check_store


def mlflow_yml(folder: Path, **run) -> dict:
    return {
        "server": {"mlflow_tracking_uri": f"sqlite:///{folder}/mlflow.db"},
        "tracking": {
            "experiment": {
                "create_experiment_kwargs": {"artifact_location": f"{folder}/mlartifacts"}
            },
            "run": run,
        },
    }


def test_a_store_that_does_not_exist_yet_is_valid(tmp_path):
    check_store(mlflow_yml(tmp_path, nested=False))


def test_an_existing_database_is_not_changed(tmp_path):
    file = tmp_path / "mlflow.db"
    with closing(sqlite3.connect(file)) as database:
        database.execute("CREATE TABLE kept (number)")
    before = file.read_bytes()
    check_sqlite(file)

    assert file.read_bytes() == before


def test_an_unknown_key_of_mlflow_yml_is_refused_by_its_full_key(tmp_path):
    with pytest.raises(ValueError, match="mlflow.yml:\n  tracking.run.nestd: unknown key"):
        check_store(mlflow_yml(tmp_path, nestd=False))
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("put", "reason"),
    [
        (lambda file: file.mkdir(), "unable to open database file"),
        (lambda file: file.write_text("no database" * 100), "file is not a database"),
        (lambda file: file.symlink_to("nowhere/else.db"), "unable to open database file"),
    ],
)
def test_a_file_that_is_not_a_database_is_named_with_the_fix(tmp_path, put, reason):
    file = tmp_path / "mlflow.db"
    put(file)

    with pytest.raises(OSError, match=f"{file} cannot be opened: {reason}\nCheck .*mlflow.yml"):
        check_store(mlflow_yml(tmp_path))


def test_a_file_in_place_of_the_folder_of_artifacts_is_named(tmp_path):
    (tmp_path / "mlartifacts").write_text("a file")

    with pytest.raises(OSError, match="mlartifacts, which is not a writable folder"):
        check_store(mlflow_yml(tmp_path))
    assert not (tmp_path / "mlflow.db").exists()
