"""What hangs on ties in time: the primary metric of the same run with the other order of ties."""

from dataclasses import replace
from functools import cache, partial
from typing import Any, NamedTuple

import pandas as pd
from kedro.io import DataCatalog
from mlflow import MlflowClient
from mlflow.entities import Run
from mlflow.exceptions import MlflowException
from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID

from collaborative_autoencoders.columns import MODEL
from collaborative_autoencoders.config_loader import ProjectConfigLoader
from collaborative_autoencoders.metrics.table import Measure
from collaborative_autoencoders.pipeline_registry import register_pipelines
from collaborative_autoencoders.state.code import CODE, code_version
from collaborative_autoencoders.tracking.logged import logged_parameters
from collaborative_autoencoders.tracking.masking import mask_values
from collaborative_autoencoders.tracking.metric_names import plain_metrics
from collaborative_autoencoders.tracking.provenance import CHECKSUM

from .parameters import keys_read_by

OTHER = {"table": "hash", "hash": "table"}


class OtherTies(NamedTuple):
    """The other order of ties, and a run with it."""

    ties: str
    run_ids: tuple[str, ...]
    """More than one if models were fitted in an earlier run, which was resumed."""

    figures: dict[str, float]
    """The primary metric by model."""

    @property
    def origin(self) -> str:
        """Which run it is."""
        return f"run {' and run '.join(self.run_ids)}, the same but for split.ties"

    def beside(
        self, rows: pd.DataFrame, shown: list[Measure], primary: Measure
    ) -> tuple[pd.DataFrame, list[Measure]]:
        """Return the rows of a leaderboard and its columns, with these figures as the second one.

        A table of lists has one column less instead: more would not fit 80 characters.
        """
        name = f"ties: \n{self.ties}"
        theirs = Measure(replace(primary.metric, name=name, heading=name))
        others = [each for each in shown if each != primary]
        kept = others if primary.k is None else others[:-1]
        return rows.assign(**{name: rows[MODEL].map(self.figures)}), [primary, theirs, *kept]


def other_order(loader: ProjectConfigLoader, catalog: DataCatalog) -> str | None:
    """Return the other order of ties.

    None if ties do not decide which ratings are test, or if this run reproduces another one.
    """
    report = catalog.load("split_report") if catalog.exists("split_report") else {}
    if loader.reproduces or not report.get("tied_users"):
        return None
    return OTHER[loader["parameters"]["split"]["ties"]]


def run_with(
    ties: str,
    loader: ProjectConfigLoader,
    catalog: DataCatalog,
    leaderboard: pd.DataFrame,
    this_run: Run | None,
) -> OtherTies | None:
    """Return the latest run with these ties, and otherwise the data, options and code of this run.

    It has a figure of each model that has one here. None if there is none, if the store does not
    answer, or if this run is not tracked.
    """
    primary = str(leaderboard.columns[1])
    models = list(leaderboard[MODEL][leaderboard[primary].notna()])
    if this_run is None or not models:
        return None
    query = finished_with(ties, catalog.load("data_facts")["checksum"])
    ours = mask_values(loader["parameters"])
    try:
        latest = latest_runs(this_run.info.experiment_id, query, models, primary, ours)
    except (MlflowException, OSError):
        return None
    if len(latest) < len(models):
        return None
    figures = {model: plain_metrics(run)[primary] for model, run in latest.items()}
    return OtherTies(ties, tuple(dict.fromkeys(map(parent_of, latest.values()))), figures)


def latest_runs(
    experiment: str, query: str, models: list[str], metric: str, parameters: dict[str, Any]
) -> dict[str, Run]:
    """Return the latest run of each model with the metric and the same parameters but for ties."""
    client = MlflowClient()
    ours = {model: but_for_ties(parameters, model) for model in models}
    theirs = cache(partial(logged_parameters, client))
    found = client.search_runs([experiment], query, order_by=["start_time ASC"])
    named = [(str(run.info.run_name), run) for run in found if metric in plain_metrics(run)]
    return {
        name: run
        for name, run in named
        if name in models and but_for_ties(theirs(parent_of(run)), name) == ours[name]
    }


def parent_of(run: Run) -> str:
    """Return the id of the run that a model's run is in."""
    return run.data.tags[MLFLOW_PARENT_RUN_ID]


def finished_with(ties: str, checksum: str) -> str:
    """Return MLflow's filter for finished runs of models on these ratings, with this code.

    A run that started in the middle has no tag of its code. One that was resumed has: it makes
    again what other code has made.
    """
    return (
        f"attributes.status = 'FINISHED' AND tags.`{MLFLOW_PARENT_RUN_ID}` LIKE '%' "
        f"AND tags.{CODE} = '{code_version()}' AND params.`{CHECKSUM}` = '{checksum}' "
        f"AND params.`split.ties` = '{ties}'"
    )


def but_for_ties(parameters: dict[str, Any], model: str) -> dict[str, Any]:
    """Return the parameters that the figures of a model depend on, without `split.ties`."""
    read = keys_read_by({"": register_pipelines()["all_models"].to_outputs(f"{model}.metrics")})
    kept = {key: value for key, value in parameters.items() if key in read}
    return kept | {"split": kept["split"] | {"ties": None}}
