"""Checks of MLflow's store before a run: mlflow.yml is valid and the store is writable."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from kedro_mlflow.config.kedro_mlflow_config import KedroMlflowConfig
from pydantic import ValidationError

from .parameters import problems_of

SQLITE = "sqlite:///"


def check_store(mlflow_yml: dict[str, Any]) -> Path | None:
    """Return the file of MLflow's SQLite database, or None if the store is of another kind.

    Raises ValueError if mlflow.yml has an unknown key or a wrong value, and OSError if the database
    or the folder of artifacts is not writable. MLflow itself would retry for two minutes.
    """
    try:
        config = KedroMlflowConfig.model_validate(mlflow_yml)
    except ValidationError as error:
        raise ValueError("\n  ".join(["mlflow.yml:", *problems_of(error)])) from None
    check_artifacts(config.tracking.experiment.create_experiment_kwargs.artifact_location)
    uri = config.server.mlflow_tracking_uri or ""
    if not uri.startswith(SQLITE):
        return None
    file = Path(uri.removeprefix(SQLITE))
    check_sqlite(file)
    return file


def check_sqlite(file: Path) -> None:
    """Raise OSError if the file is not a writable SQLite database."""
    try:
        with closing(sqlite3.connect(file, timeout=60)) as database:
            database.execute("BEGIN IMMEDIATE")  # waits if another run is writing
            database.rollback()
    except sqlite3.Error as error:
        raise OSError(unusable(str(file), str(error))) from None


def check_artifacts(location: str | None) -> None:
    """Raise OSError if the folder of artifacts exists and is not a writable folder."""
    folder = Path(location or "")
    if folder.exists() and not (folder.is_dir() and os.access(folder, os.W_OK)):
        raise OSError(
            f"MLflow's artifacts go to {folder}, which is not a writable folder. Move it, or set "
            "another folder in mlflow.yml (create_experiment_kwargs.artifact_location)."
        )


def unusable(store: str, reason: str) -> str:
    """Return the message for a store that cannot be opened: its name, the reason and the fix."""
    return (
        f"MLflow's store {store} cannot be opened: {reason}\n"
        "Check server.mlflow_tracking_uri in mlflow.yml: it must name a writable file of this "
        "version of MLflow. Move the file away to create a new one."
    )
