"""The table that ends a run on a terminal."""

import os
import re
import shutil
import sys
from pathlib import Path
from typing import Any

import pandas as pd
from kedro.framework.hooks import hook_impl
from kedro.io import DataCatalog
from kedro.pipeline import Pipeline
from rich import box
from rich.console import Console
from rich.table import Table

from collaborative_autoencoders.columns import MODEL

LIST_METRICS = {
    "ndcg": "ndcg",
    "recall": "recall",
    "precision": "prec",
    "map": "map",
    "mrr": "mrr",
    "hit_rate": "hit",
    "coverage": "cover",
}
"""What is shown of the lists, and its heading: the whole table fits 80 characters."""

OTHERS = {"rmse": "rmse", "fit_seconds": "fit s", "than_above": "above"}

VERDICTS = {"better": "better", "not told apart": "alike", "worse": "worse"}
"""What a row is beside the row above it, in the narrow words of the table."""

NEXT = (("kedro mlflow ui", "compare the runs"), ("kedro viz run", "look at the pipeline"))


class LeaderboardHook:
    """Prints the leaderboard, and what to type next, after a run that made one."""

    @hook_impl(trylast=True)
    def after_pipeline_run(self, pipeline: Pipeline, catalog: DataCatalog) -> None:
        """Show the leaderboard that this run has written."""
        if "leaderboard" not in pipeline.all_outputs():
            return
        leaderboard, console = catalog.load("leaderboard"), Console()
        console.print(leaderboard_table(leaderboard))
        for model, reason in left_out(leaderboard).items():
            console.print(f"{model} is left out: {reason}")
        for command, why in (*activation(), *NEXT):
            console.print(f"  [bold]{command:<25}[/bold] [dim]{why}[/dim]")


def activation() -> list[tuple[str, str]]:
    """What to type first where the shell does not find this environment's commands."""
    activate = Path(sys.prefix) / "bin" / "activate"
    found = shutil.which("kedro")
    if not activate.exists() or (found and Path(found).is_relative_to(sys.prefix)):
        return []
    return [(f". {os.path.relpath(activate)}", "once in this shell")]


def leaderboard_table(leaderboard: pd.DataFrame) -> Table:
    """One row per model: its lists at 10 (or at the shortest k), RMSE, seconds, how it differs.

    `above` says whether the model is better, worse or alike (not told apart) beside the row above.
    """
    k = shown_k(leaderboard)
    shown = {f"{name}_at_{k}": heading for name, heading in LIST_METRICS.items()} | OTHERS
    present = {name: heading for name, heading in shown.items() if name in leaderboard}
    table = Table(
        title=f"Leaderboard, lists of {k}",
        title_justify="left",
        caption=caption(leaderboard),
        caption_justify="left",
        box=box.SIMPLE_HEAD,
        padding=0,
        pad_edge=False,
    )
    table.add_column(MODEL, no_wrap=True)
    for heading in present.values():
        table.add_column(heading, justify="right", no_wrap=True)
    for _, row in leaderboard.iterrows():
        table.add_row(str(row[MODEL]), *(cell(name, row[name]) for name in present))
    return table


def caption(leaderboard: pd.DataFrame) -> str | None:
    """How many users stand behind the table, and what `above` rests on."""
    if "than_above" not in leaderboard or "users_judged" not in leaderboard:
        return None
    users, primary_metric = leaderboard["users_judged"].max(), leaderboard.columns[1]
    return (
        f"{users:.0f} users judged; above: beside the row above, by the 95 % interval\n"
        f"of the paired difference in {primary_metric} over users"
    )


def left_out(leaderboard: pd.DataFrame) -> dict[str, str]:
    """The models that could not be fitted, each with the reason."""
    reasons = leaderboard.set_index(MODEL)["left_out"].dropna()
    return {str(model): str(reason) for model, reason in reasons.items()}


def shown_k(leaderboard: pd.DataFrame) -> int:
    """10 where the lists were judged at 10, else the shortest list."""
    names = map(str, leaderboard)
    judged = [int(name[8:]) for name in names if re.fullmatch(r"ndcg_at_\d+", name)]
    return 10 if 10 in judged or not judged else min(judged)


def cell(name: str, value: Any) -> str:
    """A number or a verdict as it stands in the table; a dash where there is none."""
    if pd.isna(value):
        return "–"
    if name == "than_above":
        return VERDICTS[value]
    return f"{value:.1f}" if name == "fit_seconds" else f"{value:.3f}"
