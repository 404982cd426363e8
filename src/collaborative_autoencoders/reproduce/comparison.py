"""Comparison of a run and its reproduction: all metrics, at all steps, to the last digit."""

import math
from typing import NamedTuple

from mlflow import MlflowClient
from mlflow.entities import Run
from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID
from rich import box
from rich.table import Table

from collaborative_autoencoders.tracking.metric_names import plain_name
from collaborative_autoencoders.tracking.provenance import BEST_MODEL, COSTS, versions_and_machine

MetricHistory = list[tuple[int, float]]
"""(step, value) of one metric, sorted by step."""


class Compared(NamedTuple):
    """One run and its reproduction. `differences` has the metrics that are not the same."""

    name: str
    n_metrics: int
    differences: dict[str, float]

    @property
    def same(self) -> bool:
        """Whether no metric differs."""
        return not self.differences


def compare_runs(client: MlflowClient, original: Run, reproduction: Run) -> list[Compared]:
    """Return the comparison of the parent runs and of each model's runs.

    For a model that only one run has, every metric counts as different.
    """
    ours, theirs = family(client, original), family(client, reproduction)
    return [
        compare_histories(name, ours.get(name, {}), theirs.get(name, {}))
        for name in dict.fromkeys([*ours, *theirs])
    ]


def family(client: MlflowClient, parent: Run) -> dict[str, dict[str, MetricHistory]]:
    """Return the histories of each child run by name, and those of the parent as `whole run`."""
    children = client.search_runs(
        [parent.info.experiment_id],
        f"tags.`{MLFLOW_PARENT_RUN_ID}` = '{parent.info.run_id}'",
        order_by=["start_time ASC"],
    )
    models = {str(child.info.run_name): histories(client, child) for child in children}
    whole, best = histories(client, parent), models.get(parent.data.tags.get(BEST_MODEL, ""), {})
    # the headline of the best model is compared in its own run; runs of 0.2.0 have it only there
    own = {name: points for name, points in whole.items() if name not in best}
    return {"whole run": own} | models


def histories(client: MlflowClient, run: Run) -> dict[str, MetricHistory]:
    """Return the history of each metric of a run by plain name, without seconds and memory."""
    found: dict[str, MetricHistory] = {}
    for name in sorted(run.data.metrics):
        if plain_name(name) not in COSTS and not name.startswith("cost/"):
            points = client.get_metric_history(run.info.run_id, name)
            found.setdefault(plain_name(name), []).extend(
                (each.step, each.value) for each in points
            )
    return {name: sorted(points) for name, points in sorted(found.items()) if points}


def compare_histories(
    name: str, ours: dict[str, MetricHistory], theirs: dict[str, MetricHistory]
) -> Compared:
    """Return the metrics that differ at any step, each with its largest difference."""
    metrics = sorted(ours.keys() | theirs.keys())
    gaps = {metric: gap(ours.get(metric, []), theirs.get(metric, [])) for metric in metrics}
    return Compared(name, len(metrics), {metric: by for metric, by in gaps.items() if by != 0})


def gap(ours: MetricHistory, theirs: MetricHistory) -> float:
    """Return the largest difference at a step; infinite if the steps are not the same."""
    if [step for step, _ in ours] != [step for step, _ in theirs]:
        return math.inf
    pairs = zip(ours, theirs, strict=True)
    return max((distance(a, b) for (_, a), (_, b) in pairs), default=0.0)


def distance(a: float, b: float) -> float:
    """Return |a − b|; 0 for equal infinities and for two NaN, infinite if only one is NaN."""
    if a == b or (math.isnan(a) and math.isnan(b)):
        return 0.0
    return math.inf if math.isnan(a) or math.isnan(b) else abs(a - b)


def comparison_table(compared: list[Compared], original: str, reproduction: str) -> Table:
    """Return a table with a row per run: metrics, equal metrics, and the largest difference."""
    table = Table(
        title=f"{original[:8]} and its reproduction {reproduction[:8]}, to the last digit",
        title_justify="left",
        box=box.SIMPLE_HEAD,
    )
    for heading in ("run", "metrics", "the same", "largest difference"):
        table.add_column(heading, justify="left" if heading == "run" else "right")
    for run in compared:
        n_same = run.n_metrics - len(run.differences)
        table.add_row(run.name, str(run.n_metrics), str(n_same), largest(run.differences))
    return table


def largest(differences: dict[str, float]) -> str:
    """Return the metric that differs most, and its difference; a dash if none differs."""
    if not differences:
        return "–"
    metric = max(differences, key=lambda name: differences[name])
    by = differences[metric]
    return f"{metric}: " + (f"{by:.3g}" if math.isfinite(by) else "in one run only")


def verdict(compared: list[Compared], original: Run, reproduction: Run) -> str:
    """Return a sentence: whether all metrics are the same and, if not, the probable reason."""
    n_metrics = sum(run.n_metrics for run in compared)
    if not n_metrics:
        return "This run has no metrics; its ratings are the same."
    if all(run.same for run in compared):
        return f"All {n_metrics} metrics are the same at every step."
    changed = changed_since(original.data.tags, reproduction.data.tags)
    if not changed:
        return "Not the same, although commit, versions, threads and processor are the same."
    return f"Not the same; the probable reason: {'; '.join(changed)}."


def changed_since(then: dict[str, str], now: dict[str, str]) -> list[str]:
    """Return the versions, threads, processor and commit that differ."""
    return [
        f"{tag} was {then.get(tag, 'unknown')}, is {now.get(tag, 'unknown')}"
        for tag in (*versions_and_machine(), "git_commit", "git_dirty")
        if then.get(tag) != now.get(tag)
    ]
