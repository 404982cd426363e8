"""Saved views of MLflow's page of runs: which runs, in which order, with which columns.

MLflow keeps a view as a tag of the experiment. An address that names the view opens it.
"""

import json
import time
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from mlflow import MlflowClient
from mlflow.entities import Run

VIEW = "mlflow.sharedViewState."
OURS = f"{VIEW}run-"
KEPT = 10
"""Number of views that stay in the list of an experiment."""

RUN_NAME = "attributes.`Run Name`"


def save_view(parent: Run, metrics: Sequence[str], ascending: bool) -> str | None:
    """Save a view of the runs below `parent` and return its key.

    None if there are no such runs, or if none of them has the first of the metrics.

    Its columns are these metrics, and the first one sorts it. Older views of this kind are removed
    from the experiment until `KEPT` are left; those that a user has saved stay.
    """
    client, info, now = MlflowClient(), parent.info, int(time.time() * 1000)
    state = state_of(info.run_id, metrics, ascending)
    measured = f"{state['searchFilter']} AND metrics.`{metrics[0]}` > -1e308"
    if not client.search_runs([info.experiment_id], measured, max_results=1):
        return None
    started = datetime.fromtimestamp(info.start_time / 1000)
    view = {
        "name": f"{info.run_name}, {started:%Y-%m-%d %H:%M}",
        "createdAt": now,
        "updatedAt": now,
        "state": json.dumps(state),
    }
    tag = f"{OURS}{info.run_id[:8]}"
    client.set_experiment_tag(info.experiment_id, tag, json.dumps(view))
    _remove_oldest(client, info.experiment_id)
    return tag.removeprefix(VIEW)


def state_of(parent_id: str, metrics: Sequence[str], ascending: bool) -> dict[str, Any]:
    """Return what MLflow's page of runs stores of a view."""
    columns = [f"metrics.`{name}`" for name in metrics]
    return {
        "searchFilter": f"tags.mlflow.parentRunId = '{parent_id}'",
        "orderByKey": columns[0],
        "orderByAsc": ascending,
        "selectedColumns": columns,
        "columnOrder": ["checkbox", "runName", RUN_NAME, *columns],
        "columnWidths": {},
        "startTime": "ALL",
        "lifecycleFilter": "Active",
        "modelVersionFilter": "All Runs",
        "datasetsFilter": [],
    }


def address_of_runs(page: str, experiment_id: str, view: str | None = None) -> str:
    """Return the address of an experiment's runs, below the address of MLflow's pages.

    Without `workflowType`, MLflow opens its page on generative AI.
    """
    address = f"{page}/#/experiments/{experiment_id}/runs?workflowType=machine_learning"
    return f"{address}&viewStateShareKey={view}" if view else address


def _remove_oldest(client: MlflowClient, experiment_id: str) -> None:
    tags = client.get_experiment(experiment_id).tags
    ours = [tag for tag in tags if tag.startswith(OURS)]
    for tag in sorted(ours, key=lambda tag: -int(json.loads(tags[tag])["createdAt"]))[KEPT:]:
        client.delete_experiment_tag(experiment_id, tag)
