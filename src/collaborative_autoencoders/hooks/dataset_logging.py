"""How datasets are logged in MLflow: by `metadata: {mlflow: …}` in the catalog.

parameters    a flat dict, logged as parameters prefixed with the dataset's name
history       {name: [{value, step}, …]}, logged as metrics by step, in a group of their own
metrics       {name: number or null}, logged as metrics, in groups except for the headline
fit_facts     `left_out` and `remarks` are logged as tags, `chosen`, `validation_users`, the size of
              a sample, `started_from`, the version of a warm start, and `matrix_products`, what
              computed them on a CPU, as parameters, and `rank_memory_gb`, the peak of each rank of
              a fit, as metrics
figure        a plotly figure, logged as HTML that needs no internet, and as SVG
table         a DataFrame, logged as CSV with numbers that a person can read
text          a text in YAML
json          any JSON value
"""

from collections.abc import Callable, Collection
from typing import Any

import pandas as pd
from mlflow import MlflowClient

from collaborative_autoencoders.datasets.csv_cells import to_csv
from collaborative_autoencoders.tracking.drawn import to_svg
from collaborative_autoencoders.tracking.figure_page import to_page
from collaborative_autoencoders.tracking.logged import log_curves, log_metrics, log_parameters


def _log_fit_facts(run_id: str, name: str, facts: dict[str, Any]) -> None:
    if facts["left_out"] is not None:
        MlflowClient().set_tag(run_id, "left_out", facts["left_out"])
    fit = name.removeprefix("fit_facts")  # "" or "_without_unseen", which may be in one run
    names = ("chosen", "validation_users", "started_from", "matrix_products")
    logged = {name: facts[name] for name in names if name in facts}
    log_parameters(run_id, {f"{key}{fit}": value for key, value in logged.items()})
    peaks = {f"rank_{n}_memory_gb{fit}": gb for n, gb in enumerate(facts.get("rank_memory_gb", []))}
    if peaks:
        log_metrics(run_id, peaks)
    if facts.get("remarks"):
        MlflowClient().set_tag(run_id, "remarks", "; ".join(facts["remarks"]))


def _log_figure(run_id: str, name: str, figure: Any) -> None:
    if figure.data:  # a page without a line is not worth plotly's megabytes
        _log_text(run_id, f"{name}.html", to_page(figure))
    drawn = to_svg(figure)
    if drawn is not None:
        _log_text(run_id, f"{name}.svg", drawn)


def _log_table(run_id: str, name: str, table: pd.DataFrame) -> None:
    _log_text(run_id, f"{name}.csv", to_csv(rounded(table)).decode())


def rounded(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table with four decimals; numbers below 0.1, such as rates, keep four digits."""
    floats = table.select_dtypes("float")
    digits = floats.map(lambda value: float(f"{value:.4g}"))
    return table.assign(**floats.round(4).where(floats.abs() >= 0.1, digits))


def _log_text(run_id: str, file: str, text: str) -> None:
    MlflowClient().log_text(run_id, text, file)


def log_dataset(kind: str, run_id: str, name: str, data: Any, headline: Collection[str]) -> None:
    """Log a dataset of this kind. `name` has no namespace; `headline` are metrics without group."""
    if kind == "metrics":
        log_metrics(run_id, data, headline)
    else:
        LOG[kind](run_id, name, data)


LOG: dict[str, Callable[[str, str, Any], None]] = {
    "parameters": lambda run_id, name, value: log_parameters(run_id, {name: value}),
    "history": lambda run_id, name, value: log_curves(run_id, value, name.removeprefix("history")),
    "fit_facts": _log_fit_facts,
    "figure": _log_figure,
    "table": _log_table,
    "text": lambda run_id, name, value: _log_text(run_id, f"{name}.yml", value),
    "json": lambda run_id, name, value: MlflowClient().log_dict(run_id, value, f"{name}.json"),
}
"""The function for each kind but `metrics`; its arguments are run id, name as above, data."""
