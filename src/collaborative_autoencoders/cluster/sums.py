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
    Claim,
    ItemSums,
    Moments,
    Parts,
    RatingRows,
    RatingScale,
    Scale,
)

from .parts import MAKE_PARTS_AGAIN, read_part
from .session import session_of_run

COUNT, CHECKSUM, BIAS = "count", "checksum", "bias"
TOTAL, SQUARES, EXPLAINED = "total", "squares", "explained"
GROUPS, SQUARED_COUNTS = "groups", "squared_counts"


@dataclass(frozen=True)
class StoredRows:
    """The rows of a fit, likes or ratings, in folders that workers read.

    What they find has every bit of what `models.sums.HeldRows` finds in the same rows.
    """

    folders: Sequence[str]
    """The folders of the parts. A rating is in one of them."""
    claim: Claim
    """Of the rows that the driver has read."""
    n_items: int
    scale: RatingScale | None
    """Of all ratings; None for likes."""

    def count_items(self) -> NDArray[np.int64]:
        """Return the number of rows of each item, shape (I,).

        Raises ValueError if they are not those that the driver has read.
        """
        return self._by_item()[COUNT].astype(np.int64)

    @cached_property
    def of_items(self) -> ItemSums:
        """The sums of the ratings of each item. Raises ValueError as `count_items` does."""
        scale = self._scale.of_ratings
        found = self._by_item(*_sums_of(scale, _columns().above(self._scale.lowest)))
        return ItemSums(
            self._scale.lowest,
            found[COUNT].astype(np.int64),
            scale.value(_parts(found.__getitem__, TOTAL)),
            scale.squared.value(_parts(found.__getitem__, SQUARES)),
        )

    def of_users(self, mean: float, item_bias_I: NDArray[np.float32]) -> Moments:
        """Return the moments of r_ui − mean − b_i, grouped by user."""
        scale = self._scale.of_ratings
        items = np.arange(self.n_items, dtype=np.int32)
        biases = pa.table({ITEM_INDEX: items, BIAS: item_bias_I.astype(np.float64)})
        known = F.broadcast(session_of_run().createDataFrame(biases))
        rest = _columns().left_over(mean, F.col(BIAS))
        rows = self._rows().join(known, ITEM_INDEX)
        users = rows.groupBy(USER_INDEX).agg(F.count("*").alias(COUNT), *_sums_of(scale, rest))
        count = F.col(COUNT)
        user_mean = scale.value(_parts(F.col, TOTAL)) / count
        explained = scale.squared.parts(user_mean * user_mean, F.rint)
        whole = {
            TOTAL: _parts(F.col, TOTAL),
            SQUARES: _parts(F.col, SQUARES),
            EXPLAINED: Parts(*(count * part for part in explained)),
        }
        found = users.agg(
            F.count("*").alias(GROUPS),
            F.sum(count).alias(COUNT),
            F.sum(count * count).alias(SQUARED_COUNTS),
            *(
                F.sum(part.cast("long")).alias(part_of(name, size))
                for name, parts in whole.items()
                for size, part in parts._asdict().items()
            ),
        ).collect()[0]
        return Moments(
            found[GROUPS],
            found[COUNT],
            found[SQUARED_COUNTS],
            scale.value(_parts(found.__getitem__, TOTAL)),
            scale.squared.value(_parts(found.__getitem__, SQUARES)),
            scale.squared.value(_parts(found.__getitem__, EXPLAINED)),
        )

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
        columns = _columns()
        level = F.lit(0) if self.scale is None else self.scale.levels(columns, F.rint)
        whole = RatingRows(*(column.cast("long") for column in (*columns[:2], level)))
        by_item = self._rows().groupBy(ITEM_INDEX)
        made = by_item.agg(F.count("*").alias(COUNT), F.sum(whole.mixed()).alias(CHECKSUM), *sums)
        table = made.toArrow()
        found = {name: table[name].to_numpy() for name in table.column_names}
        item_N = found.pop(ITEM_INDEX)
        claim = Claim(int(found[COUNT].sum()), int(found.pop(CHECKSUM).sum()))
        if claim != self.claim:
            raise ValueError(
                f"workers have read other rows in {' and '.join(self.folders)} than the driver "
                f"({claim.rows:,}, which has {self.claim.rows:,}): {MAKE_PARTS_AGAIN}"
            )
        values = {name: np.zeros(self.n_items, values_N.dtype) for name, values_N in found.items()}
        for name, values_N in found.items():
            values[name][item_N] = values_N
        return values


def _columns() -> RatingRows:
    return RatingRows(F.col(USER_INDEX), F.col(ITEM_INDEX), F.col(RATING))


def _sums_of(scale: Scale, values: Column) -> list[Column]:
    """Return the sums of values and of their squares, each in two parts."""
    both = ((TOTAL, scale, values), (SQUARES, scale.squared, values * values))
    return [
        F.sum(part).alias(part_of(name, size))
        for name, within, numbers in both
        for size, part in within.parts(numbers, F.rint)._asdict().items()
    ]


def _parts(column: Callable[[str], Any], name: str) -> Parts:
    """Return the parts of a sum from the columns that have them."""
    return Parts(*(column(part_of(name, size)) for size in Parts._fields))


def part_of(name: str, size: str) -> str:
    """Return the name of the column with a part of a sum."""
    return f"{name}_{size}"
