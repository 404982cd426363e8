"""The commands that a run prints for its reader, which work where it ran."""

import os
import shlex
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import mlflow
from kedro.utils import find_kedro_project
from mlflow.entities import Run
from mlflow.exceptions import MlflowException
from rich.console import Console

from collaborative_autoencoders.tracking.sqlite import sqlite_file
from collaborative_autoencoders.tracking.views import address_of_runs, save_view

from .mlflow_settings import command_for_ui, page_of, run_of
from .server import is_server

SQLITE = "sqlite:///"


def to_compare_runs(
    run_params: dict[str, Any], mlflow_yml: dict[str, Any], view: str | None = None
) -> list[str]:
    """Return what shows the runs: a command, unless a tracking server does, and the address.

    Kedro's own commands need a Kedro project, which a packaged project is not. Without one the
    result is empty unless the store is a file. `view` is the key of a saved view.
    """
    uri, page, run = mlflow.get_tracking_uri(), page_of(mlflow_yml), run_of(run_params, mlflow_yml)
    address = [address_of_runs(page, run.info.experiment_id, view)] if run else []
    if is_server(uri):
        return address or [page]
    if find_kedro_project(Path.cwd()):
        return [command_for_ui(run_params), *address]
    file = sqlite_file(uri)
    if file is None or not file.is_file():
        return []
    store, port = shlex.quote(SQLITE + os.path.relpath(file)), page.rpartition(":")[2]
    return [f"mlflow ui --backend-store-uri {store} --port {port}", *address]


def view_of(run: Run | None, metrics: Sequence[str], ascending: bool) -> str | None:
    """Save a view of the models of a run in MLflow and return its key.

    None if the run was not tracked or has no runs of models, or if the store refuses the view.
    """
    try:
        return save_view(run, metrics, ascending) if run else None
    except MlflowException:  # a server may allow runs and no change of the experiment
        return None


def to_look_at_the_pipeline() -> list[str]:
    """Return the command that draws the pipeline; empty without a Kedro project."""
    return ["kedro viz run"] if find_kedro_project(Path.cwd()) else []


def to_activate() -> list[str]:
    """Return the command that activates the environment, if its `kedro` is not on the path."""
    activate = Path(sys.prefix) / "bin" / "activate"
    found = shutil.which("kedro")
    if not activate.exists() or (found and Path(found).is_relative_to(sys.prefix)):
        return []
    return [f". {os.path.relpath(activate)}"]


def show_next(console: Console, lines: list[str], why: str) -> None:
    """Print a command with what it is for, and the other lines below it."""
    for command in lines[:1]:
        end = ":" if lines[1:] else ""
        console.print(f"  [bold]{command:<24}[/bold]  [dim]{why}{end}[/dim]", soft_wrap=True)
    for line in lines[1:]:
        console.print(f"  {line}", soft_wrap=True, markup=False, highlight=False)
