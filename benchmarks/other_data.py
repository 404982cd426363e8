"""One set of options on tables of other sizes and densities: thinned MovieLens, and your own.

    python benchmarks/other_data.py [--csv NAME=ratings.csv ...] [--seeds 1 2 3] [--thin-to 0.25]
    python benchmarks/other_data.py --movielens ml-1m --thin-to --seeds 1 [--env ml-1m]
    python benchmarks/other_data.py --published data/01_raw/lastfm

The committed options (conf/base, or --env) are used as they are. Each table is MovieLens 100K from
data/01_raw with a share of its rows, users or items, or a CSV with the columns user_id, item_id
and, if there are any, rating. It is cut to the core and split as conf/base says. Then every model
is fitted as committed, and again with its penalties multiplied by each factor of a ladder. The
factor with the best validation is the best that a user could have tuned.

A line has the metric on the test part, mean over the seeds of the split: as committed, the ladder's
choice, and the ladder itself on the validation part. One constant is right for all tables if the
first two agree. Models that learn from likes have NDCG@10; rating models have RMSE, fitted and
evaluated on all ratings without a core, 90/10.

--published reads train.csv, valid.csv and test.csv with the columns user and item. As papers do, it
fits on train, leaves out the items of train only, and prints NDCG@20.
"""

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from learning import ROOT, parameters_of

from collaborative_autoencoders.columns import ITEM, RATING, TIMESTAMP, USER
from collaborative_autoencoders.datasets.movielens import MovieLensDataset
from collaborative_autoencoders.evaluation.evaluate import count_owners
from collaborative_autoencoders.interactions import Interactions, core, ids, splitting
from collaborative_autoencoders.learning import validation
from collaborative_autoencoders.learning.fit_model import fit_model
from collaborative_autoencoders.learning.options import (
    RunningOptions,
    TrainingOptions,
    options_of_block,
)
from collaborative_autoencoders.learning.stacking import fit_members, fit_stack
from collaborative_autoencoders.metrics.table import measure_of_users
from collaborative_autoencoders.models import MODELS, models_for
from collaborative_autoencoders.models.model import Catalogue

LADDER = (0.25, 0.5, 1, 2, 4)
LIKES, RATINGS, PUBLISHED = "ndcg_at_10", "rmse", "ndcg_at_20"
PARTS = ("train", "valid", "test")
RATED = {"split": {"within": "global", "test_fraction": 0.1, "validation_fraction": 0.1}}
RATED |= {"core": {"k": 0}}


class World(NamedTuple):
    """A table, split."""

    split: splitting.Split
    catalogue: Catalogue
    about: str

    @property
    def parts(self) -> dict[str, Interactions]:
        """The parts that a model is fitted on."""
        return {"train": self.split.train, "validation": self.split.validation}


def tables(arguments: argparse.Namespace) -> Iterator[tuple[str, pd.DataFrame]]:
    """The tables by name."""
    whole = MovieLensDataset(
        name=arguments.movielens, path=str(ROOT / "data/01_raw"), table="ratings"
    )
    ratings = whole.load().drop(columns=TIMESTAMP)
    yield arguments.movielens, ratings
    for share in arguments.thin_to:
        for kind in ("rows", "users", "items"):
            yield f"{share:g} of its {kind}", thinned(ratings, kind, share)
    for name, file in arguments.csv:
        yield name, pd.read_csv(file)


def thinned(ratings: pd.DataFrame, kind: str, share: float) -> pd.DataFrame:
    """A random share of the rows, or all rows of a random share of the users or items."""
    random = np.random.default_rng(0)
    if kind == "rows":
        return ratings[random.random(len(ratings)) < share]
    column = ratings[USER if kind == "users" else ITEM]
    every = column.unique()
    return ratings[column.isin(every[random.random(len(every)) < share])]


def world_of(table: pd.DataFrame, parameters: dict[str, Any], seed: int) -> World:
    """The table's core and split, as the parameters say."""
    core_options = core.CoreOptions.model_validate(parameters["core"])
    split_options = splitting.SplitOptions.model_validate(parameters["split"] | {"seed": seed})
    ratings, _ = core.keep_core(table, core_options)
    split = splitting.split_interactions(
        ratings, ids.index_ids(ratings), split_options, core_options.like_threshold
    )
    scale = (None, None)
    if RATING in ratings:
        scale = float(ratings[RATING].min()), float(ratings[RATING].max())
    likes_UI = split.train.likes
    about = f"{likes_UI.nnz:,} likes, {likes_UI.nnz / np.prod(likes_UI.shape):.2%}"
    return World(split, Catalogue(*split.train.shape, *scale), about)


def measured(model: Any, metric: str, history: Interactions, held_out: Interactions) -> float:
    """The metric on the held-out part."""
    measure = measure_of_users(metric)
    if measure.k is None:
        return validation.rating_metric(model, measure, history, held_out)
    return validation.list_metric(model, measure, history, held_out, count_owners(history))


def stacked(
    name: str,
    parameters: dict[str, Any],
    refit: bool,
    catalogue: Catalogue,
    parts: dict[str, Interactions],
) -> Any:
    """A stack, whose members are fitted first as the parameters say."""
    running = RunningOptions.model_validate(parameters["running"])
    own, *members = (
        options_of_block(each, parameters[each]) for each in (name, *MODELS[name].members)
    )
    return fit_stack(
        own, running, fit_members(members, refit, running, catalogue, **parts), **parts
    ).model


def compare_stack(name: str, worlds: list[World], parameters: dict[str, Any], metric: str) -> None:
    """Print the line of a stack."""
    figures, weights = [], []
    for world in worlds:
        model = stacked(name, parameters, True, world.catalogue, world.parts)
        history = world.split.train.joined(world.split.validation)
        figures.append(measured(model, metric, history, world.split.test))
        weights.append(" ".join(f"{share:.2f}" for share in model.weights_M))
    print(f"| {name} | {np.mean(figures):.4f} | | weights {', '.join(weights)} |", flush=True)


def both_figures(
    options: TrainingOptions, world: World, running: RunningOptions, metric: str
) -> tuple[float, float]:
    """The metric on validation, fitted on train, and on test, fitted on train + validation."""
    outcome = fit_model(options, True, running, world.catalogue, **world.parts)
    history = world.split.train.joined(world.split.validation)
    tested = measured(outcome.fitted.model, metric, history, world.split.test)
    if outcome.best_epoch is not None:
        return outcome.history[outcome.best_epoch - 1].validation or 0.0, tested
    on_train = fit_model(options, False, running, world.catalogue, **world.parts).fitted.model
    return measured(on_train, metric, world.split.train, world.split.validation), tested


def with_factor(name: str, block: dict[str, Any], factor: float) -> TrainingOptions:
    """The committed options with their penalties multiplied."""
    return options_of_block(name, block | {"model": block["model"] | {"penalty_factor": factor}})


def compare(
    name: str,
    worlds: list[World],
    parameters: dict[str, Any],
    metric: str,
    ladder: Sequence[float],
) -> None:
    """Print the line of one model."""
    sign = -1 if metric == RATINGS else 1
    running = RunningOptions.model_validate(parameters["running"])
    block = parameters[name]

    def figures_of(options: TrainingOptions) -> tuple[float, float]:
        figures = [both_figures(options, world, running, metric) for world in worlds]
        return tuple(np.mean(figures, axis=0))

    line = f"| {name} | {figures_of(options_of_block(name, block))[1]:.4f} | "
    if ladder and "penalty_factor" in block["model"]:
        figures = {factor: figures_of(with_factor(name, block, factor)) for factor in ladder}
        chosen = max(figures, key=lambda factor: sign * figures[factor][0])
        validated = ", ".join(f"{factor:g}: {each[0]:.4f}" for factor, each in figures.items())
        line += f"{figures[chosen][1]:.4f} (x {chosen:g}) | {validated} |"
    else:
        line += "| |"
    print(line, flush=True)


def compare_published(folder: Path, names: list[str], parameters: dict[str, Any]) -> None:
    """Print NDCG@20 of models on a published split of likes."""
    columns = {"user": USER, "item": ITEM}
    tables = [pd.read_csv(folder / f"{part}.csv").rename(columns=columns) for part in PARTS]
    known = ids.Ids(*ids.index_ids(pd.concat(tables)))
    shape = (len(known.users), len(known.items))
    train, held_out, test = (
        Interactions.from_rows(
            ids.known_indices(known.users, table[USER]),
            ids.known_indices(known.items, table[ITEM]),
            shape,
            ratings=None,
            times=None,
            like_threshold=1,
        )
        for table in tables
    )
    running = RunningOptions.model_validate(parameters["running"])
    catalogue, parts = Catalogue(*shape, None, None), {"train": train, "validation": held_out}
    for name in names:
        if MODELS[name].members:
            model = stacked(name, parameters, False, catalogue, parts)
        else:
            options = options_of_block(name, parameters[name])
            model = fit_model(options, False, running, catalogue, **parts).fitted.model
        print(f"| {name} | {measured(model, PUBLISHED, train, test):.4f} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--csv", nargs="*", default=[], type=lambda text: text.split("=", 1), metavar="NAME=FILE"
    )
    parser.add_argument("--movielens", default="ml-100k", choices=["ml-100k", "ml-1m"])
    parser.add_argument("--env", default="base", help="environment of the options")
    parser.add_argument("--ladder", nargs="*", type=float, default=LADDER)
    parser.add_argument("--published", type=Path, help="folder of train.csv, valid.csv, test.csv")
    parser.add_argument("--seeds", nargs="*", type=int, default=[1, 2, 3])
    parser.add_argument("--thin-to", nargs="*", type=float, default=[0.5, 0.25, 0.125])
    parser.add_argument("--likes", nargs="*", default=models_for("ranking"))
    parser.add_argument("--ratings", nargs="*", default=models_for("rating"))
    arguments = parser.parse_args()
    base = parameters_of(arguments.env)
    if arguments.published:
        compare_published(arguments.published, arguments.likes, base)
        return
    rated = base | {key: base[key] | value for key, value in RATED.items()}
    for title, table in tables(arguments):
        for metric, names, parameters in (
            (LIKES, arguments.likes, base),
            (RATINGS, arguments.ratings if RATING in table else [], rated),
        ):
            if names:
                worlds = [world_of(table, parameters, seed) for seed in arguments.seeds]
                print(f"\n### {title}: {worlds[0].about}\n")
                print(f"| {metric} | as committed | ladder | validation of the ladder |")
                print("|---|---:|---:|---|")
            for name in names:
                if MODELS[name].members:
                    compare_stack(name, worlds, parameters, metric)
                else:
                    compare(name, worlds, parameters, metric, arguments.ladder)


if __name__ == "__main__":
    main()
