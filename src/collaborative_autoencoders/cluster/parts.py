"""The parts of a split as tables of Spark, which workers count and write."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from collaborative_autoencoders.columns import (
    FOLD_IN,
    ITEM_INDEX,
    PART,
    TIMESTAMP,
    USER_INDEX,
)
from collaborative_autoencoders.interactions.part_counts import PartCounts, no_times
from collaborative_autoencoders.interactions.part_rows import PartSize
from collaborative_autoencoders.interactions.split_options import (
    SHOWN,
    TEST,
    TRAIN,
    VALIDATION,
)
from collaborative_autoencoders.interactions.splitting import Split

from .session import session_of_run

ROWS_OF_A_FILE = 2**20
COUNT, FIRST, LAST = "count", "first", "last"
MAKE_PARTS_AGAIN = (
    "files are missing, damaged or replaced. Make the parts again: kedro run --env spark "
    "--from-nodes data_engineering.split_ratings"
)


@dataclass(frozen=True)
class PartTable:
    """A part of a split, a rating a row, as `interactions.part_rows` describes it."""

    rows: DataFrame
    n_rows: int
    size: PartSize
    counts: PartCounts

    def counted(self, *, with_times: bool = False) -> PartCounts:
        """Return the counts of the part, as `Interactions.counted`; times are always found."""
        return self.counts

    def write(self, folder: str) -> None:
        """Write the rows as Parquet, a file for each range of users, in order of user and item."""
        files = max(1, -(-self.n_rows // ROWS_OF_A_FILE))
        file = F.floor(F.col(USER_INDEX).cast("long") * files / max(self.size.users, 1))
        in_files = self.rows.repartitionById(files, file.cast("int"))
        in_order = in_files.sortWithinPartitions(USER_INDEX, ITEM_INDEX)
        in_order.withMetadata(USER_INDEX, self.size.with_rows(self.n_rows)).write.parquet(
            folder, mode="overwrite"
        )


def read_part(folder: str) -> DataFrame:
    """Return the rows of a part that workers have written."""
    return session_of_run().read.option("pathGlobFilter", "*.parquet").parquet(folder)


def parts_of(split: DataFrame, size: PartSize, *, by_users: bool) -> Split[PartTable]:
    """Return the train, the validation and the test part of a split, given the part of each row.

    `by_users` says that the last two have fold-in rows.
    """
    counts_of = _counted(split, size)
    tables = []
    for part in (TRAIN, VALIDATION, TEST):
        has_fold_in, is_of_part = by_users and part != TRAIN, F.col(PART) == part
        marks, counts = list[Column](), counts_of(part)
        if has_fold_in:
            is_shown = F.col(PART) == part + SHOWN
            is_of_part, marks = is_of_part | is_shown, [is_shown.alias(FOLD_IN)]
            counts = counts._replace(fold_in=counts_of(part + SHOWN))
        rows = split.where(is_of_part).select("*", *marks).drop(PART)
        shown = counts.fold_in.ratings if counts.fold_in else 0
        tables.append(PartTable(rows, counts.ratings + shown, size, counts))
    return Split(*tables)


def _counted(split: DataFrame, size: PartSize) -> Callable[[int], PartCounts]:
    """Count the rows of each user and item, and return what gives the counts of a part."""
    ends = []
    if TIMESTAMP in split.columns:
        ends = [F.min(TIMESTAMP).alias(FIRST), F.max(TIMESTAMP).alias(LAST)]
    count = F.count("*").alias(COUNT)
    users = split.groupBy(PART, USER_INDEX).agg(count, *ends).toArrow()
    items = split.groupBy(PART, ITEM_INDEX).agg(count).toArrow()

    def counts_of(part: int) -> PartCounts:
        of_users, of_items = (table.filter(pc.field(PART) == part) for table in (users, items))
        user_N, item_N = of_users[USER_INDEX].to_numpy(), of_items[ITEM_INDEX].to_numpy()
        counts = PartCounts(
            _placed(of_users[COUNT], user_N, np.zeros(size.users, dtype=np.int64)),
            _placed(of_items[COUNT], item_N, np.zeros(size.items, dtype=np.int64)),
        )
        if not ends:
            return counts
        first_U, last_U = no_times(size.users, of_users[FIRST].to_numpy().dtype)
        return counts._replace(
            first_U=_placed(of_users[FIRST], user_N, first_U),
            last_U=_placed(of_users[LAST], user_N, last_U),
        )

    return counts_of


def _placed(
    values_N: pa.ChunkedArray, index_N: NDArray[np.integer], others: NDArray[Any]
) -> NDArray[Any]:
    """Return the values at their indices, and the others elsewhere."""
    others[index_N] = values_N.to_numpy()
    return others
