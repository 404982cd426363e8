"""An answer to a request: its columns as a table, or as the lines of a server's JSON.

Dimension key: R rows of a request, K places of a list, P places that hold an item, L lines of the
answer.
"""

from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api.extensions import ExtensionArray

from collaborative_autoencoders.columns import ROW

Column = NDArray[Any] | ExtensionArray | pd.Series


def table_of(columns: Mapping[str, Column]) -> pd.DataFrame:
    """Return the answer as a table."""
    return pd.DataFrame(columns, index=pd.RangeIndex(len(columns[ROW])), copy=False)


def lines_of(columns: Mapping[str, Column]) -> list[dict[str, Any]]:
    """Return a dict per line, of which MLflow makes the same JSON as of the table.

    MLflow makes such dicts of a table. Without the table, one served user takes a fifth less time.
    """
    cells = [np.asarray(column).tolist() for column in columns.values()]
    return [dict(zip(columns, line, strict=True)) for line in zip(*cells, strict=True)]


def line_up(
    in_list_RK: NDArray[np.bool_], one_line_per_row: bool
) -> tuple[NDArray[np.int64], Callable[[Column], Column]]:
    """Return the row of each line, shape (L,), and what makes a column of lines of one of places.

    A line is a place that holds an item, or with `one_line_per_row` a row, whose cells are lists.
    """
    row_P = np.nonzero(in_list_RK)[0]
    if not one_line_per_row:
        return row_P, lambda column_P: column_P
    ends = [0, *np.cumsum(in_list_RK.sum(axis=1)).tolist()]

    def lists_of(column_P: Column) -> Column:
        cells = np.asarray(column_P).tolist()
        lists_R = np.empty(len(in_list_RK), dtype=object)
        for row, (start, end) in enumerate(pairwise(ends)):
            lists_R[row] = cells[start:end]
        return lists_R

    return np.arange(len(in_list_RK)), lists_of


def of_one_type(ids: list[Any], kind: type, row_L: NDArray[np.int64]) -> Column:
    """Return the ids of these rows as a column. Beside a null, integers stay integers."""
    has_null = None in ids
    if kind is int:
        ids_R = np.array(ids, dtype=object if has_null else None)
        if ids_R.dtype != np.float64:  # no rows, or integers that have no type in common
            return ids_R[row_L]
    if has_null:  # a Series, because pandas makes texts of an array of texts and nulls
        return pd.Series(np.array(ids, dtype=object)[row_L], dtype=object)
    return pd.Series(ids).array.take(row_L)
