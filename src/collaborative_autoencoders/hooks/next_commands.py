"""The commands that a run prints for its reader, which work where it ran."""

import os
import shlex
from pathlib import Path
from typing import Any

from kedro.utils import find_kedro_project

from collaborative_autoencoders.tracking.sqlite import sqlite_file

from .mlflow_settings import runs_page
from .server import is_server

SQLITE = "sqlite:///"


def to_compare_runs(run_params: dict[str, Any]) -> str | None:
    """Return the command that shows the runs, or the address of the tracking server.

    Kedro's own commands need a Kedro project, which a packaged project is not. Without one the
    result is None unless the store is a file.
    """
    import mlflow

    uri = mlflow.get_tracking_uri()
    if is_server(uri) or find_kedro_project(Path.cwd()):
        return runs_page(run_params)
    file = sqlite_file(uri)
    if file is None or not file.is_file():
        return None
    return f"mlflow ui --backend-store-uri {shlex.quote(SQLITE + os.path.relpath(file))}"


def to_look_at_the_pipeline() -> str | None:
    """Return the command that draws the pipeline; None without a Kedro project."""
    return "kedro viz run" if find_kedro_project(Path.cwd()) else None
