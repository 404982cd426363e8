"""Removal of duplicates: one row per user and item, sorted by both."""

from typing import Any, Literal, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from collaborative_autoencoders.columns import ITEM, PART, RATING, ROW, TIMESTAMP, USER

from .ids import encode
from .own_split import own_parts
from .rows import BadRows, number_of, plain

Duplicates = Literal["refuse", "last", "sum"]

LAST_ROW = (
    "`cleaning.duplicates: last` to keep the last row. If ratings are counts, `sum` adds them."
)
LATER = (
    "`cleaning.duplicates: last` to keep the row of the later part: that of test, else that of "
    "validation."
)


def one_row_per_pair(ratings: pd.DataFrame, duplicates: Duplicates) -> pd.DataFrame:
    """Return the table sorted by user and item, with one row per pair.

    `ratings` has no columns afterwards: each is freed when it has been sorted.

        user item rating time
           1    5      4    7
           1    5      3    9   ->   1 5 3 9
           1    5      3    9

    The row with the latest time is kept, and identical rows become one. If the latest rows of a
    pair differ in rating, `last` keeps the last of them in the table; `refuse` raises ValueError
    and shows two of them. `sum` adds the ratings of all rows of a pair, which are counts. Of rows
    in two parts, `last` keeps that of the later part, so that no row of a test part is lost to
    train; `refuse` and `sum` raise ValueError.
    """
    order_N, cell_N, item_bits, user_ids, item_ids = _sort_by_cell(ratings)
    is_last_N = np.append(cell_N[1:] != cell_N[:-1], True)
    total_N = None
    if not is_last_N.all():
        repeated = np.flatnonzero(~is_last_N | np.append(False, ~is_last_N[:-1]))
        rows = _latest_last(order_N[repeated], cell_N[repeated], ratings)
        if duplicates != "last":
            _refuse_conflict(rows, is_last_N[repeated], ratings, adds=duplicates == "sum")
        order_N[repeated] = rows
        if duplicates == "sum" and RATING in ratings:
            count_N = ratings[RATING].to_numpy(np.float64)[order_N]
            total_N = np.add.reduceat(count_N, np.flatnonzero(np.append(True, is_last_N[:-1])))
        order_N, cell_N = order_N[is_last_N], cell_N[is_last_N]
    del ratings[USER], ratings[ITEM]
    # taking ids from the table of distinct ids is much faster than reordering the id columns
    columns = {USER: user_ids.take(cell_N >> item_bits)}
    cell_N &= (1 << item_bits) - 1
    columns[ITEM] = item_ids.take(cell_N)
    del cell_N
    for name in ratings.columns:
        columns[name] = pd.Index(ratings.pop(name).array[order_N], copy=False)
    if total_N is not None:
        columns[RATING] = pd.Index(total_N.astype(np.float32), copy=False)
    return pd.DataFrame(columns, copy=False)


def about_repeats(raw: int, clean: int, duplicates: Duplicates) -> str | None:
    """Return how many of the `raw` rows repeat the pair of another one; None if none does."""
    if raw == clean:
        return None
    kept = "are added to it" if duplicates == "sum" else "are not used: the latest of a pair counts"
    return (
        f"{raw - clean:,} of {raw:,} rows have the user and item of another row and {kept} "
        "(cleaning.duplicates)"
    )


class _Cells(NamedTuple):
    """Rows sorted by user, then item, then position in the table."""

    order_N: NDArray[np.int64]
    cell_N: NDArray[np.int64]
    """User code in the high bits, item code in the lowest `item_bits`; ascending."""

    item_bits: int
    user_ids: pd.Index
    item_ids: pd.Index


def _sort_by_cell(ratings: pd.DataFrame) -> _Cells:
    """Return the rows sorted by cell.

    Cell and row are packed in one integer if they fit, since sorting integers is several times
    faster than an argsort.
    """
    users, items = encode(ratings[USER]), encode(ratings[ITEM])
    item_bits, row_bits = len(items.ids).bit_length(), len(ratings).bit_length()
    cell_N = users.codes.astype(np.int64) << item_bits
    cell_N |= items.codes
    if len(users.ids).bit_length() + item_bits + row_bits > 63:
        order_N = np.argsort(cell_N, kind="stable")
        return _Cells(order_N, cell_N[order_N], item_bits, users.ids, items.ids)
    cell_N <<= row_bits
    cell_N |= np.arange(len(ratings))
    cell_N.sort()
    order_N = cell_N & ((1 << row_bits) - 1)
    cell_N >>= row_bits
    return _Cells(order_N, cell_N, item_bits, users.ids, items.ids)


def _latest_last(
    rows: NDArray[np.int64], cell: NDArray[np.int64], ratings: pd.DataFrame
) -> NDArray[np.int64]:
    """Return the rows sorted by cell, then part, then time, then position in the table."""
    keys: list[NDArray[Any]] = [cell]
    if PART in ratings:
        keys.insert(0, own_parts(ratings)[rows])
    if TIMESTAMP in ratings:
        keys.insert(0, ratings[TIMESTAMP].to_numpy()[rows])
    return rows if len(keys) == 1 else rows[np.lexsort(keys)]


def _refuse_conflict(
    rows: NDArray[np.int64], is_last: NDArray[np.bool_], ratings: pd.DataFrame, adds: bool
) -> None:
    """Raise ValueError if a row conflicts with the last of its cell.

    They are in two parts or, if nothing `adds` them, they have two ratings and one time.
    """
    kept = rows[is_last][np.cumsum(is_last) - is_last]
    if PART in ratings:
        in_two = _differ(ratings[PART].cat.codes, rows, kept)
        _refuse_pairs(in_two, rows, kept, ratings, "One item of one user is in two parts", LATER)
    if RATING not in ratings or adds:
        return
    conflict = _differ(ratings[RATING], rows, kept)
    if TIMESTAMP in ratings:
        conflict &= ~_differ(ratings[TIMESTAMP], rows, kept)
    problem = "Conflicting ratings of one item by one user, neither of them later"
    _refuse_pairs(conflict, rows, kept, ratings, problem, LAST_ROW)


def _refuse_pairs(
    conflict: NDArray[np.bool_],
    rows: NDArray[np.int64],
    kept: NDArray[np.int64],
    ratings: pd.DataFrame,
    problem: str,
    fix: str,
) -> None:
    if conflict.any():
        one, other = sorted((rows[conflict][0], kept[conflict][0]))
        before = f"{problem}:\n{_show(ratings, one)}\n{_show(ratings, other)}\n("
        after = f" such pairs of rows in total.) Correct the table, or set {fix}"
        raise BadRows(problem, [one, other], before, int(conflict.sum()), after)


def _differ(column: pd.Series, rows: NDArray[np.int64], kept: NDArray[np.int64]) -> NDArray:
    values = column.to_numpy()
    return values[rows] != values[kept]


def _show(ratings: pd.DataFrame, row: int) -> str:
    values = ", ".join(
        f"{name}: {plain(ratings[name].iloc[row])!r}" for name in ratings if name != ROW
    )
    return f"  {number_of(ratings, row)}: {values}"
