"""Read the finished runs of a benchmark from MLflow into one table."""

from collections import Counter
from typing import Any

import mlflow
import pandas as pd
from mlflow.entities import Run

from collaborative_autoencoders.metrics.table import measure
from collaborative_autoencoders.tracking.metric_names import plain_metrics, plain_name

from .running import (
    ABLATION,
    BENCHMARK,
    EXPERIMENT,
    JOB,
    PARENT,
    PROTOCOL,
    ROW,
    SPLIT_SEED,
)

VALIDATION = "validation_"
"""Prefix of the validation metric that a run logs at every epoch."""


def runs_of(benchmark: str) -> list[Run]:
    """Return every finished run of this benchmark, parents and children."""
    experiment = mlflow.get_experiment_by_name(EXPERIMENT)
    wanted = f"tags.{BENCHMARK} = '{benchmark}' and attributes.status = 'FINISHED'"
    found: list[Run] = []
    page = None
    while page is None or page.token:
        page = mlflow.MlflowClient().search_runs(
            [experiment.experiment_id], wanted, page_token=page.token if page else None
        )
        found += page
    return found


def finished_jobs(benchmark: str) -> set[str]:
    """Return the names of the finished jobs."""
    return {run.data.tags[JOB] for run in runs_of(benchmark) if PARENT not in run.data.tags}


def figures_of(benchmark: str) -> pd.DataFrame:
    """Return one row per child run: protocol, split_seed, row, ablation, seconds, every metric.

    A job runs twice if an interruption came after its end and before its runs were tagged. The
    table has it once.
    """
    children = [run for run in runs_of(benchmark) if PARENT in run.data.tags]
    figures = pd.DataFrame([_figures_of_run(run) for run in children])
    return figures.drop_duplicates([PROTOCOL, SPLIT_SEED, ROW, ABLATION], ignore_index=True)


def commits_of(benchmark: str) -> list[str]:
    """Return the commits of the runs, the most frequent first, and whether the tree had changes."""
    tags = [run.data.tags for run in runs_of(benchmark)]
    commits = Counter(
        run["git_commit"][:12] + " with changes" * (run["git_dirty"] == "true")
        for run in tags
        if "git_commit" in run
    )
    return [commit for commit, _ in commits.most_common()]


def seconds_of(benchmark: str) -> float:
    """Return the sum of the seconds of all complete runs."""
    parents = [run for run in runs_of(benchmark) if PARENT not in run.data.tags]
    return sum(run.info.end_time - run.info.start_time for run in parents) / 1000


def _figures_of_run(run: Run) -> dict[str, Any]:
    tags = run.data.tags
    return {
        "protocol": tags[PROTOCOL],
        "split_seed": int(tags[SPLIT_SEED]),
        "row": tags[ROW],
        "model": run.info.run_name,
        ABLATION: ABLATION in tags,
        "run": run.info.run_id,
        **plain_metrics(run),
        **_best_validation(run),
    }


def _best_validation(run: Run) -> dict[str, float]:
    """Return the validation of the best epoch, by whether the metric is better high or low."""
    best = {}
    for logged in run.data.metrics:
        name = plain_name(logged)
        if name.startswith(VALIDATION):
            points = mlflow.MlflowClient().get_metric_history(run.info.run_id, logged)
            values = [point.value for point in points]
            higher_is_better = measure(name.removeprefix(VALIDATION)).metric.higher_is_better
            best[name] = max(values) if higher_is_better else min(values)
    return best
