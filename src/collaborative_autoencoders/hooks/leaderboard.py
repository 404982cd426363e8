"""The table that ends a run on a terminal."""

import re
from typing import Any

import pandas as pd
from kedro.framework.hooks import hook_impl
from kedro.io import DataCatalog
from kedro.pipeline import Pipeline
from rich.console import Console
from rich.table import Table

from ..columns import MODEL

COLUMNS = ("ndcg", "recall", "precision", "map", "mrr", "hit_rate", "coverage")
NEXT = (
    ("kedro mlflow ui", "compare the runs"),
    ("kedro viz run", "look at the pipeline"),
)


class LeaderboardHook:
    """Prints the leaderboard, and what to type next, after a run that made one."""

    @hook_impl(trylast=True)
    def after_pipeline_run(self, pipeline: Pipeline, catalog: DataCatalog) -> None:
        """Show the leaderboard that this run has written."""
        if "leaderboard" not in pipeline.all_outputs():
            return
        console = Console()
        console.print(leaderboard_table(catalog.load("leaderboard")))
        for command, why in NEXT:
            console.print(f"  [bold]{command}[/bold]  [dim]{why}[/dim]")


def leaderboard_table(leaderboard: pd.DataFrame) -> Table:
    """One row per model: ranking metrics at 10 (or the first k), RMSE, users judged, seconds."""
    k = shown_k(leaderboard)
    shown = {f"{name}_at_{k}": f"{name}@{k}" for name in COLUMNS}
    shown |= {"rmse": "rmse", "users_judged": "users", "fit_seconds": "fit s"}
    table = Table(title="Leaderboard", title_justify="left")
    table.add_column(MODEL)
    present = {name: title for name, title in shown.items() if name in leaderboard}
    for title in present.values():
        table.add_column(title, justify="right")
    table.add_column("", style="dim")
    for _, row in leaderboard.iterrows():
        left_out = row.get("left_out")
        note = f"left out: {left_out}" if isinstance(left_out, str) else ""
        table.add_row(row[MODEL], *(cell(name, row[name]) for name in present), note)
    return table


def shown_k(leaderboard: pd.DataFrame) -> int:
    """10 where the lists were judged at 10, else the shortest list."""
    judged = [int(name[8:]) for name in map(str, leaderboard) if re.fullmatch(r"ndcg_at_\d+", name)]
    return 10 if 10 in judged or not judged else min(judged)


def cell(name: str, value: Any) -> str:
    """A number as it stands in the table; nothing where there is none."""
    if pd.isna(value):
        return "–"
    if name == "users_judged":
        return f"{value:.0f}"
    return f"{value:.1f}" if name == "fit_seconds" else f"{value:.4f}"
