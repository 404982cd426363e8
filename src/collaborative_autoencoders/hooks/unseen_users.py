"""The comparison of unseen users, printed on the terminal after a run of `unseen_users`."""

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
from collaborative_autoencoders.evaluation.differences import BETTER, NO_DIFFERENCE, WORSE

COMPARISON = "unseen_comparison"
HEADINGS = ("metric", "unseen", "known", "vs known", "popularity", "vs popularity")
VERDICTS = {BETTER: "better", WORSE: "worse", NO_DIFFERENCE: "n.s."}
TEXT_COLUMNS = ("metric", "vs known", "vs popularity")
CAPTION = (
    "vs: unseen compared with known or popularity, by the 95 % interval of the\n"
    "paired difference over the same users; n.s.: no significant difference"
)


class UnseenUsersHook:
    """Prints the metrics of unseen users after a run of `unseen_users`."""

    @hook_impl(trylast=True)
    def after_pipeline_run(self, pipeline: Pipeline, catalog: DataCatalog) -> None:
        """Print the comparison if this run wrote one."""
        if COMPARISON in pipeline.all_outputs():
            users = len(catalog.load("unseen_users"))
            Console().print(unseen_table(catalog.load(COMPARISON), users))


def unseen_table(comparison: pd.DataFrame, users: int) -> Table:
    """Return a table, one row per model and metric: unseen, known, popularity and the verdicts."""
    table = Table(
        title=f"{users} users that the fit has not seen",
        title_justify="left",
        caption=CAPTION,
        caption_justify="left",
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
        pad_edge=False,
    )
    table.add_column(MODEL, no_wrap=True)
    for heading in HEADINGS:
        table.add_column(heading, justify="left" if heading in TEXT_COLUMNS else "right")
    for row in comparison.to_dict(orient="records"):
        beside = [cell for name in ("known", "popularity") for cell in pair(row, name)]
        table.add_row(row[MODEL], row["metric"], number(row["unseen"]), *beside)
    return table


def pair(row: Mapping[Any, Any], name: str) -> tuple[str, str]:
    """Return the figure and the verdict; a dash and empty text if there is none."""
    verdict = row[f"than_{name}"]
    return number(row[name]), "" if pd.isna(verdict) else VERDICTS[verdict]


def number(value: float) -> str:
    """Return the value with three decimals; a dash for NaN."""
    return "–" if pd.isna(value) else f"{value:.3f}"
