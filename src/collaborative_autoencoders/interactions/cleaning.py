"""Cleaning of the raw ratings: known columns and types, one row per user and item."""

import difflib
from collections import Counter
from collections.abc import Sequence
from typing import Self

import pandas as pd
from pydantic import model_validator

from collaborative_autoencoders.columns import ITEM, RATING, TIMESTAMP, USER
from collaborative_autoencoders.options import Options

from .column_types import RatingScale, checked_ids, checked_ratings, checked_timestamps
from .duplicates import Duplicates, one_row_per_pair

SEPARATORS = ("::", "\t", ";", ",", "|")

Name = str | int
"""Name of a column. The columns of a file without a header are named by numbers."""


class ColumnNames(Options):
    """The name of each of our columns in the raw table."""

    user_id: Name
    item_id: Name

    rating: Name | None
    """null if the table has no ratings; every row then counts as a like."""

    timestamp: Name | None
    """null if the table has no timestamps."""

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

    Columns: user_id and item_id (int64 or text), and rating (float32) and timestamp if the table
    has them. Rows are sorted by user and item. The argument is not modified. Raises ValueError if
    a column is missing, the table is empty, a value is invalid or rows conflict; the message names
    the column, row or key and a fix.
    """
    ratings = _renamed(table, options.columns)
    clean = {USER: checked_ids(ratings, USER), ITEM: checked_ids(ratings, ITEM)}
    if RATING in ratings:
        clean[RATING] = checked_ratings(ratings, options.rating_scale)
    if TIMESTAMP in ratings:
        clean[TIMESTAMP] = checked_timestamps(ratings)
    return one_row_per_pair(pd.DataFrame(clean, copy=False), options.duplicates)


def _renamed(table: pd.DataFrame, columns: ColumnNames) -> pd.DataFrame:
    names = {ours: theirs for ours, theirs in columns.model_dump().items() if theirs is not None}
    for ours, theirs in names.items():
        if theirs not in table:
            raise ValueError(_missing_column(ours, theirs, table.columns.tolist()))
    if table.empty:
        raise ValueError("The table `ratings` has no rows. Check the file in its catalog entry.")
    return pd.DataFrame({ours: table[theirs] for ours, theirs in names.items()}, copy=False)


def _missing_column(ours: str, theirs: Name, has: Sequence[Name]) -> str:
    if len(has) == 1:
        for separator in SEPARATORS:
            if separator in str(has[0]):
                return (
                    f"The table `ratings` has a single column, {has[0]!r}: the separator looks "
                    f"wrong. Set it in the catalog entry: `load_args: {{sep: {separator!r}}}`."
                )
    closest = difflib.get_close_matches(str(theirs), [str(name) for name in has], n=1)
    hint = f" Did you mean {closest[0]!r}?" if closest else ""
    return (
        f"`cleaning.columns.{ours}` is {theirs!r}, but the table `ratings` has the columns {has}."
        f"{hint} Set the key to a column's name; for rating and timestamp, null if there is none."
    )
