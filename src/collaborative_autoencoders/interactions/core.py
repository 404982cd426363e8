"""The core: users and items with enough likes, found by peeling the others off."""

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import Field

from collaborative_autoencoders.columns import ITEM, RATING, USER
from collaborative_autoencoders.options import Options

from .ids import encode


class CoreOptions(Options):
    """What counts as a like, and how many of them a user and an item need."""

    min_rating: float | None
    """Ratings below it are dropped before anything else; null keeps all."""

    like_threshold: float
    """A rating ≥ this is a like. Without ratings every row is a like."""

    k: int = Field(ge=0)
    """At least so many likes per user and per item; 0 keeps everybody."""


class Counts(NamedTuple):
    """The size of a table of ratings."""

    users: int
    items: int
    ratings: int
    likes: int
    density: float
    """ratings / (users x items)."""

    def __str__(self) -> str:
        return (
            f"{self.users:,} users x {self.items:,} items, {self.ratings:,} ratings "
            f"({self.likes:,} likes), density {100 * self.density:.3f} %"
        )


class CoreReport(NamedTuple):
    """What the core made of the table."""

    before: Counts
    """Once the ratings below `min_rating` are gone: all users, items and ratings, liked or not."""

    after: Counts
    rounds: int
    """How often someone had to go; 0: everybody had enough likes."""

    def __str__(self) -> str:
        return f"Core: {self.before} -> {self.after}; rounds: {self.rounds}"

    def as_dict(self) -> dict[str, Any]:
        """The report as JSON takes it."""
        return {
            "before": self.before._asdict(),
            "after": self.after._asdict(),
            "rounds": self.rounds,
        }


class _Survivors(NamedTuple):
    users_U: NDArray[np.bool_]
    items_I: NDArray[np.bool_]
    rounds: int


def keep_core(ratings: pd.DataFrame, options: CoreOptions) -> tuple[pd.DataFrame, CoreReport]:
    """The ratings among users and items with at least k likes from one another, and a report.

        k = 2     item 0 1 2              item 0 1
        user 0         5 4 .      user 0       5 4     Item 2 has one like and goes; so does user 2,
        user 1         4 5 1  ->  user 1       4 5     who has one left. The core is the largest
        user 2         2 5 4                           table that needs nobody to go.

    Peeled by rounds: everybody with fewer than k likes goes at once, until nobody has to. The lower
    ratings between those who stay stay too. Raises ValueError if nothing is left, with the keys.
    """
    if options.min_rating is not None and RATING in ratings:
        ratings = ratings[ratings[RATING] >= np.float32(options.min_rating)]
    liked_N = likes_in(ratings, options.like_threshold)
    if not liked_N.any():
        raise ValueError(_nothing_left(liked_N, options))
    (users_N, user_ids), (items_N, item_ids) = encode(ratings[USER]), encode(ratings[ITEM])
    likes = np.flatnonzero(liked_N)  # rows are taken by number: several times as quick as by mask
    stay = _peel(users_N[likes], items_N[likes], (len(user_ids), len(item_ids)), options.k)
    kept_N = stay.users_U[users_N] & stay.items_I[items_N]
    if not kept_N.any():
        raise ValueError(_nothing_left(liked_N, options))
    core = ratings[kept_N].reset_index(drop=True)
    before = _counts(len(user_ids), len(item_ids), liked_N)
    after = _counts(int(stay.users_U.sum()), int(stay.items_I.sum()), liked_N[kept_N])
    return core, CoreReport(before, after, stay.rounds)


def likes_in(ratings: pd.DataFrame, like_threshold: float) -> NDArray[np.bool_]:
    """Which rows are likes, shape (N,): all of them where the table has no ratings."""
    if RATING not in ratings:
        return np.ones(len(ratings), dtype=bool)
    return (ratings[RATING] >= np.float32(like_threshold)).to_numpy()


def _peel(
    users_L: NDArray[np.int32], items_L: NDArray[np.int32], shape: tuple[int, int], k: int
) -> _Survivors:
    """Who stays, from one row per like. Each round counts only what the last one took away."""
    likes_U = np.bincount(users_L, minlength=shape[0])
    likes_I = np.bincount(items_L, minlength=shape[1])
    rounds = 0
    while True:
        users_U, items_I = likes_U >= k, likes_I >= k
        stays_L = users_U[users_L] & items_I[items_L]
        if stays_L.all():
            return _Survivors(users_U, items_I, rounds)
        likes_U -= np.bincount(users_L[~stays_L], minlength=shape[0])
        likes_I -= np.bincount(items_L[~stays_L], minlength=shape[1])
        users_L, items_L = users_L[stays_L], items_L[stays_L]
        rounds += 1


def _counts(n_users: int, n_items: int, liked_N: NDArray[np.bool_]) -> Counts:
    n_ratings = len(liked_N)
    return Counts(n_users, n_items, n_ratings, int(liked_N.sum()), n_ratings / (n_users * n_items))


def _nothing_left(liked_N: NDArray[np.bool_], options: CoreOptions) -> str:
    return (
        f"core.min_rating: {options.min_rating}, core.like_threshold: {options.like_threshold} "
        f"and core.k: {options.k} leave nothing: of {len(liked_N):,} ratings {liked_N.sum():,} "
        "are likes, and no group of users and items has k of them each. Lower one of the three."
    )
