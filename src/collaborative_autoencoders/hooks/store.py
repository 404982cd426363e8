"""Checks of MLflow's store before a run: it can be used, and its artifacts are where it says."""

import logging
import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import mlflow
from kedro_mlflow.config.kedro_mlflow_config import KedroMlflowConfig
from mlflow.environment_variables import (
    MLFLOW_EXPERIMENT_NAME,
    MLFLOW_REGISTRY_URI,
    MLFLOW_RUN_ID,
)
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

SHELL_REGISTRY_URI, SHELL_EXPERIMENT = MLFLOW_REGISTRY_URI.get(), MLFLOW_EXPERIMENT_NAME.get()
"""What the shell says. MLflow sets the first later, to the registry of a session."""


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
    experiment = config.tracking.experiment
    say_ignored(uri, config.server.mlflow_registry_uri, experiment.name)
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


def use_stores(mlflow_yml: dict[str, Any], project: Path) -> str:
    """Let MLflow use the store and the registry that mlflow.yml names; return the store's URI.

    Raises ValueError and OSError as `check_store`. A database that is not there is not created.
    """
    server = mlflow_yml["server"]
    uri, registry = str(server["mlflow_tracking_uri"]), server.get("mlflow_registry_uri")
    file = sqlite_file(uri)
    if file is None or file.is_file():
        check_store(mlflow_yml, project)
    else:
        say_ignored(uri, registry)
    mlflow.set_tracking_uri(uri)
    leave_shell()
    mlflow.set_registry_uri(registry)
    return uri


def leave_shell() -> None:
    """Remove what would come before mlflow.yml in MLflow: the registry and experiment of a shell.

    An outer job sets them, and models would be registered where nothing here looks for them.
    """
    MLFLOW_REGISTRY_URI.unset()
    MLFLOW_EXPERIMENT_NAME.unset()


def say_ignored(uri: str, registry: str | None = None, experiment: str | None = None) -> None:
    """Warn of what the shell names and mlflow.yml does not: store, registry, experiment.

    The registry is in the store unless mlflow.yml names another. Without `experiment`, no run is
    written.
    """
    if SHELL_TRACKING_URI and uri != SHELL_TRACKING_URI:
        logger.warning(
            "MLFLOW_TRACKING_URI=%s is ignored: mlflow.yml names %s",
            *(mask_uri(SHELL_TRACKING_URI), mask_uri(uri)),
        )
    if SHELL_REGISTRY_URI and (registry or uri) != SHELL_REGISTRY_URI:
        logger.warning(
            "MLFLOW_REGISTRY_URI=%s is ignored: the registry is %s. server.mlflow_registry_uri in "
            "mlflow.yml names another",
            *(mask_uri(SHELL_REGISTRY_URI), mask_uri(registry or uri)),
        )
    if SHELL_EXPERIMENT and experiment not in (None, SHELL_EXPERIMENT) and not MLFLOW_RUN_ID.get():
        logger.warning(
            "MLFLOW_EXPERIMENT_NAME=%s is ignored: mlflow.yml names %s (tracking.experiment.name)",
            *(SHELL_EXPERIMENT, experiment),
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
