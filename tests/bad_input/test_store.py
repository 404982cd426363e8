"""A store that cannot be used is told at once, with its name and the mend."""

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


def test_a_store_that_is_not_there_yet_is_fine(tmp_path):
    check_store(mlflow_yml(tmp_path, nested=False))


def test_a_database_in_use_is_left_as_it_is(tmp_path):
    file = tmp_path / "mlflow.db"
    with closing(sqlite3.connect(file)) as database:
        database.execute("CREATE TABLE kept (number)")
    before = file.read_bytes()
    check_sqlite(file)

    assert file.read_bytes() == before


def test_a_typo_in_mlflow_yml_is_refused_by_its_whole_key(tmp_path):
    with pytest.raises(ValueError, match="mlflow.yml:\n  tracking.run.nestd: nobody reads this"):
        check_store(mlflow_yml(tmp_path, nestd=False))
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda file: file.mkdir(), "unable to open database file"),
        (lambda file: file.write_text("no database" * 100), "file is not a database"),
        (lambda file: file.symlink_to("nowhere/else.db"), "unable to open database file"),
    ],
)
def test_a_file_that_is_no_database_is_named_with_the_mend(tmp_path, spoil, reason):
    file = tmp_path / "mlflow.db"
    spoil(file)

    with pytest.raises(OSError, match=f"{file} cannot be opened: {reason}\nLook at .*mlflow.yml"):
        check_store(mlflow_yml(tmp_path))


def test_artifacts_that_cannot_be_a_folder_are_named(tmp_path):
    (tmp_path / "mlartifacts").write_text("a file")

    with pytest.raises(OSError, match="mlartifacts, and that is no folder"):
        check_store(mlflow_yml(tmp_path))
    assert not (tmp_path / "mlflow.db").exists()
