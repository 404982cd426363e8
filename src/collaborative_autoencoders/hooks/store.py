"""Checks of MLflow's store before a run: it can be used, and its artifacts are where it says."""

import logging
import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from kedro_mlflow.config.kedro_mlflow_config import KedroMlflowConfig
from pydantic import ValidationError
from sqlalchemy import create_engine
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

from collaborative_autoencoders.config_loader import SHELL_TRACKING_URI
from collaborative_autoencoders.tracking.addresses import local_folder
from collaborative_autoencoders.tracking.masking import mask, mask_uri, remember_secrets
from collaborative_autoencoders.tracking.sqlite import sqlite_file

from .moved import follow_project
from .parameters import problems_of
from .server import is_server

DATABASES = ("postgresql", "mysql", "mssql")
"""How the URIs of database servers begin that MLflow takes for a store."""

logger = logging.getLogger(__name__)


def check_store(mlflow_yml: dict[str, Any], project: Path) -> Path | None:
    """Return the file of MLflow's SQLite database, or None if the store is of another kind.

    Raises ValueError if mlflow.yml has an unknown key or a wrong value, and OSError if the database
    or the folder of artifacts is not writable, or if the artifacts are lost. MLflow itself would
    retry for minutes. If the project was moved or copied, the store follows it.
    """
    try:
        remember_secrets(mlflow_yml)
        config = KedroMlflowConfig.model_validate(mlflow_yml)
    except ValidationError as error:
        raise ValueError("\n  ".join(["mlflow.yml:", *problems_of(error)])) from None
    uri = config.server.mlflow_tracking_uri or ""
    say_ignored(uri)
    experiment = config.tracking.experiment
    if is_server(uri):
        return None
    location = experiment.create_experiment_kwargs.artifact_location
    check_artifacts(location)
    file = sqlite_file(uri)
    if file is not None:
        check_sqlite(file, uri)
        follow_project(file, experiment.name, location, project)
    elif uri.startswith(DATABASES):
        check_database(uri)
    return file


def say_ignored(uri: str) -> None:
    """Warn that MLFLOW_TRACKING_URI is ignored, if mlflow.yml names another store."""
    if SHELL_TRACKING_URI and uri != SHELL_TRACKING_URI:
        logger.warning(
            "MLFLOW_TRACKING_URI=%s is ignored: mlflow.yml names %s",
            *(mask_uri(SHELL_TRACKING_URI), mask_uri(uri)),
        )


def check_sqlite(file: Path, uri: str = "") -> None:
    """Raise OSError if the file is not a writable SQLite database."""
    if "/" in uri.partition("?")[2]:
        raise OSError(unusable(uri, "a ? ends the path in the URL of a database"))
    try:
        with closing(sqlite3.connect(file, timeout=60)) as database:
            database.execute("BEGIN IMMEDIATE")  # waits if another run is writing
            database.rollback()
    except sqlite3.Error as error:
        raise OSError(unusable(str(file), str(error))) from None


def check_database(uri: str) -> None:
    """Raise OSError if a database server cannot be used. MLflow would retry for two minutes."""
    try:
        with create_engine(uri, poolclass=NullPool).connect():
            return
    except (SQLAlchemyError, ImportError) as error:  # ImportError: no driver
        reason = str(error).splitlines()[0]
    raise OSError(
        f"The database {mask_uri(uri)} cannot be used as MLflow's store: {mask(reason)}\n"
        "Start it, or name another store: server.mlflow_tracking_uri in mlflow.yml, or "
        "MLFLOW_TRACKING_URI in the shell. The driver for postgresql:// is in the extra "
        "`postgresql`."
    )


def check_artifacts(location: str | None) -> None:
    """Raise OSError if the folder of artifacts exists and is not a writable folder."""
    folder = local_folder(location)
    if folder and folder.exists() and not (folder.is_dir() and os.access(folder, os.W_OK)):
        raise OSError(
            f"MLflow's artifacts go to {folder}, which is not a writable folder. Move it, or set "
            "another folder in mlflow.yml (create_experiment_kwargs.artifact_location)."
        )


def unusable(store: str, reason: str) -> str:
    """Return the message for a store that cannot be opened: its name, the reason and the fix."""
    return (
        f"MLflow's store {mask_uri(store)} cannot be opened: {mask(reason)}\n"
        "Check server.mlflow_tracking_uri in mlflow.yml: it must name a writable file of this "
        "version of MLflow. Move the file away to create a new one. ${sqlite:mlflow.db} names a "
        "file in the project folder, whose path may contain % and ?."
    )
