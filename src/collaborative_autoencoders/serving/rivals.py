"""The registered versions that a promotion compares, on the data in data/."""

from typing import Literal, NamedTuple

import numpy as np
import pandas as pd

from collaborative_autoencoders.columns import ITEM, USER
from collaborative_autoencoders.evaluation.options import EvaluationOptions
from collaborative_autoencoders.evaluation.versions import Comparison, compare_versions
from collaborative_autoencoders.interactions import Interactions, View
from collaborative_autoencoders.interactions.lookup import Lookup
from collaborative_autoencoders.interactions.sparse import cells_of
from collaborative_autoencoders.metrics.table import Measure
from collaborative_autoencoders.models.model import RatingModel
from collaborative_autoencoders.models.registry import networks_in

from . import model_versions
from .fit_seeds import differ_only_in_seed, fits_like
from .translated import Translated

OtherData = Literal["refuse", "grown", "allow"]

ALMOST_ALL = 0.9
"""Share of a version's pairs of user and item that data which have grown still have, at least."""

MOST = 0.5
"""Share of these pairs that have the rating they had, at least. Newer ratings change some; another
column of ratings or another scale changes most."""

DECIDED_BY = {
    "rated": "cleaning.columns.rating",
    "lowest_rating": "cleaning.rating_scale or cleaning.columns.rating",
    "highest_rating": "cleaning.rating_scale or cleaning.columns.rating",
    "likes": "cleaning.columns.rating or cleaning.duplicates",
}
"""The option that decides each fact about one raw table, by which two readings of it differ."""


class CurrentData(NamedTuple):
    """The data in data/, on which both versions are compared."""

    lookup: Lookup
    known: Interactions
    """Train and validation."""
    test: Interactions

    def seen_by(self, view: View) -> "CurrentData":
        """Return what models of this view know of: the core, or all."""
        known, test = self.known.seen_by(view), self.test.seen_by(view)
        return CurrentData(self.lookup.seen_by(view), known, test)

    @property
    def users(self) -> pd.Series:
        """Raw ids of users, each at its index."""
        return self.lookup.users[USER]

    @property
    def items(self) -> pd.Series:
        """Raw ids of items, each at its index."""
        return self.lookup.items[ITEM]


class Rivals(NamedTuple):
    """Two configurations, each with one version per fit; the first is the version in question."""

    champions: list[Translated]
    challengers: list[Translated]

    def compare(
        self, data: CurrentData, metric: Measure, evaluation: EvaluationOptions
    ) -> Comparison:
        """Return the comparison on the test ratings that no version has seen."""
        data = data.seen_by(self.champions[0].learns_from)
        return compare_versions(
            champions=self.champions,
            challengers=self.challengers,
            known=data.known,
            test=data.test,
            measure=metric,
            options=evaluation,
        )


def load_rivals(
    name: str,
    champion: int,
    challenger: int,
    *,
    data: CurrentData,
    metric: Measure,
    fit_seeds: int,
    other_data: OtherData,
) -> Rivals:
    """Return both versions, and further fits of their configurations if `fit_seeds` is above 1.

    Raises ValueError, with the reason, if they cannot be compared: a version cannot be read or was
    fitted on other data, the model has no such metric, or fits are missing.
    """
    sides: list[list[Translated]] = []
    for number in (champion, challenger):
        fits = fits_of(name, number, fit_seeds)
        sides.append([load(name, each, data, other_data) for each in fits])
    if metric.k is None and not isinstance(sides[0][0], RatingModel):
        raise ValueError(f"{name} does not predict ratings: it has no {metric.name}")
    if fit_seeds > 1 and differ_only_in_seed(name, champion, challenger):
        raise ValueError(
            f"version {challenger} differs from version {champion} only in fitting.seed: which of "
            "them is better is luck of the fit"
        )
    return Rivals(*sides)


def fits_of(name: str, number: int, fit_seeds: int) -> list[int]:
    """Return the versions that stand for the configuration of this one, this one first.

    Raises ValueError if fewer fits than `fit_seeds` are registered.
    """
    seeded = networks_in(name)
    if fit_seeds == 1 or not seeded:
        return [number]
    found = fits_like(name, number, fit_seeds)
    if len(found) < fit_seeds:
        raise ValueError(
            f"promotion.fit_seeds is {fit_seeds}, and only {len(found)} of the registered versions "
            f"have the configuration of version {number} with different seeds: register more with "
            f"`kedro run --params {','.join(f'{each}.fitting.seed=…' for each in seeded)}` and "
            "otherwise the same parameters, or lower promotion.fit_seeds"
        )
    return found


def load(name: str, number: int, data: CurrentData, other_data: OtherData) -> Translated:
    """Return a version, with the indices of the current data.

    Raises ValueError if it cannot be read, or was fitted on other data and `other_data` does not
    accept them.
    """
    try:
        recommender = model_versions.load(name, number)
    except ValueError as error:
        raise ValueError(f"version {number}: {error}") from None
    data = data.seen_by(recommender.model.learns_from)
    version = Translated.of(recommender, data.users, data.items)
    other = None if other_data == "allow" else difference_of_data(version, data, other_data)
    if other:
        raise ValueError(
            f"version {number} {other}: set promotion.other_data: allow to compare them"
        )
    return version


def difference_of_data(
    version: Translated, data: CurrentData, other_data: OtherData = "refuse"
) -> str | None:
    """Return how a version's data differ from the current data, or None if they are equal.

    With `grown`, also None if the current data hold almost all of the version's ratings, most of
    them with the same value.
    """
    recommender, ours = version.recommender, data.lookup.facts
    theirs = recommender.data
    if theirs["rated"] and recommender.like_threshold != data.lookup.like_threshold:
        return (
            f"has likes from {recommender.like_threshold:g} on, and data/ from "
            f"{data.lookup.like_threshold:g} on (core.like_threshold)"
        )
    if theirs["checksum"] != ours["checksum"]:
        differ = (
            f"was fitted on {theirs['data_set']} ({theirs['checksum'][:8]}), "
            f"and data/ holds {ours['data_set']} ({ours['checksum'][:8]})"
        )
        if other_data == "refuse":
            return differ
        pairs, same = shares_of_ratings(version, data)
        if pairs < ALMOST_ALL:
            return f"{differ} with {pairs:.0%} of its ratings"
        if same < MOST * pairs:
            others = "another cleaning.columns.rating, or another scale"
            return f"{differ} with the values of {same:.0%} of its ratings: {others}"
        return None
    users, items = recommender.users[USER], recommender.items[ITEM]
    if not (users.equals(data.users) and items.equals(data.items)):
        return (
            f"has another catalogue: its ids ({len(users)} users x {len(items)} items) differ from "
            f"those in data/ ({len(data.users)} x {len(data.items)})"
        )
    for fact, option in DECIDED_BY.items():
        if fact in theirs and theirs[fact] != ours[fact]:
            return (
                f"was fitted on these data with {fact} {theirs[fact]}, and data/ has {ours[fact]}: "
                f"another {option}"
            )
    return None


def shares_of_ratings(version: Translated, data: CurrentData) -> tuple[float, float]:
    """Return which share of a version's pairs of user and item the current data have.

    The second number is the share that they have with the same rating.
    """
    theirs_UI = version.seen_UI
    pairs = same = 0
    for part in (data.known, data.test):
        _, their_N, our_N = np.intersect1d(
            cells_of(theirs_UI), cells_of(part.ratings), assume_unique=True, return_indices=True
        )
        pairs += len(our_N)
        is_same_N = theirs_UI.data[their_N] == part.ratings.data[our_N]
        same += int(np.count_nonzero(is_same_N))
    seen = max(1, version.recommender.seen_UI.nnz)
    return pairs / seen, same / seen
