"""Clean ratings: known columns of known types, one row per user and item."""

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
"""A column's name; the columns of a file without a header are numbers."""


class ColumnNames(Options):
    """What the table calls our columns."""

    user_id: Name
    item_id: Name

    rating: Name | None
    """null: the table has no ratings, and every row counts as liked."""

    timestamp: Name | None
    """null: the table has no times."""

    @model_validator(mode="after")
    def _no_column_is_two_things(self) -> Self:
        counts = Counter(name for name in self.model_dump().values() if name is not None)
        twice = [name for name, count in counts.items() if count > 1]
        if twice:
            raise ValueError(f"column {twice[0]!r} cannot be two things at once")
        return self


class CleaningOptions(Options):
    """How the raw table is read."""

    columns: ColumnNames

    rating_scale: RatingScale | None
    """A rating outside is an error; null takes whatever finite number comes."""

    duplicates: Duplicates
    """What becomes of different ratings of one item by one user at the same or no time: an error
    (refuse), or the row furthest down the table stays (last)."""


def clean_ratings(table: pd.DataFrame, options: CleaningOptions) -> pd.DataFrame:
    """The ratings under our names, typed, sorted by user and item, no pair twice.

    Columns: user_id and item_id (int64 or text), rating (float32) and timestamp where the table has
    them. The argument is left as it is. Raises ValueError that names the column, row or key and
    the mend: a missing column, an empty table, a bad value, conflicting rows.
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
            raise ValueError(_missing(ours, theirs, table.columns.tolist()))
    if table.empty:
        raise ValueError("The table `ratings` has columns and no rows: there is nothing to learn.")
    return pd.DataFrame({ours: table[theirs] for ours, theirs in names.items()}, copy=False)


def _missing(ours: str, theirs: Name, has: Sequence[Name]) -> str:
    if len(has) == 1:
        for separator in SEPARATORS:
            if separator in str(has[0]):
                return (
                    f"The table `ratings` has a single column, {has[0]!r}: the separator looks "
                    f"wrong. Say it in the catalog entry: `load_args: {{sep: {separator!r}}}`."
                )
    near = difflib.get_close_matches(str(theirs), [str(name) for name in has], n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    return (
        f"`cleaning.columns.{ours}` says {theirs!r}, and the table `ratings` has the columns "
        f"{has}.{hint} Give the column's name there; null where there is no rating or timestamp."
    )
