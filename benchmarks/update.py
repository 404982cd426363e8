"""What a warm start saves: networks continued from their champions, against fits from nothing.

    kedro run --env ml-1m --pipelines data_engineering    # downloads the ratings
    python benchmarks/update.py [--env ml-1m] [--newer 0.1] [--models cdae autorec] [--below 3000]

The newest share of the ratings is the file of newer ratings, the rest is what the champion was
fitted on, with the options of the environment. Parts are those of `kedro run --pipelines update`.
Both fits have the same data, options and seed, and stop by the same rule. CPU seconds are of fit
and validation. The metric is that of the fit's validation; test is what the leaderboard would have;
`as good` is the first epoch that is as good as the best one of the fit from nothing.
"""

from collaborative_autoencoders.threads import let_waiting_threads_sleep

let_waiting_threads_sleep()  # as in settings.py: before torch is imported

import argparse
import time
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project

from collaborative_autoencoders.columns import ITEM, USER
from collaborative_autoencoders.interactions import cleaning, core, facts, ids, joining, splitting
from collaborative_autoencoders.interactions.core_shape import core_shape_of
from collaborative_autoencoders.learning.fit_model import Outcome, fit_model
from collaborative_autoencoders.learning.options import RunningOptions, options_of_block
from collaborative_autoencoders.learning.validation import validation_of
from collaborative_autoencoders.learning.warm_start import WarmStart
from collaborative_autoencoders.models.ensemble import members_of
from collaborative_autoencoders.models.model import Catalogue
from collaborative_autoencoders.models.registry import model_class

ROOT = Path(__file__).parents[1]


class Data(NamedTuple):
    """What models are fitted on and evaluated on."""

    split: splitting.Split
    ids: ids.Ids
    facts: dict[str, Any]

    def raw_ids(self, view: str) -> tuple[pd.Index, pd.Index]:
        """Return the raw ids of users and items that a model of this view knows, by index."""
        users, items = pd.Index(self.ids.users[USER]), pd.Index(self.ids.items[ITEM])
        if view == "ratings":
            return users, items
        n_users, n_items = core_shape_of(self.facts)
        return users[:n_users], items[:n_items]


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--env", default="ml-1m")
    parser.add_argument("--newer", type=float, default=0.1)
    parser.add_argument("--models", nargs="+", default=["cdae", "autorec"])
    parser.add_argument("--below", type=int, help="only users with ids below this one")
    asked = parser.parse_args()
    parameters, ratings = loaded(asked.env)
    options = cleaning.CleaningOptions.model_validate(parameters["cleaning"])
    if asked.below is not None:
        ratings = ratings[ratings[options.columns.user_id] < asked.below].reset_index(drop=True)
    time_N = ratings[options.columns.timestamp]
    is_newer_N = time_N > time_N.quantile(1 - asked.newer)
    old, newer = (ratings[rows].reset_index(drop=True) for rows in (~is_newer_N, is_newer_N))
    split = splitting.SplitOptions.model_validate(parameters["split"])
    before = data_of(cleaning.clean_ratings(old, options), split, parameters)
    fractions = ("test_fraction", "validation_fraction", "validation_of")
    by_date = joining.split_by_date(**{key: parameters["split"][key] for key in fractions})
    joined = joining.join_ratings(old, newer, options, by_date)
    by_part = joining.split_by_part(ties=split.ties, seed=split.seed)
    now = data_of(joined.ratings, by_part, parameters)
    print(f"{len(old):,} older and {len(newer):,} newer ratings, {joined.update.newer_pairs:,} new")
    print("model           start  epochs  best  as good  validation    test  CPU s")
    for name in asked.models:
        compare(name, before, now, parameters)


def loaded(env: str) -> tuple[dict[str, Any], pd.DataFrame]:
    """Return the parameters and the raw ratings of an environment."""
    bootstrap_project(ROOT)
    with KedroSession.create(project_path=ROOT, env=env) as session:
        context = session.load_context()
        return context.config_loader["parameters"], context.catalog.load("ratings")


def data_of(
    clean: pd.DataFrame, options: splitting.SplitOptions, parameters: dict[str, Any]
) -> Data:
    """Return core, ids and parts of clean ratings."""
    of_core = core.CoreOptions.model_validate(parameters["core"])
    scale = cleaning.CleaningOptions.model_validate(parameters["cleaning"]).rating_scale
    kept, others, report = core.keep_core(clean, of_core)
    raw = ids.index_ids(kept, others)
    sizes, threshold = ids.sizes_of(kept), of_core.like_threshold
    split = splitting.split_interactions(kept, raw, options, threshold, sizes, others)
    found = facts.describe(kept, threshold, scale, report.before.ratings, others)
    return Data(split, raw, found._asdict())


def compare(name: str, before: Data, now: Data, parameters: dict[str, Any]) -> None:
    """Print a row for the fit from nothing and one for the fit that continues the champion."""
    champion, _ = fitted(name, before, parameters)
    view = model_class(name).learns_from
    theirs, ours = before.raw_ids(view), now.raw_ids(view)
    index = [known.get_indexer(wanted) for known, wanted in zip(theirs, ours, strict=True)]
    networks: Any = members_of(champion.fitted.model)
    fitting, goal = options_of_block(name, parameters[name]).fitting, None
    sign, metric = 1 if fitting.higher_is_better else -1, fitting.validation_metric
    for start, warm in (("cold", None), ("warm", WarmStart(1, networks, *index))):
        outcome, seconds = fitted(name, now, parameters, warm)
        known = now.split.train.joined(now.split.validation)
        test = validation_of(metric, train=known, validation=now.split.test)(outcome.fitted.model)
        best = outcome.history[outcome.best_epoch - 1]
        goal = sign * best.validation if goal is None else goal
        reached = (each.epoch for each in outcome.history if sign * each.validation >= goal)
        print(
            f"{name:14s}  {start:5s}  {len(outcome.history):6d}  {best.epoch:4d}  "
            f"{next(reached, '–'):>7}  {best.validation:10.4f}  {test:6.4f}  {seconds:5.1f}",
            flush=True,
        )


def fitted(
    name: str, data: Data, parameters: dict[str, Any], warm: WarmStart | None = None
) -> tuple[Outcome, float]:
    """Return a fit as training makes it, and its CPU seconds."""
    running = RunningOptions.model_validate(parameters["running"] | {"checkpoint_seconds": None})
    options = options_of_block(name, parameters[name])
    catalogue = Catalogue.of(data.facts, model_class(name).learns_from)
    parts = {"train": data.split.train, "validation": data.split.validation}
    refit, started = parameters["training"]["refit"], time.process_time()
    outcome = fit_model(options, refit, running, catalogue, **parts, warm=warm)
    return outcome, time.process_time() - started


if __name__ == "__main__":
    main()
