"""The leaderboard, printed on the terminal after a run."""

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Any, cast

import pandas as pd
from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl
from kedro.io import DataCatalog
from kedro.pipeline import Pipeline
from rich import box
from rich.console import Console
from rich.table import Table

from collaborative_autoencoders.columns import MODEL, NOT_REGISTERED
from collaborative_autoencoders.config_loader import ProjectConfigLoader
from collaborative_autoencoders.evaluation.choice import NOT_CHOSEN
from collaborative_autoencoders.evaluation.differences import (
    METRIC,
    NO_DIFFERENCE,
    OTHER,
    USERS,
    VERDICT,
)
from collaborative_autoencoders.evaluation.leaderboard import (
    LEFT_OUT,
    about_long_lists,
    about_sample,
    in_digits,
    sort_by,
)
from collaborative_autoencoders.interactions.core import CoreOptions
from collaborative_autoencoders.interactions.facts import about_core
from collaborative_autoencoders.interactions.joining import about_update
from collaborative_autoencoders.interactions.split_options import SplitOptions
from collaborative_autoencoders.metrics.table import Measure, length_shown, measure, metrics_of

from .commands import on_all_ratings, registering_all, with_ties
from .mlflow_settings import run_of
from .next_commands import show_next, to_activate, to_compare_runs, to_look_at_the_pipeline, view_of
from .ties import OtherTies, other_order, run_with

FIT_SECONDS, REGISTERED = "fit_seconds", "registered_models"


class LeaderboardHook:
    """Prints the leaderboard and the next commands, after a run that wrote a leaderboard."""

    @hook_impl
    def after_context_created(self, context: KedroContext) -> None:
        """Keep the configuration: the parameters, and the port of MLflow's pages."""
        self._loader = cast(ProjectConfigLoader, context.config_loader)

    @hook_impl(trylast=True)
    def after_pipeline_run(
        self, run_params: dict[str, Any], pipeline: Pipeline, catalog: DataCatalog
    ) -> None:
        """Print the leaderboard if this run wrote one."""
        if "leaderboard" not in pipeline.all_outputs():
            return
        leaderboard, differences = (catalog.load(name) for name in ("leaderboard", "differences"))
        facts = catalog.load("data_facts")
        console, about_ratings = Console(highlight=False), about_core(facts)
        ties = other_order(self._loader, catalog)
        run = run_of(run_params, self._loader["mlflow"])
        beside = run_with(ties, self._loader, catalog, leaderboard, run) if ties else None
        show_leaderboard(leaderboard, differences, console, about_ratings, beside)
        if newer := about_update(facts):
            console.print(newer, markup=False)
        show_next(console, to_activate(), "once in this shell")
        show_next(console, self._to_register(run_params, pipeline, catalog), "register all models")
        show_next(console, to_look_at_the_pipeline(), "look at the pipeline")
        core = CoreOptions.model_validate(catalog.load("params:core"))
        split = SplitOptions.model_validate(catalog.load("params:split"))
        takes_all = takes_all_ratings(core, split) and not newer  # its command fits the old ones
        if about_ratings and takes_all and measures_ratings(leaderboard):
            show_next(console, [on_all_ratings(run_params)], "RMSE of all ratings")
        if ties and not beside:
            show_next(console, [with_ties(ties, run_params)], "what hangs on ties in time")
        columns = metrics_shown(leaderboard, differences)
        ascending = not measure(columns[0]).metric.higher_is_better
        view = view_of(run, columns, ascending)
        show_next(
            console, to_compare_runs(run_params, self._loader["mlflow"], view), "compare the runs"
        )

    def _to_register(
        self, run_params: dict[str, Any], pipeline: Pipeline, catalog: DataCatalog
    ) -> list[str]:
        """Return the command that registers the models that were not chosen; empty if all were."""
        if REGISTERED not in pipeline.all_outputs():
            return []
        reasons = catalog.load(REGISTERED)[NOT_REGISTERED].dropna()
        not_chosen = reasons.astype(str).str.startswith(NOT_CHOSEN).any()
        return [registering_all(run_params)] if not_chosen else []


def show_leaderboard(
    leaderboard: pd.DataFrame,
    differences: pd.DataFrame,
    console: Console,
    about_ratings: str | None = None,
    beside: OtherTies | None = None,
) -> None:
    """Print a table for lists and one for ratings, each with sentences on the differences.

    One is sorted by the primary metric, the other by the metric that models for the other task are
    compared by. `about_ratings` is a line below the table for ratings. `beside` is a column beside
    the primary metric.
    """
    primary = leaderboard.columns[1]
    for found in sorting_measures(leaderboard, differences):
        rows = sort_by(leaderboard, found.name)
        rows = rows[rows[found.name].notna()] if found.k is None else rows[rows[LEFT_OUT].isna()]
        if len(rows):
            other = beside if found.name == primary else None
            console.print(leaderboard_table(rows, found, other))
            console.print("* best in its column")
            if other:
                console.print(f"ties: {other.ties} is {primary} of {other.origin}")
            if found.k is None and about_ratings:
                console.print(about_ratings, markup=False)
            for line in sentences(rows, differences, found):
                console.print(line, markup=False)
            if found.k is not None and (too_long := about_long_lists(rows, shown_k(rows))):
                console.print(too_long, markup=False)
            console.print()
    if sample := about_sample(leaderboard):
        console.print(f"{sample}\n", markup=False)
    for model, reason in reasons_of(leaderboard).items():
        console.print(f"{model} is left out: {reason}", markup=False)


def takes_all_ratings(core: CoreOptions, split: SplitOptions) -> bool:
    """Return whether `core.ratings: all` would add ratings and the split would take them."""
    return core.ratings == "core" and split.kind != "users"


def measures_ratings(leaderboard: pd.DataFrame) -> bool:
    """Return whether a model of the leaderboard predicts ratings."""
    names = [metric.name for metric in metrics_of("ratings") if metric.name in leaderboard]
    return bool(leaderboard[names].notna().any(axis=None))


def metrics_shown(leaderboard: pd.DataFrame, differences: pd.DataFrame) -> list[str]:
    """Return the columns of both tables; the first sorts the leaderboard."""
    primary = leaderboard.columns[1]
    sorting = sorting_measures(leaderboard, differences)
    shown = [each.name for found in sorting for each in columns_of(leaderboard, found)]
    names = dict.fromkeys([primary, *shown, FIT_SECONDS])
    return [name for name in names if name in leaderboard]


def sorting_measures(leaderboard: pd.DataFrame, differences: pd.DataFrame) -> list[Measure]:
    """Return the metric that sorts the table of lists and the one that sorts that of ratings."""
    primary = measure(leaderboard.columns[1])
    compared = [measure(name) for name in differences[METRIC].unique()]
    first = [
        Measure(metrics_of("list")[0], shown_k(leaderboard)),
        Measure(metrics_of("ratings")[0]),
    ]
    others = [
        each
        for each in (*compared, *first)
        if (each.k is None) != (primary.k is None) and each.name in leaderboard
    ]
    return sorted([primary, *others[:1]], key=lambda each: each.k is None)


def leaderboard_table(
    rows: pd.DataFrame, sorted_by: Measure, other: OtherTies | None = None
) -> Table:
    """Return one row per model; the best value of each column is marked with a star."""
    shown = [each for each in columns_of(rows, sorted_by) if each.name in rows]
    k = shown_k(rows)
    if other:
        rows, shown = other.beside(rows, shown, sorted_by)
    kind = "Ratings" if sorted_by.k is None else f"Lists of {k}"
    table = Table(
        title=f"{kind}, sorted by {sorted_by.name}",
        title_justify="left",
        box=box.SIMPLE_HEAD,
        padding=0,
        pad_edge=False,
    )
    table.add_column(MODEL, no_wrap=True)
    for each in shown:
        heading = each.metric.heading if each.k in (None, k) else each.heading
        table.add_column(f"{heading} ", justify="right", no_wrap=True)
    table.add_column("fit s", justify="right", no_wrap=True)
    best = {each.name: best_of(rows[each.name], each) for each in shown}
    for _, row in rows.iterrows():
        cells = [cell(row[each.name], best[each.name], each) for each in shown]
        seconds = row.get(FIT_SECONDS)
        table.add_row(str(row[MODEL]), *cells, "-" if pd.isna(seconds) else f"{seconds:.1f}")
    return table


def columns_of(rows: pd.DataFrame, sorted_by: Measure) -> Iterator[Measure]:
    """Yield the metrics that are columns of a table, including the one that sorts it."""
    k = shown_k(rows)
    kinds = ("ratings",) if sorted_by.k is None else ("list", "all lists")
    shown = [
        Measure(metric, None if metric.of == "ratings" else k)
        for kind in kinds
        for metric in metrics_of(kind)
        if metric.on_terminal
    ]
    if sorted_by not in shown:
        yield sorted_by
        shown = shown[:-2]  # its heading may be as long as two; more would not fit 80 characters
    yield from shown


def shown_k(rows: pd.DataFrame) -> int:
    """Return the length of list in the table that is closest to 10."""
    found = [re.fullmatch(r".+_at_(\d+)", str(name)) for name in rows]
    return length_shown(int(match[1]) for match in found if match)


def best_of(values: pd.Series, each: Measure) -> float:
    """Return the best value of a column."""
    return float(values.max() if each.metric.higher_is_better else values.min())


def cell(value: float, best: float, each: Measure) -> str:
    """Return the value with three digits, and a star if it is the best; a dash for NaN."""
    if pd.isna(value):
        return "- "
    return f"{in_digits(value, each, best)}{'*' if value == best else ' '}"


def sentences(rows: pd.DataFrame, differences: pd.DataFrame, found: Measure) -> Iterator[str]:
    """Yield sentences on which adjacent rows of a table differ significantly, and which do not."""
    pairs = differences[differences[METRIC] == found.name].set_index([MODEL, OTHER])
    differ, alike = [], []
    for first, second in pairwise(rows[MODEL]):
        verdict = pairs[VERDICT].get((first, second))
        if verdict == NO_DIFFERENCE:
            alike.append(f"{first} and {second}")
        elif isinstance(verdict, str):
            differ.append(f"{first} is {verdict} than {second}")
    users = int(pairs[USERS].max()) if len(pairs) else 0
    if differ or alike:
        yield f"Paired differences in {found.name} over {users} users, 95 % intervals:"
    elif len(rows) > 1:
        whose = "one user" if users == 1 else f"{users} users with the same differences"
        reason = (
            f"the values of {found.name} are those of {whose}, so they have no interval"
            if users
            else f"no user has a value of {found.name}"
        )
        yield f"No paired differences: {reason}."
    if differ:
        yield f"{'; '.join(differ)}."
    if alike:
        yield f"{NO_DIFFERENCE.capitalize()} between {'; '.join(alike)}."


def reasons_of(leaderboard: pd.DataFrame) -> dict[str, str]:
    """Return the models that were left out, each with the reason."""
    reasons = leaderboard.set_index(MODEL)[LEFT_OUT].dropna()
    return {str(model): str(reason) for model, reason in reasons.items()}
