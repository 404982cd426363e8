"""What the catalog declares for MLflow: `metadata: {mlflow: …}` on a dataset.

parameters    a flat dict, logged as parameters under the dataset's name
history       {name: [{value, step}, …]}, logged as metrics by step
metrics       {name: number or null}, logged as metrics
left_out      a dict; the reason under `left_out`, where there is one, becomes a tag
figure        a plotly figure, logged as HTML
table         a DataFrame, logged as CSV
json          anything JSON takes
"""

import math
import time
from collections.abc import Callable, Iterator
from typing import Any

import mlflow
from mlflow.entities import Metric, Param
from pydantic import BaseModel


def flatten(value: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """(`a.b`, 1) of {"a": {"b": 1}}; options are taken apart like dicts."""
    if isinstance(value, BaseModel):
        value = value.model_dump(mode="json")
    if not isinstance(value, dict):
        yield prefix, value
        return
    for key, inner in value.items():
        yield from flatten(inner, f"{prefix}.{key}" if prefix else key)


def log_parameters(run_id: str, parameters: dict[str, Any]) -> None:
    """Log nested parameters under dotted names, in one call; null is written as in YAML.

    A whole block that is null (`fitting` of a formula) has nothing to say.
    """
    values = {name: "null" if value is None else str(value) for name, value in flatten(parameters)}
    params = [Param(name, text) for name, text in values.items() if text != "null" or "." in name]
    mlflow.MlflowClient().log_batch(run_id, params=params)


def _history(run_id: str, name: str, curves: dict[str, list[dict[str, float]]]) -> None:
    now = int(time.time() * 1000)
    metrics = [
        Metric(curve, point["value"], now, int(point["step"]))
        for curve, points in curves.items()
        for point in points
    ]
    for start in range(0, len(metrics), 1000):  # MLflow takes no more at once
        mlflow.MlflowClient().log_batch(run_id, metrics=metrics[start : start + 1000])


def _metrics(run_id: str, name: str, values: dict[str, float | None]) -> None:
    present = {key: value for key, value in values.items() if value is not None}
    now = int(time.time() * 1000)
    metrics = [Metric(key, value, now, 0) for key, value in present.items() if math.isfinite(value)]
    mlflow.MlflowClient().log_batch(run_id, metrics=metrics)


def _left_out(run_id: str, name: str, facts: dict[str, Any]) -> None:
    if facts["left_out"] is not None:
        mlflow.MlflowClient().set_tag(run_id, "left_out", facts["left_out"])


LOG: dict[str, Callable[[str, str, Any], None]] = {
    "parameters": lambda run_id, name, value: log_parameters(run_id, {name: value}),
    "history": _history,
    "metrics": _metrics,
    "left_out": _left_out,
    "figure": lambda run_id, name, value: mlflow.log_figure(value, f"{name}.html"),
    "table": lambda run_id, name, value: mlflow.log_text(value.to_csv(index=False), f"{name}.csv"),
    "json": lambda run_id, name, value: mlflow.log_dict(value, f"{name}.json"),
}
"""How each kind is logged: run, name of the dataset without its namespace, data."""
