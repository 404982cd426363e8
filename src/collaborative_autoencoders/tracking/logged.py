"""Logs parameters, curves and metrics in an MLflow run, in as few calls as MLflow allows.

Reads back the parameters of a run.
"""

import math
import time
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import mlflow
import yaml
from mlflow import MlflowClient
from mlflow.entities import Metric, Param
from pydantic import BaseModel

from .masking import mask_values
from .metric_names import curve_name, logged_name

Curves = dict[str, list[dict[str, float]]]
"""Curves by name; a point is a value and its step."""

PARAMETERS = "parameters.yml"
"""The file with all parameters of a run."""


def active_run_id() -> str | None:
    """Return the id of the MLflow run that is active in this thread, or None."""
    run = mlflow.active_run()
    return None if run is None else str(run.info.run_id)


def flatten(value: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield (`a.b`, 1) for {"a": {"b": 1}}; options are flattened like dicts."""
    if isinstance(value, BaseModel):
        value = value.model_dump(mode="json")
    if not isinstance(value, dict):
        yield prefix, value
        return
    for key, inner in value.items():
        yield from flatten(inner, f"{prefix}.{key}" if prefix else key)


def as_yaml(parameters: dict[str, Any]) -> str:
    """Return the content of `parameters.yml`, as `mlflow.log_dict` would write it.

    Every model's run gets the same text, and making it takes a tenth of a second.
    """
    return yaml.dump(parameters, indent=2, default_flow_style=False)


def log_parameters(run_id: str, parameters: dict[str, Any]) -> None:
    """Log nested parameters under dotted names, in one call; None is written as `null`.

    Passwords are masked. A top-level block that is None is not logged.
    """
    values = {
        name: "null" if value is None else str(mask_values(str(value), name))
        for name, value in flatten(parameters)
    }
    params = [Param(name, text) for name, text in values.items() if text != "null" or "." in name]
    mlflow.MlflowClient().log_batch(run_id, params=params)


def log_curves(run_id: str, curves: Curves, fit: str = "") -> None:
    """Log every point of every curve. `fit` is the suffix of a second fit in the same run."""
    now = int(time.time() * 1000)
    metrics = [
        Metric(curve_name(curve, fit), point["value"], now, int(point["step"]))
        for curve, points in curves.items()
        for point in points
    ]
    mlflow.MlflowClient().log_batch(run_id, metrics=metrics)


def log_metrics(
    run_id: str, values: Mapping[str, float | None], headline: Collection[str] = ()
) -> None:
    """Log numbers, except those that are None or not finite. Names in `headline` stay as they are.

    The other names get a group in front (`logged_name`).
    """
    present = {logged_name(key, headline): value for key, value in values.items()}
    now = int(time.time() * 1000)
    metrics = [
        Metric(key, value, now, 0)
        for key, value in present.items()
        if value is not None and math.isfinite(value)
    ]
    mlflow.MlflowClient().log_batch(run_id, metrics=metrics)


def logged_parameters(client: MlflowClient, run_id: str) -> dict[str, Any]:
    """Return all parameters of a run, with passwords masked.

    Raises MlflowException or OSError if their file is missing.
    """
    with TemporaryDirectory() as folder:
        file = Path(client.download_artifacts(run_id, PARAMETERS, folder))
        parameters: dict[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))
    return parameters
