"""An update: newer ratings joined to those that models were fitted on, and the part of each row.

    ratings        user item time          clean_ratings   user item time  part
                      1    5    7                             1    5    8  train (rated again)
    newer_ratings     1    5    8    ->                       1    6    8  train
                      1    6    8                             2    5    9  validation
                      2    5    9                             3    9   10  test
                      3    9   10

Dimension key: N rows of both tables, H rows of new pairs.
"""

import hashlib
from collections.abc import Mapping
from itertools import product
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from collaborative_autoencoders.columns import ITEM, PART, ROW, TIMESTAMP, USER

from .cleaning import RATINGS_TABLE, CleaningOptions, clean_ratings
from .column_names import Name
from .column_types import joined_column
from .duplicates import one_row_per_pair
from .facts import Source, source_of
from .ids import encode
from .own_split import PARTS as PARTS_OF_SPLIT
from .rows import PARTS
from .sparse import INT32_MAX
from .split_options import TEST, TRAIN, VALIDATION, SplitOptions
from .splitting import as_numbers
from .time_splits import dates_of, parts_between

NEWER_TABLE = "newer_ratings"
"""The catalog entry of the newer ratings, named in errors."""

UNIX_SECONDS, OTHER_UNIT = 10**8, 100
"""Times from the first number on are of a clock, and do not grow a hundredfold until an update."""

AS_TEXT = (
    "If they are the same ids, read both as text: `load_args: {{dtype: {{{}: str}}}}` in the "
    "catalog entry. Otherwise correct the file."
)

LARGER = (0.4, 0.5)
"""Fractions that a message proposes where so few newer ratings are given that none is held out."""

_NOT_READ = {
    "within": "global",
    "test_fraction": 0,
    "validation_fraction": 0,
    "validation_of": "rest",
    "test_last": None,
    "validation_last": None,
    "test_from": None,
    "validation_from": None,
    "fold_in": None,
    "ties": "table",
    "seed": 0,
}
"""Keys of the split that an update does not read."""


class Update(NamedTuple):
    """Which of the newer ratings are held out."""

    newer_ratings: int
    """Number of newer ratings, one for each pair of user and item."""

    newer_pairs: int
    """Number of them whose pair has no older rating. Only these are held out."""

    newer_validation_from: str | None
    """The time from which on they are validation; None if none is."""

    newer_test_from: str
    """The time from which on they are test."""


class Joined(NamedTuple):
    """Old and newer ratings as one clean table, and what it is made from."""

    ratings: pd.DataFrame
    """As `clean_ratings` returns it, with a part for each row."""

    source: Source
    update: Update

    older_after_test: int
    """Number of older rows of the time from which newer ones are test. They are train all the same,
    so models learn from what came after what they are to foresee."""

    again_after_test: int
    """Number of newer rows of that time whose pair has an older row. They are train too."""


def split_by_date(**fractions: Any) -> SplitOptions:
    """Return the options that split the new pairs, with the fractions of the options given."""
    return SplitOptions.model_validate(_NOT_READ | {"kind": "date"} | fractions)


def split_by_part(**order: Any) -> SplitOptions:
    """Return the options that follow the parts of a joined table, with `ties` and `seed`.

    No share of the train rows becomes validation: the champion has seen them.
    """
    return SplitOptions.model_validate(_NOT_READ | {"kind": "own"} | order)


def join_ratings(
    ratings: pd.DataFrame, newer: pd.DataFrame, cleaning: CleaningOptions, split: SplitOptions
) -> Joined:
    """Return both tables as one, in which the newest rows of new pairs are held out.

    Both are cleaned by the same options; a column of parts is not read. Every older row is train,
    and so is a newer rating of a pair that has an older one: the latest rating of a pair is kept.
    The newer ratings of other pairs are split by date, with the fractions of `split`. Raw rows are
    numbered on from the first table to the second.

    Raises ValueError if a table is not valid, if both have ids or times of other kinds, or if no
    row would be test, or validation although `split` asks for it.
    """
    columns = cleaning.columns.model_copy(update={"part": None})
    if columns.timestamp is None:
        raise ValueError(
            "An update holds out the newest ratings, and cleaning.columns.timestamp is null. Set "
            "it to the column of times, which both tables need."
        )
    cleaning = cleaning.model_copy(update={"columns": columns})
    old, new = (
        clean_ratings(table, cleaning, name)
        for table, name in ((ratings, RATINGS_TABLE), (newer, NEWER_TABLE))
    )
    _refuse_other_kinds(old, new, columns.named)
    _refuse_nothing_newer(old[TIMESTAMP], new[TIMESTAMP])
    both = _numbered_on(old, new, len(ratings), len(newer))
    is_new_N = np.arange(len(both)) >= len(old)
    is_new_N[is_new_N] = ~_has_older(both, len(old))
    parts_N, update = _parts(both, is_new_N, len(new), split)
    both[PART] = pd.Categorical.from_codes(parts_N, categories=pd.Index(PARTS_OF_SPLIT))
    both.attrs = {PARTS: _rows_by_table(ratings, newer)}
    is_later_N = both[TIMESTAMP].to_numpy() >= both[TIMESTAMP][parts_N == TEST].min()
    late = np.flatnonzero(is_later_N & (parts_N == TRAIN))
    older = int(np.searchsorted(late, len(old)))
    joined = one_row_per_pair(both, cleaning.duplicates)
    source = _source(source_of(ratings, old), source_of(newer, new))
    return Joined(joined, source, update, older, len(late) - older)


def about_update(facts: Mapping[str, Any]) -> str | None:
    """Return which ratings the figures are of, by the facts of an update; None for other data."""
    if NEWER_TABLE not in facts:
        return None
    return (
        f"An update: figures are of the newest part of {facts[NEWER_TABLE]:,} newer ratings, "
        f"from {facts['newer_test_from']} on. Older ratings are in train, and in no figure."
    )


def _refuse_other_kinds(old: pd.DataFrame, new: pd.DataFrame, named: Mapping[str, Name]) -> None:
    """Raise ValueError if ids, or times, are numbers in one table and not in the other."""
    for name, other, fix in (
        (USER, "text", AS_TEXT.format(named[USER])),
        (ITEM, "text", AS_TEXT.format(named[ITEM])),
        (TIMESTAMP, "dates", "Write the times of one table as those of the other."),
    ):
        first, second = (
            "numbers" if pd.api.types.is_numeric_dtype(table[name]) else other
            for table in (old, new)
        )
        if first != second:
            raise ValueError(
                f"{name}: `{RATINGS_TABLE}` has {first} and `{NEWER_TABLE}` has {second}, which "
                f"have nothing in common. {fix}"
            )


def _refuse_nothing_newer(old: pd.Series, new: pd.Series) -> None:
    """Raise ValueError if the newer table ends before the other, or has times of another unit."""
    if new.max() < old.max():
        raise ValueError(
            f"`{NEWER_TABLE}` ends at {new.max()} and `{RATINGS_TABLE}` at {old.max()}: nothing in "
            "it is newer. Exchange the files if they are swapped, or write the times of both in "
            "one unit."
        )
    of_clock = pd.api.types.is_numeric_dtype(old) and old.max() >= UNIX_SECONDS
    if of_clock and new.min() > OTHER_UNIT * old.max():
        raise ValueError(
            f"`{RATINGS_TABLE}` ends at {old.max()} and `{NEWER_TABLE}` begins at {new.min()}: the "
            "one has seconds and the other parts of a second. Write the times of both in one unit."
        )


def _numbered_on(
    old: pd.DataFrame, new: pd.DataFrame, old_rows: int, new_rows: int
) -> pd.DataFrame:
    """Return the rows of both, with raw rows numbered on from the first table to the second."""
    kind = np.int32 if old_rows + new_rows <= INT32_MAX else np.int64
    new = new.assign(**{ROW: new[ROW].astype(np.int64) + old_rows})
    columns = {name: joined_column([old[name], new[name]]) for name in old}
    columns[ROW] = columns[ROW].astype(kind)
    return pd.DataFrame(columns, copy=False)


def _has_older(both: pd.DataFrame, n_old: int) -> NDArray[np.bool_]:
    """Return whether the pair of each newer row, from `n_old` on, is in an older one too."""
    users, items = encode(both[USER]), encode(both[ITEM])
    pair_N = users.codes.astype(np.int64) * len(items.ids) + items.codes
    return np.isin(pair_N[n_old:], pair_N[:n_old])


def _parts(
    both: pd.DataFrame, is_new_pair_N: NDArray[np.bool_], n_newer: int, split: SplitOptions
) -> tuple[NDArray[np.int8], Update]:
    """Return the part of each row, shape (N,), and what is held out."""
    parts_N = np.full(len(both), TRAIN, dtype=np.int8)
    times_H = as_numbers(both[TIMESTAMP])[is_new_pair_N]
    if not len(times_H):
        raise ValueError(
            f"Every pair of user and item of the {n_newer:,} newer ratings is in `{RATINGS_TABLE}`"
            f" too, so none can be held out. Check the file of `{NEWER_TABLE}`, or fit all again: "
            "kedro run"
        )
    parts_N[is_new_pair_N] = parts_between(times_H, dates_of(times_H, split))
    starts = {part: both[TIMESTAMP][parts_N == part].min() for part in (VALIDATION, TEST)}
    wanted = {VALIDATION: split.validation_fraction, TEST: split.test_fraction}
    for part, start in starts.items():
        if pd.isna(start) and (wanted[part] or part == TEST):
            raise ValueError(
                f"No newer rating would be {PARTS_OF_SPLIT[part]}: {len(times_H):,} have a new "
                f"pair of user and item, at {len(np.unique(times_H)):,} different times, and "
                f"split.{PARTS_OF_SPLIT[part]}_fraction is {wanted[part]:g}. Collect newer ratings "
                f"of more different times{_or_raise(times_H, split)}"
            )
    validation_from = None if pd.isna(starts[VALIDATION]) else str(starts[VALIDATION])
    return parts_N, Update(n_newer, len(times_H), validation_from, str(starts[TEST]))


def _or_raise(times_H: NDArray[np.number], split: SplitOptions) -> str:
    """Return the end of a sentence: the fractions that hold out rows of each part, if any do."""
    fractions = split.test_fraction, split.validation_fraction
    parts = {TEST, VALIDATION} if split.validation_fraction else {TEST}
    more_validation = LARGER if split.validation_fraction else ()
    each = product((fractions[0], *LARGER), (fractions[1], *more_validation))
    for test, validation in each:
        if split.validation_of == "all" and test + validation >= 1:
            continue
        larger = {"test_fraction": test, "validation_fraction": validation}
        dates = dates_of(times_H, split.model_copy(update=larger))
        if parts <= {*parts_between(times_H, dates).tolist()}:
            given = ",".join(f"split.{name}={value}" for name, value in larger.items())
            return f", or hold out more: --params split.kind=date,{given}"
    return "."


def _rows_by_table(ratings: pd.DataFrame, newer: pd.DataFrame) -> dict[str, int]:
    """Return the number of raw rows by table, or by file of a table that has several."""
    older = ratings.attrs.get(PARTS) or {RATINGS_TABLE: len(ratings)}
    return older | (newer.attrs.get(PARTS) or {NEWER_TABLE: len(newer)})


def _source(old: Source, new: Source) -> Source:
    """Return the source of the joined table: both names, and a checksum of both checksums."""
    checksum = hashlib.sha256(f"{old.checksum} {new.checksum}".encode()).hexdigest()
    return Source(f"{old.data_set} + {new.data_set}", checksum, None)
