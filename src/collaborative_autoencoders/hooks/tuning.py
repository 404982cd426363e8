"""Hook that prints the result of a search on the terminal."""

from typing import Any

from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl
from kedro.io import DataCatalog
from kedro.pipeline import Pipeline
from rich import box
from rich.console import Console
from rich.table import Table

from .next_commands import show_next, to_compare_runs

SEARCH, PROPOSAL = "search", "proposed_parameters"


class TuningHook:
    """Prints the best options of each searched model and the path of its proposal."""

    @hook_impl
    def after_context_created(self, context: KedroContext) -> None:
        """Keep the configuration, which has the port of MLflow's pages."""
        self._loader = context.config_loader

    @hook_impl(trylast=True)
    def after_pipeline_run(
        self, run_params: dict[str, Any], pipeline: Pipeline, catalog: DataCatalog
    ) -> None:
        """Print the result of each search that this run has saved."""
        written, console = pipeline.all_outputs(), Console()
        searches = [catalog.load(name) for name in sorted(written) if holds_a_search(name)]
        for search in searches:
            if search["left_out"]:
                console.print(f"{search['model']} is left out: {search['left_out']}")
                continue
            metrics = f"{search['model']}.search_metrics"
            figures = catalog.load(metrics) if metrics in written else {}
            console.print(search_table(search, figures))
            proposal = f"{search['model']}.{PROPOSAL}"
            if proposal in written:
                dataset: Any = catalog.get(proposal)
                console.print(f"  proposed: {dataset.filepath}", soft_wrap=True, highlight=False)
        if searches:
            compare = to_compare_runs(run_params, self._loader["mlflow"])
            show_next(console, compare, "compare the trials")


def holds_a_search(name: str) -> bool:
    """Return whether a dataset of this name holds the result of a search."""
    return name.rpartition(".")[2] == SEARCH


def search_table(search: dict[str, Any], figures: dict[str, float]) -> Table:
    """Return a table with a row per axis: its value in the best trial, and its importance.

    A search of few trials has no importances.
    """
    best, states = search["best"], [trial["state"] for trial in search["trials"]]
    counts = ", ".join(f"{states.count(state)} {state}" for state in dict.fromkeys(sorted(states)))
    table = Table(
        title=f"{search['model']}: validation {search['metric']} {best['value']:.4f} "
        f"in trial {best['number']}",
        title_justify="left",
        caption=f"{len(states)} trials: {counts}",
        caption_justify="left",
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
        pad_edge=False,
        min_width=60,
    )
    table.add_column("option", no_wrap=True)
    table.add_column("best", justify="right")
    shares = {axis: figures.get(f"importance.{axis}", 0.0) for axis in search["axes"]}
    if any(shares.values()):
        table.add_column("importance", justify="right")
    for axis in sorted(shares, key=lambda axis: -shares[axis]):
        group, _, option = axis.partition(".")
        value = best["params"][group][option]
        shown = f"{value:.4g}" if isinstance(value, float) else str(value)
        table.add_row(axis, shown, *[f"{shares[axis]:.2f}"][: len(table.columns) - 2])
    return table
