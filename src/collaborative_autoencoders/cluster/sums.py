"""Counts and sums of the ratings that a formula is fitted on, as aggregations of Spark."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, reduce
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from collaborative_autoencoders.columns import ITEM_INDEX, LIKED, RATING, USER_INDEX
from collaborative_autoencoders.models.sums import (
    BITS,
    Claim,
    Halves,
    ItemSums,
    Moments,
    RatingRows,
    RatingScale,
    Scale,
    mixed,
)

from .parts import MAKE_PARTS_AGAIN, read_part
from .session import session_of_run

COUNT, CHECKSUM, BIAS = "count", "checksum", "bias"
LOWEST, HIGHEST = "lowest", "highest"
TOTAL, SQUARES, EXPLAINED = "total", "squares", "explained"
GROUPS, SQUARED_COUNTS = "groups", "squared_counts"


@dataclass(frozen=True)
class StoredRows:
    """The rows of a fit, likes or ratings, in folders that workers read.

    What they find has every bit of what `models.sums.HeldRows` finds in the same rows. Each pass
    raises ValueError if its rows are not those that the driver has read.
    """

    folders: Sequence[str]
    """The folders of the parts. A rating is in one of them."""
    claim: Claim
    """What identifies the rows that the driver has read."""
    n_items: int
    scale: RatingScale | None
    """Of all ratings; None for likes."""

    def count_items(self) -> NDArray[np.int64]:
        """Return the number of rows of each item, shape (I,)."""
        return self._by_item()[COUNT].astype(np.int64)

    @cached_property
    def of_items(self) -> ItemSums:
        """The sums of the ratings of each item."""
        rating, scale = _columns().rating, self._scale.of_ratings
        sums = _sums_of(scale, _columns().above(self._scale.lowest))
        ends = F.min(rating).alias(LOWEST), F.max(rating).alias(HIGHEST)
        found = self._by_item(*ends, *sums)
        return ItemSums(
            self._scale.lowest,
            found[COUNT].astype(np.int64),
            found[LOWEST],
            found[HIGHEST],
            scale.value(_halves(found.__getitem__, TOTAL)),
            scale.squared.value(_halves(found.__getitem__, SQUARES)),
        )

    def of_users(self, mean: float, item_bias_I: NDArray[np.float32]) -> Moments:
        """Return the moments of r_ui − mean − b_i, grouped by user."""
        scale = self.of_items.scale_left_over(mean, item_bias_I)
        items = np.arange(self.n_items, dtype=np.int32)
        biases = pa.table({ITEM_INDEX: items, BIAS: item_bias_I.astype(np.float64)})
        known = F.broadcast(session_of_run().createDataFrame(biases))
        rest = _columns().left_over(mean, F.col(BIAS))
        by_user = self._rows().join(known, ITEM_INDEX).groupBy(USER_INDEX)
        moments, claim = _moments_of(by_user.agg(*self._claimed(), *_sums_of(scale, rest)), scale)
        self._check(claim)
        return moments

    @property
    def _scale(self) -> RatingScale:
        assert self.scale is not None, "of likes there are only counts"
        return self.scale

    def _rows(self) -> DataFrame:
        tables = [read_part(folder) for folder in self.folders]
        if self.scale is None:
            tables = [table.where(LIKED) for table in tables]
        columns = USER_INDEX, ITEM_INDEX, F.col(RATING).cast("double").alias(RATING)
        return reduce(DataFrame.unionByName, (table.select(*columns) for table in tables))

    def _by_item(self, *sums: Column) -> dict[str, NDArray[Any]]:
        """Return the count of each item, and these sums, each of shape (I,)."""
        made = self._rows().groupBy(ITEM_INDEX).agg(*self._claimed(), *sums).toArrow()
        columns = {name: made[name].to_numpy() for name in made.column_names}
        item_N, checksum_N = columns.pop(ITEM_INDEX), columns.pop(CHECKSUM)
        self._check(Claim(int(columns[COUNT].sum()), int(checksum_N.sum())))

        def placed(values_N: NDArray[Any]) -> NDArray[Any]:
            values_I = np.zeros(self.n_items, values_N.dtype)
            values_I[item_N] = values_N
            return values_I

        return {name: placed(values_N) for name, values_N in columns.items()}

    def _claimed(self) -> list[Column]:
        """Return the count and the checksum of the rows of a group, as `Claim.of` has them.

        The level of a rating of other rows may be no level at all: the checksum is then another.
        """
        rows = _columns()
        level = F.lit(0)
        if self.scale is not None:
            level = self.scale.levels(rows, F.rint)
            level = F.when(level.between(0, 2.0 ** (2 * BITS)), level).otherwise(-1)
        whole = (column.cast("long") for column in (rows.user, rows.item, level))
        checksum = F.coalesce(F.sum(mixed(*whole)), F.lit(0))
        return [F.count("*").alias(COUNT), checksum.alias(CHECKSUM)]

    def _check(self, claim: Claim) -> None:
        """Raise ValueError if this is not the claim of the rows that the driver has read."""
        if claim != self.claim:
            counts = "with another checksum"
            if claim.rows != self.claim.rows:
                counts = f"{claim.rows:,} instead of {self.claim.rows:,}"
            raise ValueError(
                f"workers have read other rows in {' and '.join(self.folders)} than the driver, "
                f"{counts}: {MAKE_PARTS_AGAIN}"
            )


def _columns() -> RatingRows:
    return RatingRows(F.col(USER_INDEX), F.col(ITEM_INDEX), F.col(RATING))


def _sums_of(scale: Scale, values: Column) -> list[Column]:
    """Return the sums of values and of their squares, each in two halves."""
    both = ((TOTAL, scale, values), (SQUARES, scale.squared, values * values))
    return [
        F.sum(half).alias(_half(name, size))
        for name, within, numbers in both
        for size, half in within.halves(numbers, F.rint)._asdict().items()
    ]


def _moments_of(users: DataFrame, scale: Scale) -> tuple[Moments, Claim]:
    """Return the moments, and the claim, of the sums of each user."""
    count = F.col(COUNT)
    user_mean = scale.value(_halves(F.col, TOTAL)) / count
    explained = scale.squared.halves(user_mean * user_mean, F.rint)
    whole = {
        TOTAL: _halves(F.col, TOTAL),
        SQUARES: _halves(F.col, SQUARES),
        EXPLAINED: Halves(*(count * half for half in explained)),
    }
    found = users.agg(
        F.count("*").alias(GROUPS),
        F.sum(count).alias(COUNT),
        F.sum(count * count).alias(SQUARED_COUNTS),
        F.sum(CHECKSUM).alias(CHECKSUM),
        *(
            F.sum(half.try_cast("long")).alias(_half(name, size))
            for name, halves in whole.items()
            for size, half in halves._asdict().items()
        ),
    ).first()
    assert found is not None, "an aggregation has one row"
    total, squares, explained = (
        Halves(*(found[_half(name, size)] or 0 for size in Halves._fields)) for name in whole
    )
    moments = Moments(
        groups=found[GROUPS],
        deviations=found[COUNT] or 0,
        squared_counts=found[SQUARED_COUNTS] or 0,
        total=scale.value(total),
        squares=scale.squared.value(squares),
        explained=scale.squared.value(explained),
    )
    return moments, Claim(moments.deviations, found[CHECKSUM] or 0)


def _halves(column: Callable[[str], Any], name: str) -> Halves:
    """Return the halves of a sum from the columns that have them."""
    return Halves(*(column(_half(name, size)) for size in Halves._fields))


def _half(name: str, size: str) -> str:
    """Return the name of the column with one half of a sum."""
    return f"{name}_{size}"
