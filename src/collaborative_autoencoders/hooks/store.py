"""Where MLflow keeps its runs: mlflow.yml makes sense, and its database can be written."""

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
    """The file of MLflow's database; None where it is another kind of place.

    Raises ValueError for a key of mlflow.yml that nobody reads or that has a wrong value, and
    OSError where its database or folder cannot be written: MLflow would try for two minutes.
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
    """Raises OSError where the file is no database of SQLite, or one that cannot be written."""
    try:
        with closing(sqlite3.connect(file, timeout=60)) as database:
            database.execute("BEGIN IMMEDIATE")  # another run may be writing: waits for it
            database.rollback()
    except sqlite3.Error as error:
        raise OSError(unusable(str(file), str(error))) from None


def check_artifacts(location: str | None) -> None:
    """Raises OSError where the folder of artifacts is there and cannot be written into."""
    folder = Path(location or "")
    if folder.exists() and not (folder.is_dir() and os.access(folder, os.W_OK)):
        raise OSError(
            f"MLflow's artifacts go to {folder}, and that is no folder to write into. Move it, "
            "or name another one in mlflow.yml (create_experiment_kwargs.artifact_location)."
        )


def unusable(store: str, reason: str) -> str:
    """Which store cannot be used, why, and the mend."""
    return (
        f"MLflow's store {store} cannot be opened: {reason}\n"
        "Look at server.mlflow_tracking_uri in mlflow.yml: it must name a file that can be "
        "written, of this version of MLflow. Move the file away, and a new one is made."
    )
