"""The k-core: the users and items that have at least k likes among one another."""

from typing import Annotated, Any, Literal, NamedTuple, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import Field

from collaborative_autoencoders.columns import ITEM, RATING, USER
from collaborative_autoencoders.options import MOST, Options

from .ids import encode, sizes_of

NEARLY_ALL = 0.95
"""The share of likes from which on the threshold is rather that of another scale."""

K = Annotated[int, Field(ge=0, le=MOST)]


class CoreOptions(Options):
    """Definition of a like, and the minimum number of likes per user and item."""

    min_rating: float | None
    """Lower ratings are removed first. null keeps all ratings."""

    counts: bool
    """Whether ratings are counts, such as plays or hours: each row of at least `min_rating` is then
    a like, and no model predicts its number."""

    like_threshold: float
    """A rating ≥ this value is a like. If the table has no ratings, every row is a like."""

    k: K
    """Minimum number of likes per user and per item. 0 keeps all users and items."""

    user_k: K | None
    """Minimum number of likes per user; null: k."""

    item_k: K | None
    """Minimum number of likes per item; null: k."""

    ratings: Literal["all", "core"]
    """Ratings that models of ratings learn from and are evaluated on: all, or those of the core.
    Lists are of the core in any case."""

    def keeps(self, rating_N: NDArray[np.floating]) -> NDArray[np.bool_]:
        """Return whether each rating is at least `min_rating`, shape (N,)."""
        if self.min_rating is None:
            return np.ones(len(rating_N), dtype=bool)
        return rating_N >= np.float32(self.min_rating)

    @property
    def likes_needed(self) -> tuple[int, int]:
        """The minimum number of likes per user and per item."""
        return (
            self.k if self.user_k is None else self.user_k,
            self.k if self.item_k is None else self.item_k,
        )


class TableSize(NamedTuple):
    """The size of a table of ratings."""

    users: int
    items: int
    ratings: int
    likes: int
    density: float
    """ratings / (users x items)."""

    @classmethod
    def of(cls, users: int, items: int, ratings: int, likes: int) -> Self:
        """Return the size with its density."""
        return cls(users, items, ratings, likes, ratings / (users * items))

    def __str__(self) -> str:
        return (
            f"{self.users:,} users x {self.items:,} items, {self.ratings:,} ratings "
            f"({self.likes:,} likes), density {100 * self.density:.3f} %"
        )


class CoreReport(NamedTuple):
    """The size of the table before and after the core."""

    before: TableSize
    """Counts of all ratings ≥ `min_rating`, before the core is taken."""

    after: TableSize
    rounds: int
    """Number of removal rounds. 0 means that no user or item was removed."""

    def __str__(self) -> str:
        n_outside = self.before.items - self.after.items
        return (
            f"Core: {self.before} -> {self.after}; rounds: {self.rounds}; items outside it, which "
            f"are never recommended: {n_outside:,}"
        )

    def as_dict(self) -> dict[str, Any]:
        """Return the report as a dict that can be written as JSON."""
        return {
            "before": self.before._asdict(),
            "after": self.after._asdict(),
            "rounds": self.rounds,
        }


class Kept(NamedTuple):
    """The ratings among the users and items of the core, the other ratings, and a report."""

    core: pd.DataFrame
    others: pd.DataFrame
    """Ratings of at least `min_rating` outside the core; none if models of ratings do not use
    them."""

    report: CoreReport


class _Remaining(NamedTuple):
    users_U: NDArray[np.bool_]
    items_I: NDArray[np.bool_]
    rounds: int


def keep_core(ratings: pd.DataFrame, options: CoreOptions) -> Kept:
    """Return the ratings among users and items with at least k likes each, and the others.

        k = 2     item 0 1 2              item 0 1
        user 0         5 4 .      user 0       5 4     Item 2 has one like and is removed. Then
        user 1         4 5 1  ->  user 1       4 5     user 2 has one like left and is removed.
        user 2         2 5 4

    Each round removes all users and items with fewer than k likes among the remaining rows, until
    none is left to remove. The result is the largest such table. Ratings below the like threshold
    between remaining users and items are kept. Raises ValueError if no rating remains.
    """
    if options.min_rating is not None and RATING in ratings:
        ratings = ratings[options.keeps(ratings[RATING].to_numpy())]
    if options.counts:
        ratings = ratings.drop(columns=RATING, errors="ignore")
    liked_N = likes_in(ratings, options.like_threshold)
    if not liked_N.any():
        highest = ratings[RATING].max() if len(ratings) else None
        raise ValueError(empty_core(len(ratings), 0, options, more_likes(highest)))
    kept_N, shape, rounds = _rows_kept(ratings, liked_N, options)
    core = (ratings if kept_N.all() else ratings[kept_N]).reset_index(drop=True)
    is_other_N = ~kept_N & (options.ratings == "all" and RATING in ratings)
    others = ratings[is_other_N].reset_index(drop=True)
    before = TableSize.of(*shape, len(ratings), int(liked_N.sum()))
    after = TableSize.of(*sizes_of(core), len(core), int(liked_N[kept_N].sum()))
    return Kept(core, others, CoreReport(before, after, rounds))


def _rows_kept(
    ratings: pd.DataFrame, liked_N: NDArray[np.bool_], options: CoreOptions
) -> tuple[NDArray[np.bool_], tuple[int, int], int]:
    """Return whether each row is in the core, the users and items before it, and the rounds.

    Raises ValueError if no row is.
    """
    (users_N, user_ids), (items_N, item_ids) = encode(ratings[USER]), encode(ratings[ITEM])
    likes = np.flatnonzero(liked_N)  # taking rows by number is several times faster than by mask
    shape = (len(user_ids), len(item_ids))
    remaining = _peel(users_N[likes], items_N[likes], shape, options.likes_needed)
    kept_N = remaining.users_U[users_N]
    kept_N &= remaining.items_I[items_N]
    if kept_N.any():
        return kept_N, shape, remaining.rounds
    largest_k = _largest_k(users_N[likes], items_N[likes], shape, max(options.likes_needed))
    raise ValueError(empty_core(len(ratings), len(likes), options, lower_k(largest_k, options)))


def about_counts(ratings: pd.DataFrame, options: CoreOptions) -> str | None:
    """Return what to change if the ratings look like counts and are not read as counts.

        1 1 1 2 3 60  ->  counts: the highest is above 10 and 10 medians; so are 1 -1 1 2 3 60

    Of counts, return how many rows without a positive one are likes. None if there is nothing to
    say, as of ratings of a scale.
    """
    if RATING not in ratings:
        return None
    rating_N = ratings[RATING].to_numpy()
    if options.counts:
        return about_no_counts(int(np.count_nonzero((rating_N <= 0) & options.keeps(rating_N))))
    if not look_like_counts(np.median(np.abs(rating_N)), rating_N.max()):
        return None
    return advise_counts(rating_N.min(), rating_N.max(), len(np.unique(rating_N)))


def about_likes(before: TableSize, options: CoreOptions) -> str | None:
    """Return what to change if nearly all ratings are likes, so that a low one is a hit too.

    None if there is nothing to say, as if lower ratings were removed first.
    """
    removed = options.min_rating is not None and options.min_rating >= options.like_threshold
    if options.counts or removed or before.likes < NEARLY_ALL * before.ratings:
        return None
    return (
        f"{before.likes:,} of {before.ratings:,} ratings are likes: core.like_threshold is "
        f"{options.like_threshold:g}. Set it to the lowest rating of a like on the scale of these "
        "ratings; if all of them are likes, set core.min_rating to it too"
    )


def look_like_counts(median: float, highest: float) -> bool:
    """Return whether ratings of this median size, without the sign, are rather counts.

    Counts may have returns and corrections below 0.
    """
    return bool(highest > 10 * max(1, median))


def advise_counts(lowest: float, highest: float, distinct: int) -> str:
    """Return what to change if ratings with so many distinct values are counts."""
    return (
        f"ratings up to {highest:,.10g} with {distinct:,} distinct values look "
        "like counts. If they are, their RMSE means little: set `core.counts: true` (every row "
        "is a like) and `core.min_rating` to the lowest count of a like "
        + ("(null: any)." if lowest > 0 else "(null: any, those of 0 or below too).")
    )


def about_no_counts(rows: int) -> str | None:
    """Return what to change if so many likes have a count of 0 or below; None if none has."""
    if not rows:
        return None
    return (
        f"{rows:,} rows have a count of 0 or below, such as returns, and are likes. If they are "
        "none, set `core.min_rating` to the lowest count of a like, above 0."
    )


def likes_in(ratings: pd.DataFrame, like_threshold: float) -> NDArray[np.bool_]:
    """Return whether each row is a like, shape (N,). Without ratings every row is a like."""
    if RATING not in ratings:
        return np.ones(len(ratings), dtype=bool)
    return (ratings[RATING] >= np.float32(like_threshold)).to_numpy()


def _peel(
    users_L: NDArray[np.int32],
    items_L: NDArray[np.int32],
    shape: tuple[int, int],
    likes_needed: tuple[int, int],
) -> _Remaining:
    """Return the remaining users and items, given one row per like.

    Each round updates the counts by the rows that the previous round removed.
    """
    likes_U = np.bincount(users_L, minlength=shape[0])
    likes_I = np.bincount(items_L, minlength=shape[1])
    rounds = 0
    while True:
        users_U, items_I = likes_U >= likes_needed[0], likes_I >= likes_needed[1]
        keep_L = users_U[users_L] & items_I[items_L]
        if keep_L.all():
            return _Remaining(users_U, items_I, rounds)
        likes_U -= np.bincount(users_L[~keep_L], minlength=shape[0])
        likes_I -= np.bincount(items_L[~keep_L], minlength=shape[1])
        users_L, items_L = users_L[keep_L], items_L[keep_L]
        rounds += 1


def _largest_k(
    users_L: NDArray[np.int32], items_L: NDArray[np.int32], shape: tuple[int, int], k: int
) -> int:
    """Return the largest number of likes below k that some users and items have."""
    while k > 1:
        k -= 1
        if _peel(users_L, items_L, shape, (k, k)).users_U.any():
            break
    return k


def lower_k(largest_k: int, options: CoreOptions) -> str:
    """Return the fix for a core that is empty, if `largest_k` leaves something."""
    fix = f"The largest core.k that leaves something is {largest_k}: set core.k: {largest_k}."
    if options.likes_needed != (options.k, options.k):
        fix += " Set core.user_k and core.item_k to null, or to at most it."
    return fix


def empty_core(ratings: int, likes: int, options: CoreOptions, fix: str) -> str:
    """Return why the core is empty, given the number of ratings and of likes."""
    return (
        f"core.min_rating: {options.min_rating}, core.like_threshold: {options.like_threshold} "
        f"and core.k: {options.likes_needed[0]} per user, {options.likes_needed[1]} per item leave "
        f"nothing: of {ratings:,} ratings, {likes:,} are likes. {fix}"
    )


def more_likes(highest: float | None) -> str:
    """Return the fix for a table without likes, given its highest rating; None: it has no rows."""
    if highest is None:
        return "Lower core.min_rating, or set it to null."
    return f"The highest rating is {highest:g}: set core.like_threshold to at most it."
