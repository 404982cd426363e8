"""What MLflow's page of a whole run says: what was run, on what data, when, and the leaderboard."""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import pandas as pd
from mlflow import MlflowClient
from mlflow.entities import Run

from collaborative_autoencoders.columns import MODEL
from collaborative_autoencoders.evaluation.leaderboard import (
    LEFT_OUT,
    about_long_lists,
    about_sample,
    in_digits,
    sort_by,
)
from collaborative_autoencoders.markdown import code, escaped, table
from collaborative_autoencoders.metrics.table import measure, metrics_of
from collaborative_autoencoders.serving.description import NOTE, about_data
from collaborative_autoencoders.tracking.logged import log_metrics
from collaborative_autoencoders.tracking.masking import mask
from collaborative_autoencoders.tracking.metric_names import FIT_SECONDS, length_of
from collaborative_autoencoders.tracking.provenance import BEST_MODEL

FOLDERS = (
    (re.compile(r"(?<=://)/+(?:[^/\s'\",=]+/)+"), "/…/"),  # in a URI
    (re.compile(r"(?<![\w:/.~…])(?:[A-Za-z]:)?[\\/](?:[^\\/\s'\",=]+[\\/])+"), "…/"),
)
"""Absolute folders in a text, and what is shown instead."""


def without_folders(text: str) -> str:
    """Return the text without the folders of this machine.

    --conf-source /home/ann/conf --params store=sqlite:////srv/x.db
    --conf-source …/conf         --params store=sqlite:///…/x.db
    """
    for folders, shown in FOLDERS:
        text = folders.sub(shown, text)
    return text


def log_best(run_id: str, leaderboard: pd.DataFrame, headline: Sequence[str]) -> None:
    """Log the headline figures of the best model in the parent run, and its name as a tag."""
    best = best_row(leaderboard)
    if best is not None:
        MlflowClient().set_tag(run_id, BEST_MODEL, best[MODEL])
        log_metrics(run_id, {name: best.get(name) for name in (*headline, FIT_SECONDS)}, headline)


def describe_run(
    run_id: str, facts: Mapping[str, Any], board: pd.DataFrame | None, headline: Sequence[str]
) -> None:
    """Describe a whole run on its page. A description that it has already stays."""
    client = MlflowClient()
    run = client.get_run(run_id)
    if NOTE in run.data.tags:  # of the program that has opened the run
        return
    parts = [" ".join([about_run(run), about_data(facts)])]
    parts += [] if board is None else [about_models(board, headline)]
    client.set_tag(run_id, NOTE, mask("\n\n".join(filter(None, parts))))


def about_run(run: Run) -> str:
    """Return the command of a run and when it was started."""
    started = datetime.fromtimestamp(run.info.start_time / 1000, UTC)
    command = code(without_folders(run.data.tags.get("command", "kedro run")))
    return f"{command}, started {started:%Y-%m-%d %H:%M} UTC."


def about_models(leaderboard: pd.DataFrame, headline: Sequence[str]) -> str:
    """Return the best model in a sentence, and the leaderboard as a table, best first.

    The table has the metrics of the terminal: a wider one pushes MLflow's tags off the page.
    """
    primary, k = deciding_metric(leaderboard), length_of(headline)
    wanted = [name for name in headline if name == primary or measure(name).metric.on_terminal]
    names = [name for name in (*wanted, FIT_SECONDS) if name in leaderboard]
    shown = sort_by(leaderboard[leaderboard[LEFT_OUT].isna()], primary)
    headings = [MODEL, *(heading(name, k) for name in names)]
    rows = [
        [escaped(row[MODEL]), *(cell(name, row[name]) for name in names)]
        for row in shown.to_dict(orient="records")
    ]
    board = table(headings, rows) if rows else ""
    about_lists = "" if k is None else about_long_lists(leaderboard, k)
    lines = [best_in_words(shown, k), board, about_lists, about_sample(leaderboard)]
    lines += left_out(leaderboard)
    return "\n\n".join(filter(None, lines))


def best_in_words(shown: pd.DataFrame, k: int | None) -> str:
    """Return which model is best, by which metric; empty if none has the primary metric."""
    best, primary = best_row(shown), deciding_metric(shown)
    if best is None:
        return ""
    low, high = (best.get(f"{primary}_{end}", float("nan")) for end in ("low", "high"))
    ends = (in_digits(end, measure(primary), best[primary]) for end in (low, high))
    interval = "" if pd.isna(low) else f", 95 % interval {' to '.join(ends)}"
    value = f"{measure(primary).heading} {in_digits(best[primary], measure(primary))}{interval}"
    return (
        f"**{escaped(best[MODEL])}** is best: {value}. Its figures are the metrics of this run. "
        f"Lists of {k}:"
    )


def best_row(leaderboard: pd.DataFrame) -> dict[str, Any] | None:
    """Return the row of the best model; None if no model has the deciding metric."""
    metric = deciding_metric(leaderboard)
    first = sort_by(leaderboard, metric).head(1).to_dict(orient="records")
    found = [row for row in first if not pd.isna(row[metric])]
    return {str(name): value for name, value in found[0].items()} if found else None


def deciding_metric(leaderboard: pd.DataFrame) -> str:
    """Return the metric by which a model is best.

    It is the primary metric, or RMSE in a run of models for ratings only: the primary metric may be
    one of lists, which is not what they are fitted for.
    """
    primary, of_ratings = str(leaderboard.columns[1]), metrics_of("ratings")[0].name
    fitted = leaderboard[leaderboard[LEFT_OUT].isna()]
    if measure(primary).k is None or fitted.empty or of_ratings not in fitted:
        return primary
    return of_ratings if fitted[of_ratings].notna().all() else primary


def heading(name: str, k: int | None) -> str:
    """Return the heading of a column, with its length of list if that is not `k`."""
    if name == FIT_SECONDS:
        return "fit s"
    found = measure(name)
    return found.metric.heading if found.k == k else found.heading


def cell(name: str, value: float) -> str:
    """Return a figure with three digits, seconds with one decimal; a dash for NaN."""
    if pd.isna(value):
        return "–"
    return f"{value:.1f}" if name == FIT_SECONDS else in_digits(value, measure(name))


def left_out(leaderboard: pd.DataFrame) -> Iterator[str]:
    """Yield a sentence for each model that was left out."""
    for row in leaderboard[leaderboard[LEFT_OUT].notna()].to_dict(orient="records"):
        yield f"{escaped(row[MODEL])} is left out: {escaped(without_folders(row[LEFT_OUT]))}"
