"""Cleaning of the raw ratings: known columns and types, one row per user and item."""

from collections import Counter
from collections.abc import Sequence
from typing import Self

import numpy as np
import pandas as pd
from pydantic import model_validator

from collaborative_autoencoders.columns import ITEM, PART, RATING, ROW, TIMESTAMP, USER
from collaborative_autoencoders.options import Options

from .column_names import Name, missing_column, with_named_index
from .column_types import RatingScale, checked_ids
from .duplicates import Duplicates, one_row_per_pair
from .own_split import checked_parts
from .rows import NAMES, PART_TYPE
from .sparse import INT32_MAX
from .value_types import checked_ratings, checked_timestamps

NO_ROWS = "The table `{}` has no rows. Check the file in its catalog entry."

RATINGS_TABLE = "ratings"
"""The catalog entry of the raw table, named in errors."""


class ColumnNames(Options):
    """The name of each of our columns in the raw table."""

    user_id: Name
    item_id: Name

    rating: Name | None
    """null if the table has no ratings; every row then counts as a like."""

    timestamp: Name | None
    """null if the table has no timestamps."""

    part: Name | None
    """The column of parts: train, validation or test (`split.kind: own`). Tables that
    `partitions.PartitionedDataset` joins have a column `part`, the name of the row's table."""

    @property
    def named(self) -> dict[str, Name]:
        """The name in the raw table of each of our columns that it has."""
        return {ours: theirs for ours, theirs in self.model_dump().items() if theirs is not None}

    @model_validator(mode="after")
    def _names_are_distinct(self) -> Self:
        counts = Counter(name for name in self.model_dump().values() if name is not None)
        twice = [name for name, count in counts.items() if count > 1]
        if twice:
            raise ValueError(f"column {twice[0]!r} is named twice. Set each key to another column")
        return self


class CleaningOptions(Options):
    """Options for reading the raw table."""

    columns: ColumnNames

    rating_scale: RatingScale | None
    """A rating outside the scale is an error. null accepts any finite number."""

    duplicates: Duplicates
    """How to handle different ratings of one item by one user with equal or no timestamps: raise an
    error (refuse) or keep the last row in the table (last). Counts are added, whatever their times
    (sum); they have no scale."""

    @model_validator(mode="after")
    def _sums_have_no_scale(self) -> Self:
        if self.duplicates == "sum" and self.rating_scale is not None:
            raise ValueError(
                "duplicates: sum adds counts, and their sums leave a scale: set "
                "cleaning.rating_scale: null"
            )
        return self


def clean_ratings(
    table: pd.DataFrame, options: CleaningOptions, name: str = RATINGS_TABLE
) -> pd.DataFrame:
    """Return the ratings with our column names and types, sorted, one row per user and item.

    Columns: user_id and item_id (int64 or text), rating (float32) and timestamp if the table has
    them, part (a category) if it is named, and row, the number of the row in the raw table, from
    1. Rows are sorted by user and item. The argument is not modified. `name` is its entry in the
    catalog, for errors.

    Raises ValueError if a column is missing, the table is empty, a value is invalid or rows
    conflict; the message names the column, row or key and a fix.
    """
    ratings = _renamed(table, options.columns, name)
    kind = np.int32 if len(ratings) <= INT32_MAX else np.int64
    row = pd.Series(np.arange(1, len(ratings) + 1, dtype=kind), index=ratings.index)
    typed = checked(ratings, options)
    typed[ROW] = row
    typed.attrs = ratings.attrs
    return one_row_per_pair(typed, options.duplicates)


def checked(ratings: pd.DataFrame, options: CleaningOptions) -> pd.DataFrame:
    """Return the columns with their types; `ratings` has them by our names.

    Raises ValueError if a value is invalid.
    """
    clean = {USER: checked_ids(ratings, USER), ITEM: checked_ids(ratings, ITEM)}
    if RATING in ratings:
        clean[RATING] = checked_ratings(ratings, options.rating_scale)
    if TIMESTAMP in ratings:
        clean[TIMESTAMP] = checked_timestamps(ratings)
    if PART in ratings:
        clean[PART] = checked_parts(ratings)
    return pd.DataFrame(clean, copy=False)


def _renamed(table: pd.DataFrame, columns: ColumnNames, name: str) -> pd.DataFrame:
    """Return the columns with our names; `attrs` are the table's, and their names by ours."""
    if not isinstance(table, pd.DataFrame):
        raise ValueError(
            f"`{name}` is of type {type(table).__name__}, not a table of pandas. Use a dataset of "
            "pandas in the catalog entry; `partitions.PartitionedDataset` joins several files."
        )
    names = columns.named
    table = with_named_index(table, list(names.values()), name)
    check_columns(table.columns.tolist(), names, name, table.attrs.get(PART_TYPE))
    if table.empty:
        raise ValueError(NO_ROWS.format(name))
    renamed = pd.DataFrame({ours: table[theirs] for ours, theirs in names.items()}, copy=False)
    renamed.attrs = table.attrs | {NAMES: names}
    return renamed


def check_columns(
    has: Sequence[Name],
    names: dict[str, Name],
    table: str = RATINGS_TABLE,
    part_type: str | None = None,
) -> None:
    """Raise ValueError if a table with the columns `has` lacks one of `names`, or has it twice.

    `part_type` is as in `rows.with_arguments`.
    """
    for ours, theirs in names.items():
        if theirs not in has:
            problem = missing_column(f"cleaning.columns.{ours}", theirs, has, table, part_type)
            null = "; for rating, timestamp and part, null if there is none."
            raise ValueError(problem if problem.endswith(".") else problem + null)
        if has.count(theirs) > 1:
            raise ValueError(f"The table `{table}` has two columns {theirs!r}. Rename one of them.")
