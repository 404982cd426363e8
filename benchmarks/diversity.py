"""What diversity costs: NDCG against intra-list diversity, as `diversify` goes from 0 to 1.

    python benchmarks/diversity.py [--model ease] [--users 1000] [--movielens data/01_raw]
        [--figure docs/images/diversity.svg] [--history 541 924 1214 1 3114]

MovieLens 1M (`kedro run --env ml-1m` downloads it), cut to the core and split as conf/base says. A
model is fitted as committed, the lists of 10 of the first users are re-ranked as a request with
`diversify` does it, and compared with the test part. A line has the means over the users: NDCG, the
intra-list diversity, and the users who have rated a recommended item; the share of places with an
item of the long tail, and of the items that are in a list; and the CPU milliseconds of a list
beside those of the model. The second table has the list of an unknown user who liked the films of
`--history` (ids of MovieLens), as it is and diversified.
"""

from collaborative_autoencoders.threads import let_waiting_threads_sleep

let_waiting_threads_sleep()  # as in settings.py: before torch is imported

import argparse
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from learning import ROOT, parameters_of
from numpy.typing import NDArray

from collaborative_autoencoders.columns import HISTORY, ITEM, TIMESTAMP, TITLE, USER
from collaborative_autoencoders.datasets.movielens import MovieLensDataset
from collaborative_autoencoders.evaluation.evaluate import score_lists
from collaborative_autoencoders.evaluation.known import count_owners, histories_for
from collaborative_autoencoders.interactions import Interactions, core, ids, splitting, titles
from collaborative_autoencoders.interactions.lookup import Lookup
from collaborative_autoencoders.learning.fit_model import fit_model
from collaborative_autoencoders.learning.options import RunningOptions, options_of_block
from collaborative_autoencoders.metrics.beyond_accuracy import (
    average_popularity,
    count_recommended,
    long_tail_share,
)
from collaborative_autoencoders.metrics.diversity import intra_list_diversity, unit_likes
from collaborative_autoencoders.models.model import Catalogue
from collaborative_autoencoders.serving.recommender import Recommender
from collaborative_autoencoders.serving.requests import Wanted
from collaborative_autoencoders.tracking.drawn import to_svg

K = 10
STEPS = [step / 10 for step in range(11)]


class Served(NamedTuple):
    """A recommender, and the parts of the split that its lists are compared with."""

    recommender: Recommender
    train: Interactions
    test: Interactions


def served(name: str, folder: Path) -> Served:
    """Fit a model as committed, and return it with its data."""
    parameters = parameters_of("base")
    ratings, items = (
        MovieLensDataset(name="ml-1m", path=str(folder), table=table).load()
        for table in ("ratings", "items")
    )
    core_options = core.CoreOptions.model_validate(parameters["core"])
    table = core.keep_core(ratings.drop(columns=TIMESTAMP), core_options).core
    known_ids = ids.index_ids(table)
    split_options = splitting.SplitOptions.model_validate(parameters["split"])
    split = splitting.split_interactions(
        table, known_ids, split_options, core_options.like_threshold
    )
    parts = {"train": split.train, "validation": split.validation}
    fitted = fit_model(
        options_of_block(name, parameters[name]),
        True,
        RunningOptions.model_validate(parameters["running"]),
        Catalogue(*split.train.shape, 1, 5),
        **parts,
    ).fitted
    named = titles.name_items(
        items, known_ids.items, titles.TitleOptions.model_validate(parameters["titles"])
    )
    facts = {"rated": True, "lowest_rating": 1.0, "highest_rating": 5.0}
    lookup = Lookup(known_ids.users, named, facts, core_options.like_threshold)
    recommender = Recommender.of(fitted, lookup, histories_for(fitted, **parts))
    return Served(recommender, split.train, split.test)


def lists_of(recommender: Recommender, users: int, diversify: float) -> NDArray[np.int64]:
    """The lists of the first users, as indices of items."""
    table = pd.DataFrame({USER: recommender.users[USER].head(users)})
    columns = recommender.columns(table, Wanted(K, diversify=diversify))
    return recommender.item_ids.indices(columns[ITEM]).reshape(users, K)


def trade_off(world: Served, users: int) -> pd.DataFrame:
    """One row per weight, with the figures of its lists."""
    owners = count_owners(world.train)
    owners_I = owners.of_item_I
    unit_IV, test_likes = unit_likes(world.train.likes), world.test.likes[:users]
    lists_of(world.recommender, 1, 1.0)  # what is made for the first list
    rows = []
    for weight in STEPS:
        start = time.process_time()
        item_UK = lists_of(world.recommender, users, weight)
        seconds = time.process_time() - start
        recommended_I = count_recommended(item_UK, len(owners_I))
        scores = score_lists(item_UK, test_likes, owners, [K])
        rows.append(
            {
                "diversify": weight,
                "NDCG@10": scores[f"ndcg_at_{K}"].mean(),
                "diversity": np.nanmean(intra_list_diversity(item_UK, unit_IV)),
                "raters": average_popularity(recommended_I, owners_I),
                "long tail": long_tail_share(recommended_I, owners_I),
                "items": (recommended_I > 0).mean(),
                "ms": 1000 * seconds / users,
            }
        )
    return pd.DataFrame(rows)


def figure_of(table: pd.DataFrame, name: str) -> go.Figure:
    """The curve, with the weights beside its points."""
    x, y = table["diversity"], table["NDCG@10"]
    figure = go.Figure(go.Scatter(x=x, y=y, mode="lines+markers", name=name)).update_layout(
        title=f"Lists of {name} on MovieLens 1M, by the weight of diversity",
        xaxis_title="Intra-list diversity of lists of 10",
        yaxis_title="NDCG@10",
    )
    for weight, *point in zip(table["diversify"], x, y, strict=True):
        place = dict(zip("xy", point, strict=True))
        figure.add_annotation(**place, text=f"{weight:g}", showarrow=False, yanchor="bottom")
    return figure


def both_lists(recommender: Recommender, history: list[int], diversify: float) -> pd.DataFrame:
    """The titles of the list of an unknown user, as it is and diversified."""
    table = pd.DataFrame({HISTORY: [history]})
    weights = {"as it is": 0.0, f"diversify {diversify:g}": diversify}
    return pd.DataFrame(
        {
            heading: recommender.answer(table, Wanted(K, diversify=weight))[TITLE]
            for heading, weight in weights.items()
        }
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="ease")
    parser.add_argument("--users", type=int, default=1000)
    parser.add_argument("--movielens", type=Path, default=ROOT / "data/01_raw")
    parser.add_argument("--figure", type=Path, help="SVG file to write the curve to")
    parser.add_argument("--history", nargs="*", type=int, default=[541, 924, 1214, 1, 3114])
    parser.add_argument("--diversify", type=float, default=0.4, help="weight of the second list")
    arguments = parser.parse_args()
    world = served(arguments.model, arguments.movielens)
    print(both_lists(world.recommender, arguments.history, arguments.diversify).to_string())
    table = trade_off(world, arguments.users)
    print(table.round(4).to_string(index=False))
    if arguments.figure:
        arguments.figure.write_text(to_svg(figure_of(table, arguments.model)) or "")


if __name__ == "__main__":
    main()
