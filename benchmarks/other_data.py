"""One set of options on tables of other sizes and densities: thinned MovieLens, and your own.

    python benchmarks/other_data.py [--csv NAME=FOLDER ...] [--seeds 1 2 3] [--thin-to 0.25]
    python benchmarks/other_data.py --movielens ml-1m --thin-to --seeds 1 [--env ml-1m]
    python benchmarks/other_data.py --published data/01_raw/lastfm

The committed options (conf/base, or --env) are used as they are. Each table is MovieLens 100K from
data/01_raw with a share of its rows, users or items, or all CSV files of a folder together (or one
file), with the columns user, item and, if there are any, rating. It is cut to the core and split as
conf/base says. Then every model is fitted as committed, and again with its penalties multiplied by
each factor of a ladder. The factor with the best validation is the best that a user could have
tuned.

A line has the metric on the test part, mean over the seeds of the split: as committed, with half of
the 95 % interval over users (or ratings) of one split, by the ladder's choice, and the ladder
itself on the validation part. One constant is right for all tables if the first two agree. Models
that learn from likes have NDCG@10; rating models have RMSE, fitted and evaluated on all ratings
without a core, 90/10.

--published reads train.csv, valid.csv and test.csv with the columns user and item. As papers do, it
fits on train, leaves out the items of train only, and prints NDCG@20.
"""

from collaborative_autoencoders.threads import let_waiting_threads_sleep

let_waiting_threads_sleep()  # as in settings.py: before torch is imported

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from learning import ROOT, parameters_of
from numpy.typing import NDArray

from collaborative_autoencoders.columns import ITEM, RATING, TIMESTAMP, USER
from collaborative_autoencoders.datasets.movielens import MovieLensDataset
from collaborative_autoencoders.interactions import Interactions, core, ids, splitting
from collaborative_autoencoders.learning import validation
from collaborative_autoencoders.learning.fit_model import fit_model
from collaborative_autoencoders.learning.options import (
    RunningOptions,
    options_of_block,
)
from collaborative_autoencoders.learning.stacking import fit_members, fit_stack
from collaborative_autoencoders.metrics.table import measure_of_users
from collaborative_autoencoders.models import MODELS, models_for
from collaborative_autoencoders.models.model import Catalogue

Values = NDArray[np.float64]
FACTOR = "penalty_factor"
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
    for name, path in arguments.csv:
        yield name, pd.concat(map(read_csv, sorted(Path(path).glob("*.csv")) or [Path(path)]))


def read_csv(file: Path) -> pd.DataFrame:
    """The table of a file with the columns user and item, under the project's names."""
    return pd.read_csv(file).rename(columns={"user": USER, "item": ITEM})


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
    ratings = core.keep_core(table, core_options).core
    split = splitting.split_interactions(
        ratings, ids.index_ids(ratings), split_options, core_options.like_threshold
    )
    scale = (None, None)
    if RATING in ratings:
        scale = float(ratings[RATING].min()), float(ratings[RATING].max())
    likes_UI = split.train.likes
    about = f"{likes_UI.nnz:,} likes, {likes_UI.nnz / np.prod(likes_UI.shape):.2%}"
    return World(split, Catalogue(*split.train.shape, *scale), about)


def values_of(model: Any, metric: str, history: Interactions, held_out: Interactions) -> Values:
    """The metric of each user on the held-out part, or the squared error of each rating."""
    measure = measure_of_users(metric)
    if measure.k is None:
        return validation.rating_values(model, measure, history, held_out)
    return validation.list_values(model, measure, train=history, validation=held_out)


def measured(values_V: Values, metric: str) -> float:
    """The metric, given its values."""
    return float(measure_of_users(metric).metric.of_mean(np.nanmean(values_V)))


def reach(values_V: Values, metric: str = LIKES) -> float:
    """Half of the 95 % interval of the metric, by the normal distribution of a mean."""
    error = 1.96 * np.nanstd(values_V) / np.sqrt(np.count_nonzero(np.isfinite(values_V)))
    return float(error / (2 * measured(values_V, metric)) if metric == RATINGS else error)


def running_of(parameters: dict[str, Any]) -> RunningOptions:
    """The options of running."""
    return RunningOptions.model_validate(parameters["running"])


def stacked(
    name: str,
    parameters: dict[str, Any],
    refit: bool,
    catalogue: Catalogue,
    parts: dict[str, Interactions],
) -> Any:
    """A stack, whose members are fitted first as the parameters say."""
    running = running_of(parameters)
    own, *members = (
        options_of_block(each, parameters[each]) for each in (name, *MODELS[name].members)
    )
    return fit_stack(
        own, running, fit_members(members, refit, running, catalogue, **parts), **parts
    ).model


def both_values(
    name: str, block: dict[str, Any], world: World, parameters: dict[str, Any], metric: str
) -> tuple[float, Values]:
    """The metric on validation, fitted on train; its values on test, fitted on train + validation.

    A stack is fitted once and has no figure on validation.
    """
    train, held_out, test = world.split
    history = train.joined(held_out)
    if MODELS[name].members:
        model = stacked(name, parameters, True, world.catalogue, world.parts)
        return np.nan, values_of(model, metric, history, test)
    options, running = options_of_block(name, block), running_of(parameters)
    outcome = fit_model(options, True, running, world.catalogue, **world.parts)
    tested_V = values_of(outcome.fitted.model, metric, history, test)
    if outcome.best_epoch is not None:
        return outcome.history[outcome.best_epoch - 1].validation or 0.0, tested_V
    on_train = fit_model(options, False, running, world.catalogue, **world.parts).fitted.model
    return measured(values_of(on_train, metric, train, held_out), metric), tested_V


def compare(
    name: str,
    worlds: list[World],
    parameters: dict[str, Any],
    metric: str,
    ladder: Sequence[float],
) -> list[Values]:
    """Print the line of one model, and return its values on the test part of each world."""
    sign = -1 if metric == RATINGS else 1
    block = parameters[name]

    def of_worlds(changes: dict[str, float]) -> tuple[float, list[Values]]:
        changed = block | {"model": block["model"] | changes}
        both = [both_values(name, changed, world, parameters, metric) for world in worlds]
        return float(np.mean([figure for figure, _ in both])), [values for _, values in both]

    def on_test(values: list[Values]) -> str:
        return f"{np.mean([measured(each, metric) for each in values]):.4f}"

    _, committed = of_worlds({})
    half = np.mean([reach(each, metric) for each in committed])
    line = f"| {name} | {on_test(committed)} ± {half:.4f} | "
    if ladder and FACTOR in block["model"]:
        rungs = {factor: of_worlds({FACTOR: factor}) for factor in ladder}
        chosen = max(rungs, key=lambda factor: sign * rungs[factor][0])
        validated = ", ".join(f"{factor:g}: {figure:.4f}" for factor, (figure, _) in rungs.items())
        line += f"{on_test(rungs[chosen][1])} (x {chosen:g}) | {validated} |"
    else:
        line += "| |"
    print(line, flush=True)
    return committed


def compare_with_best(values: dict[str, list[Values]]) -> None:
    """Print by how much networks and stack differ from the best of EASE and ItemKNN."""
    baselines = [name for name in ("ease", "itemknn") if name in values]
    if not baselines:
        return
    best = max(baselines, key=lambda name: np.mean([np.nanmean(each) for each in values[name]]))
    for name in values.keys() & {"cdae", "stack"}:
        pairs = [own - other for own, other in zip(values[name], values[best], strict=True)]
        gain, half = np.mean([(np.nanmean(each), reach(each)) for each in pairs], axis=0)
        print(f"{name} - {best}: {gain:+.4f} ± {half:.4f}", flush=True)


def compare_published(folder: Path, names: list[str], parameters: dict[str, Any]) -> None:
    """Print NDCG@20 of models on a published split of likes."""
    tables = [read_csv(folder / f"{part}.csv") for part in PARTS]
    known = ids.index_ids(pd.concat(tables))
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
    catalogue, parts = Catalogue(*shape, None, None), {"train": train, "validation": held_out}
    for name in names:
        if MODELS[name].members:
            model = stacked(name, parameters, False, catalogue, parts)
        else:
            options = options_of_block(name, parameters[name])
            model = fit_model(
                options, False, running_of(parameters), catalogue, **parts
            ).fitted.model
        figure = measured(values_of(model, PUBLISHED, train, test), PUBLISHED)
        print(f"| {name} | {figure:.4f} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--csv", nargs="*", default=[], type=lambda text: text.split("=", 1), metavar="NAME=FOLDER"
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
            values = {
                name: compare(name, worlds, parameters, metric, arguments.ladder) for name in names
            }
            if metric == LIKES:
                compare_with_best(values)


if __name__ == "__main__":
    main()
