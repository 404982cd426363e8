"""The runs of a project in MLflow."""

from pathlib import Path
from typing import Any
from urllib.parse import urlparse
from urllib.request import url2pathname

import yaml
from mlflow import MlflowClient
from mlflow.entities import Run

from collaborative_autoencoders.tracking.sqlite import sqlite_url

PARENT = "mlflow.parentRunId"


def store(project: Path) -> MlflowClient:
    """Return the store in the project's folder."""
    assert (project / "mlflow.db").is_file()
    return MlflowClient(tracking_uri=sqlite_url(project / "mlflow.db"))


def all_runs(project: Path) -> list[Run]:
    """Return every run, the oldest first."""
    client = store(project)
    experiment = client.get_experiment_by_name("collaborative_autoencoders")
    assert experiment is not None
    return list(client.search_runs([experiment.experiment_id], order_by=["start_time ASC"]))


def parents(project: Path) -> list[Run]:
    """Return the parent run of each `kedro run`, the oldest first."""
    return [run for run in all_runs(project) if PARENT not in run.data.tags]


def last_run(project: Path) -> tuple[Run, dict[str, Run]]:
    """Return the parent run of the last `kedro run`, and its children by name."""
    parent = parents(project)[-1]
    children = [run for run in all_runs(project) if run.data.tags.get(PARENT) == parent.info.run_id]
    by_name = {run.info.run_name: run for run in children}
    assert len(by_name) == len(children), "two children have the same name"
    return parent, by_name


def statuses(project: Path) -> dict[str, str]:
    """Return the status of each run of the last `kedro run` by name; "" is the parent."""
    parent, children = last_run(project)
    return {name: run.info.status for name, run in ({"": parent} | children).items()}


def artifact(run: Run, name: str) -> str:
    """Return the text of a logged file."""
    return (artifacts(run) / name).read_text(encoding="utf-8")


def artifacts(run: Run) -> Path:
    """Return the folder of a run's files."""
    return Path(url2pathname(urlparse(run.info.artifact_uri).path))


def logged_parameters(run: Run) -> dict[str, Any]:
    """Return the logged parameters.yml of a run."""
    return yaml.safe_load(artifact(run, "parameters.yml"))
