"""A run and its repeat side by side: every metric, at every step, to the last digit."""

import math
from typing import NamedTuple

from mlflow import MlflowClient
from mlflow.entities import Run
from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID
from rich import box
from rich.table import Table

from collaborative_autoencoders.tracking.provenance import COSTS, versions_and_machine

History = list[tuple[int, float]]
"""(step, value) in order of the steps."""


class Compared(NamedTuple):
    """One run beside its repeat; `differences` holds the metrics that are not the same."""

    name: str
    n_metrics: int
    differences: dict[str, float]

    @property
    def same(self) -> bool:
        """Whether no metric differs."""
        return not self.differences


def compare_runs(client: MlflowClient, original: Run, repeat: Run) -> list[Compared]:
    """The parent and each model beside its repeat; a model of one side only differs in all."""
    ours, theirs = family(client, original), family(client, repeat)
    return [
        compare_histories(name, ours.get(name, {}), theirs.get(name, {}))
        for name in dict.fromkeys([*ours, *theirs])
    ]


def family(client: MlflowClient, parent: Run) -> dict[str, dict[str, History]]:
    """The histories of the parent, as `whole run`, and of each child under its name."""
    children = client.search_runs(
        [parent.info.experiment_id],
        f"tags.`{MLFLOW_PARENT_RUN_ID}` = '{parent.info.run_id}'",
        order_by=["start_time ASC"],
    )
    runs = {"whole run": parent} | {str(child.info.run_name): child for child in children}
    return {name: histories(client, run) for name, run in runs.items()}


def histories(client: MlflowClient, run: Run) -> dict[str, History]:
    """Every metric of a run but for what it cost."""
    return {
        name: sorted((point.step, point.value) for point in points)
        for name in sorted(run.data.metrics.keys() - COSTS)
        if (points := client.get_metric_history(run.info.run_id, name))
    }


def compare_histories(name: str, ours: dict[str, History], theirs: dict[str, History]) -> Compared:
    """The metrics that differ anywhere, each with its largest difference."""
    metrics = sorted(ours.keys() | theirs.keys())
    gaps = {metric: gap(ours.get(metric, []), theirs.get(metric, [])) for metric in metrics}
    return Compared(name, len(metrics), {metric: by for metric, by in gaps.items() if by != 0})


def gap(ours: History, theirs: History) -> float:
    """The largest difference at a step; infinite where one side has steps that the other lacks."""
    if [step for step, _ in ours] != [step for step, _ in theirs]:
        return math.inf
    pairs = zip(ours, theirs, strict=True)
    return max((distance(a, b) for (_, a), (_, b) in pairs), default=0.0)


def distance(a: float, b: float) -> float:
    """|a − b|; equal infinities and two nan are the same, one nan is infinitely far."""
    if a == b or (math.isnan(a) and math.isnan(b)):
        return 0.0
    return math.inf if math.isnan(a) or math.isnan(b) else abs(a - b)


def comparison_table(compared: list[Compared], original: str, repeat: str) -> Table:
    """One row per run: metrics compared, how many are the same, the largest difference."""
    table = Table(
        title=f"{original[:8]} and its repeat {repeat[:8]}, to the last digit",
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
    """The metric that differs most, and by how much; a dash where none does."""
    if not differences:
        return "–"
    metric = max(differences, key=lambda name: differences[name])
    by = differences[metric]
    return f"{metric}: " + (f"{by:.3g}" if math.isfinite(by) else "only in one of them")


def verdict(compared: list[Compared], original: Run, repeat: Run) -> str:
    """One sentence: all the same, or what is now another and so the probable reason."""
    n_metrics = sum(run.n_metrics for run in compared)
    if not n_metrics:
        return "This run has no metrics; its ratings are the same."
    if all(run.same for run in compared):
        return f"All {n_metrics} metrics are the same at every step."
    changed = changed_since(original.data.tags, repeat.data.tags)
    if not changed:
        return "Not the same, though commit, versions and processor are."
    return f"Not the same; the probable reason: {'; '.join(changed)}."


def changed_since(then: dict[str, str], now: dict[str, str]) -> list[str]:
    """The versions, the threads, the processor and the commit that are others now."""
    return [
        f"{tag} was {then.get(tag, 'unknown')}, is {now.get(tag, 'unknown')}"
        for tag in (*versions_and_machine(), "git_commit", "git_dirty")
        if then.get(tag) != now.get(tag)
    ]
