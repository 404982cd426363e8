"""The table that ends a run of unseen users on a terminal."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
from kedro.framework.hooks import hook_impl
from kedro.io import DataCatalog
from kedro.pipeline import Pipeline
from rich import box
from rich.console import Console
from rich.table import Table

from collaborative_autoencoders.columns import MODEL

from .leaderboard import VERDICTS

COMPARISON = "unseen_comparison"
HEADINGS = ("metric", "unseen", "known", "", "popularity", "")
CAPTION = (
    "beside each: how unseen compares, by the 95 % interval of the\n"
    "paired difference over the same users"
)


class UnseenUsersHook:
    """Prints how unseen users are answered, after a run that asked for them."""

    @hook_impl(trylast=True)
    def after_pipeline_run(self, pipeline: Pipeline, catalog: DataCatalog) -> None:
        """Show the comparison that this run has written."""
        if COMPARISON in pipeline.all_outputs():
            users = len(catalog.load("unseen_users"))
            Console().print(unseen_table(catalog.load(COMPARISON), users))


def unseen_table(comparison: pd.DataFrame, users: int) -> Table:
    """One row per model and metric: unseen, the same users known, popularity, the verdicts."""
    table = Table(
        title=f"{users} users whom the fit has not seen",
        title_justify="left",
        caption=CAPTION,
        caption_justify="left",
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
        pad_edge=False,
    )
    table.add_column(MODEL, no_wrap=True)
    for heading in HEADINGS:
        table.add_column(heading, justify="left" if heading in ("metric", "") else "right")
    for row in comparison.to_dict(orient="records"):
        beside = [cell for name in ("known", "popularity") for cell in pair(row, name)]
        table.add_row(row[MODEL], row["metric"], number(row["unseen"]), *beside)
    return table


def pair(row: Mapping[Any, Any], name: str) -> tuple[str, str]:
    """The figure beside, and the verdict; dashes where there is none."""
    verdict = row[f"than_{name}"]
    return number(row[name]), "" if pd.isna(verdict) else VERDICTS[verdict]


def number(value: float) -> str:
    """Three digits, or a dash."""
    return "–" if pd.isna(value) else f"{value:.3f}"
