"""Cleaning of the raw ratings: known columns and types, one row per user and item."""

from collections import Counter
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
from .rows import NAMES
from .sparse import INT32_MAX
from .value_types import checked_ratings, checked_timestamps


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
    error (refuse) or keep the last row in the table (last)."""


def clean_ratings(table: pd.DataFrame, options: CleaningOptions) -> pd.DataFrame:
    """Return the ratings with our column names and types, sorted, one row per user and item.

    Columns: user_id and item_id (int64 or text), rating (float32) and timestamp if the table has
    them, part (a category) if it is named, and row, the number of the row in the raw table, from
    1. Rows are sorted by user and item. The argument is not modified.

    Raises ValueError if a column is missing, the table is empty, a value is invalid or rows
    conflict; the message names the column, row or key and a fix.
    """
    ratings = _renamed(table, options.columns)
    clean = {USER: checked_ids(ratings, USER), ITEM: checked_ids(ratings, ITEM)}
    if RATING in ratings:
        clean[RATING] = checked_ratings(ratings, options.rating_scale)
    if TIMESTAMP in ratings:
        clean[TIMESTAMP] = checked_timestamps(ratings)
    if PART in ratings:
        clean[PART] = checked_parts(ratings)
    kind = np.int32 if len(ratings) <= INT32_MAX else np.int64
    clean[ROW] = pd.Series(np.arange(1, len(ratings) + 1, dtype=kind), index=ratings.index)
    typed = pd.DataFrame(clean, copy=False)
    typed.attrs = ratings.attrs
    return one_row_per_pair(typed, options.duplicates)


def _renamed(table: pd.DataFrame, columns: ColumnNames) -> pd.DataFrame:
    """Return the columns with our names; `attrs` are the table's, and their names by ours."""
    if not isinstance(table, pd.DataFrame):
        raise ValueError(
            f"`ratings` is of type {type(table).__name__}, not a table of pandas. Use a dataset of "
            "pandas in the catalog entry; `partitions.PartitionedDataset` joins several files."
        )
    names = {ours: theirs for ours, theirs in columns.model_dump().items() if theirs is not None}
    table = with_named_index(table, list(names.values()), "ratings")
    for ours, theirs in names.items():
        if theirs not in table:
            key = f"cleaning.columns.{ours}"
            problem = missing_column(key, theirs, table.columns.tolist(), "ratings")
            null = "; for rating, timestamp and part, null if there is none."
            raise ValueError(problem if problem.endswith(".") else problem + null)
        if isinstance(table[theirs], pd.DataFrame):
            raise ValueError(f"The table `ratings` has two columns {theirs!r}. Rename one of them.")
    if table.empty:
        raise ValueError("The table `ratings` has no rows. Check the file in its catalog entry.")
    renamed = pd.DataFrame({ours: table[theirs] for ours, theirs in names.items()}, copy=False)
    renamed.attrs = table.attrs | {NAMES: names}
    return renamed
