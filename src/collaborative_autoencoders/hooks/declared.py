"""What the catalog declares for MLflow: `metadata: {mlflow: …}` on a dataset.

parameters    a flat dict, logged as parameters under the dataset's name
history       {name: [{value, step}, …]}, logged as metrics by step
metrics       {name: number or null}, logged as metrics
left_out      a dict; the reason under `left_out`, where there is one, becomes a tag
figure        a plotly figure, logged as HTML
table         a DataFrame, logged as CSV
text          a text of YAML
json          anything JSON takes
"""

from collections.abc import Callable
from typing import Any

import mlflow

from collaborative_autoencoders.tracking.logged import log_curves, log_metrics, log_parameters


def _left_out(run_id: str, name: str, facts: dict[str, Any]) -> None:
    if facts["left_out"] is not None:
        mlflow.MlflowClient().set_tag(run_id, "left_out", facts["left_out"])


LOG: dict[str, Callable[[str, str, Any], None]] = {
    "parameters": lambda run_id, name, value: log_parameters(run_id, {name: value}),
    "history": lambda run_id, name, value: log_curves(run_id, value),
    "metrics": lambda run_id, name, value: log_metrics(run_id, value),
    "left_out": _left_out,
    "figure": lambda run_id, name, value: mlflow.log_figure(value, f"{name}.html"),
    "table": lambda run_id, name, value: mlflow.log_text(value.to_csv(index=False), f"{name}.csv"),
    "text": lambda run_id, name, value: mlflow.log_text(value, f"{name}.yml"),
    "json": lambda run_id, name, value: mlflow.log_dict(value, f"{name}.json"),
}
"""How each kind is logged: run, name of the dataset without its namespace, data."""
