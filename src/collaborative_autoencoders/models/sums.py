"""Counts and sums of the ratings that a formula is fitted on, the same in any order.

Each summand is rounded to a whole number of small units, 52 bits below the largest, and is added in
two halves, whose sums are whole numbers below 2^53. So the sums of what is rounded are exact, and
workers of a cluster that add up what each of them has find every bit of one machine (pre-rounding:
Demmel and Nguyen 2013, Fast Reproducible Floating-Point Summation, ARITH 21).

Dimension key: U users, I items, N ratings, G groups of ratings (of one user each, or of one item).
"""

from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from math import frexp
from typing import Any, NamedTuple, Protocol, Self, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from collaborative_autoencoders.interactions.sparse import count_each

Floats = NDArray[np.float64]

BITS = 26
"""Bits of each of the two halves of a summand. A group has at most 2^(53 − 26) = 134 million."""

PRIME = 2**31 - 1
OF_USER, OF_ITEM, OF_RATING = 198_491_317, 217_645_199, 256_203_221
"""Primes below 2^28, so that the products of a checksum stay below 2^63."""

ROWS_AT_ONCE = 2**16


class Halves(NamedTuple):
    """The two halves of numbers of a scale, arrays or columns of a table; or the sums of them."""

    large: Any
    small: Any


class Scale(NamedTuple):
    """The range of what is summed, which sets the units of its halves."""

    size: float
    """A power of two; no number is further from 0."""

    @classmethod
    def of(cls, largest: float) -> Self:
        """Return the scale of numbers that are at most this far from 0."""
        return cls(2.0 ** frexp(largest)[1] if largest else 1.0)

    @property
    def units(self) -> tuple[float, float]:
        """The units of the large and of the small half."""
        return self.size * 2.0**-BITS, self.size * 4.0**-BITS

    @property
    def squared(self) -> "Scale":
        """The scale of the squares of these numbers."""
        return Scale(self.size**2)

    def halves(self, values: Any, rint: Callable[[Any], Any] = np.rint) -> Halves:
        """Return the halves of numbers; `rint` rounds halves to even numbers."""
        unit, small_unit = self.units
        large = rint(values / unit)
        return Halves(large, rint((values - large * unit) / small_unit))

    def value(self, sums: Halves) -> Any:
        """Return the number with these sums of halves."""
        unit, small_unit = self.units
        return sums.large * unit + sums.small * small_unit


class RatingScale(NamedTuple):
    """The lowest and the highest rating of a fit, which set the units of its sums."""

    lowest: float
    highest: float

    @classmethod
    def of(cls, views: Iterable[csr_array]) -> Self:
        """Return the scale of several views, of which one has a rating."""
        values = [view_UI.data for view_UI in views if view_UI.nnz]
        return cls(
            min(float(values_N.min()) for values_N in values),
            max(float(values_N.max()) for values_N in values),
        )

    @property
    def of_ratings(self) -> Scale:
        """The scale of ratings above the lowest."""
        return Scale.of(self.highest - self.lowest)

    def levels(self, rows: "RatingRows", rint: Callable[[Any], Any] = np.rint) -> Any:
        """Return how far ratings are above the lowest, in small units: whole numbers up to 2^52."""
        return rint(rows.above(self.lowest) / self.of_ratings.units[1])


class ItemSums(NamedTuple):
    """The number of ratings of each item, their range, their sum and that of their squares."""

    lowest: float
    """The lowest rating. The sums are of ratings above it."""

    count_I: NDArray[np.int64]
    lowest_I: Floats
    highest_I: Floats
    total_I: Floats
    squares_I: Floats

    @property
    def mean(self) -> float:
        """The mean rating."""
        count = int(self.count_I.sum())
        return float((count * self.lowest + self.total_I.sum()) / count)

    def deviations(self, mean: float) -> Floats:
        """Return Σ_u (r_ui − mean), shape (I,)."""
        deviation_I: Floats = self.total_I - self.count_I * (mean - self.lowest)
        return deviation_I

    def scale_left_over(self, mean: float, item_bias_I: NDArray[np.float32]) -> Scale:
        """Return the scale of r_ui − mean − b_i, which may be far below that of the ratings."""
        rated_I = self.count_I > 0
        bias_I = item_bias_I[rated_I].astype(np.float64)
        ends = (self.lowest_I[rated_I], self.highest_I[rated_I])
        rests = (np.abs(RatingRows(None, None, end_I).left_over(mean, bias_I)) for end_I in ends)
        return Scale.of(max(float(rest_I.max()) for rest_I in rests))

    def moments(self, mean: float) -> "Moments":
        """Return the moments of the deviations from the mean, grouped by item."""
        count_I, level, rated_I = self.count_I, mean - self.lowest, self.count_I > 0
        deviation_I = self.deviations(mean)
        squares = self.squares_I - 2 * level * self.total_I + count_I * level**2
        explained_I = deviation_I[rated_I] ** 2 / count_I[rated_I]
        return Moments(
            groups=int(rated_I.sum()),
            deviations=int(count_I.sum()),
            squared_counts=int(np.square(count_I).sum()),
            total=float(deviation_I.sum()),
            squares=float(squares.sum()),
            explained=float(explained_I.sum()),
        )


class Moments(NamedTuple):
    """Sums over deviations that are in groups, a group having c deviations with the mean m."""

    groups: int
    """The number of groups with a deviation."""

    deviations: int
    """Σ c."""

    squared_counts: int
    """Σ c²."""

    total: float
    """The sum of all deviations."""

    squares: float
    """The sum of their squares."""

    explained: float
    """Σ c m²."""


class RatingSums(Protocol):
    """The rows of a fit, likes or ratings, of which counts and sums are found."""

    def count_items(self) -> NDArray[np.int64]:
        """Return the number of rows of each item, shape (I,)."""

    @property
    def of_items(self) -> ItemSums:
        """The sums of the ratings of each item."""

    def of_users(self, mean: float, item_bias_I: NDArray[np.float32]) -> Moments:
        """Return the moments of r_ui − mean − b_i, grouped by user."""


@runtime_checkable
class FittedBySums(Protocol):
    """A model that is fitted from counts and sums of its rows alone."""

    def fit_sums(self, rows: RatingSums) -> None:
        """Fit as `fit` does to the same rows."""


class RatingRows(NamedTuple):
    """Some rows of a fit, a rating each: arrays, or columns of a table."""

    user: Any
    item: Any
    rating: Any

    def above(self, lowest: float) -> Any:
        """Return how far the ratings are above the lowest."""
        return self.rating - lowest

    def left_over(self, mean: float, item_bias: Any) -> Any:
        """Return what mean and item biases leave of the ratings."""
        return self.rating - mean - item_bias


def mixed(user: Any, item: Any, level: Any) -> Any:
    """Return a number below 2^31 of each row, given whole numbers: arrays or columns of a table.

    Two sets of rows with the same sum of these numbers are the same but for an accident.
    """
    linear = (user * OF_USER + item * OF_ITEM + level % PRIME * OF_RATING + 1) % PRIME
    return linear * linear % PRIME * linear % PRIME


def blocks_of(view_UI: csr_array) -> Iterator[RatingRows]:
    """Yield the rows of a view, `ROWS_AT_ONCE` at a time."""
    start_U = view_UI.indptr
    for start in range(0, view_UI.nnz, ROWS_AT_ONCE):
        end = min(start + ROWS_AT_ONCE, view_UI.nnz)
        first, last = np.searchsorted(start_U, [start, end - 1], side="right") - 1
        in_block_U = np.clip(start_U[first : last + 2], start, end)
        user_N = np.repeat(np.arange(first, last + 1), in_block_U[1:] - in_block_U[:-1])
        yield RatingRows(
            user_N, view_UI.indices[start:end], view_UI.data[start:end].astype(np.float64)
        )


class Groups:
    """Adds up numbers and their squares by group."""

    def __init__(self, n_groups: int, scale: Scale) -> None:
        """Begin with sums of 0. No number is further from 0 than the scale says."""
        self.scale = scale
        self.count_G = np.zeros(n_groups, dtype=np.int64)
        self.total_G, self.squares_G = (
            Halves(np.zeros(n_groups), np.zeros(n_groups)) for _ in range(2)
        )

    def add(self, group_N: NDArray[np.integer], value_N: Floats) -> None:
        """Add numbers, given the group of each."""
        np.add.at(self.count_G, group_N, 1)
        both = (self.scale, self.total_G, value_N), (self.scale.squared, self.squares_G, value_N**2)
        for scale, sums_G, values_N in both:
            for sum_G, half_N in zip(sums_G, scale.halves(values_N), strict=True):
                np.add.at(sum_G, group_N, half_N)

    def moments(self) -> Moments:
        """Return the moments of all numbers so far."""
        scale, count_G = self.scale, self.count_G
        mean_G = scale.value(self.total_G) / np.maximum(count_G, 1)
        explained_G = Halves(*(count_G * half_G for half_G in scale.squared.halves(mean_G**2)))
        return Moments(
            groups=int(np.count_nonzero(count_G)),
            deviations=int(count_G.sum()),
            squared_counts=int(np.square(count_G).sum()),
            total=scale.value(_whole(self.total_G)),
            squares=scale.squared.value(_whole(self.squares_G)),
            explained=scale.squared.value(_whole(explained_G)),
        )


class HeldRows:
    """The rows of a fit in the memory of this process."""

    def __init__(self, rows_UI: csr_array) -> None:
        """Hold the rows: likes or ratings."""
        self.rows_UI = rows_UI

    @cached_property
    def scale(self) -> RatingScale:
        """The lowest and the highest rating."""
        return RatingScale.of([self.rows_UI])

    def count_items(self) -> NDArray[np.int64]:
        """Return the number of rows of each item, shape (I,)."""
        return count_each(self.rows_UI.indices, self.rows_UI.shape[1])

    @cached_property
    def of_items(self) -> ItemSums:
        """The sums of the ratings of each item."""
        lowest, scale, n_items = self.scale.lowest, self.scale.of_ratings, self.rows_UI.shape[1]
        items = Groups(n_items, scale)
        lowest_I, highest_I = np.full(n_items, np.inf), np.full(n_items, -np.inf)
        for rows in blocks_of(self.rows_UI):
            items.add(rows.item, rows.above(lowest))
            np.minimum.at(lowest_I, rows.item, rows.rating)
            np.maximum.at(highest_I, rows.item, rows.rating)
        total_I, squares_I = scale.value(items.total_G), scale.squared.value(items.squares_G)
        return ItemSums(lowest, items.count_G, lowest_I, highest_I, total_I, squares_I)

    def of_users(self, mean: float, item_bias_I: NDArray[np.float32]) -> Moments:
        """Return the moments of r_ui − mean − b_i, grouped by user."""
        scale = self.of_items.scale_left_over(mean, item_bias_I)
        users = Groups(self.rows_UI.shape[0], scale)
        for rows in blocks_of(self.rows_UI):
            item_bias_N = item_bias_I[rows.item].astype(np.float64)
            users.add(rows.user, rows.left_over(mean, item_bias_N))
        return users.moments()


class Claim(NamedTuple):
    """What identifies a set of rows, in any order."""

    rows: int
    checksum: int

    @classmethod
    def of(cls, views: Iterable[csr_array], scale: RatingScale | None) -> Self:
        """Return the claim of the rows of several views. Without a scale, ratings are left out."""
        n_rows = checksum = 0
        for rows in (rows for view_UI in views for rows in blocks_of(view_UI)):
            level_N = np.zeros(len(rows.user)) if scale is None else scale.levels(rows)
            whole = (values_N.astype(np.int64) for values_N in (rows.user, rows.item, level_N))
            checksum += int(mixed(*whole).sum())
            n_rows += len(rows.user)
        return cls(n_rows, checksum)


def _whole(sums_G: Halves) -> Halves:
    """Return the sums over all groups, as whole numbers."""
    return Halves(*(int(half_G.astype(np.int64).sum()) for half_G in sums_G))
