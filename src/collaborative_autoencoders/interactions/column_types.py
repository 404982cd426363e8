"""Conversion of each column to one type: ids to int64 or text, ratings to float32, sortable times.

Row numbers in errors count data rows from 1, without the header.
"""

from typing import Any, NoReturn, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api import types
from pydantic import model_validator

from collaborative_autoencoders.columns import ITEM, RATING, TIMESTAMP, USER
from collaborative_autoencoders.options import Options


class RatingScale(Options):
    """The lowest and the highest possible rating."""

    lowest: float
    highest: float

    @model_validator(mode="after")
    def _lowest_is_below_highest(self) -> Self:
        if self.lowest >= self.highest:
            raise ValueError(f"lowest: {self.lowest} is not below highest: {self.highest}")
        return self


def checked_ids(table: pd.DataFrame, name: str) -> pd.Series:
    """Return the ids as int64 or as text. Text is not stripped.

    Whole numbers stored as floats become integers. Raises ValueError if an id is null, empty, not
    a whole number or a float of 2^53 or more, or if text and numbers are mixed.
    """
    column = _without_categories(table[name])
    fix = (
        "Drop the row. To read NA as text, set `load_args: {keep_default_na: false}` in the "
        "catalog entry."
    )
    refuse_rows(table, name, column.isna().to_numpy(), "is null", fix)
    if types.is_bool_dtype(column) or types.is_datetime64_any_dtype(column):
        _refuse_id_type(name, str(column.dtype))
    if types.is_integer_dtype(column):
        return _as_int64(column, name)
    if types.is_float_dtype(column):
        fraction_N = (column.to_numpy(dtype=float) % 1 != 0) | (column.abs() >= 2**53).to_numpy()
        problem = "is not a whole number below 2^53"
        refuse_rows(table, name, fraction_N, problem, _read_as_text(name))
        return column.astype(np.int64)
    return _checked_text(table, column, name)


def _without_categories(column: pd.Series) -> pd.Series:
    if isinstance(column.dtype, pd.CategoricalDtype):
        return column.astype(column.cat.categories.dtype)
    return column


def _as_int64(column: pd.Series, name: str) -> pd.Series:
    if len(column) and int(column.max()) > np.iinfo(np.int64).max:
        _refuse_id_type(name, "integers above 2^63")
    return column.astype(np.int64)


def _checked_text(table: pd.DataFrame, column: pd.Series, name: str) -> pd.Series:
    kind = types.infer_dtype(column)
    if kind == "integer":
        return _as_int64(column.astype(np.int64), name)
    if kind.startswith("mixed"):
        is_text_N = column.map(lambda raw_id: isinstance(raw_id, str)).to_numpy()
        other = f"has another type than the value in row 1 ({column.iloc[0]!r})"
        refuse_rows(table, name, is_text_N != is_text_N[0], other, _read_as_text(name))
    if kind != "string":
        _refuse_id_type(name, kind)
    text = column.astype("str")
    refuse_rows(table, name, (text == "").to_numpy(), "is empty", "Add the id or drop the row.")
    return text


def _refuse_id_type(name: str, kind: str) -> NoReturn:
    raise ValueError(f"{name} holds {kind}; ids must be text or integers. {_read_as_text(name)}")


def _read_as_text(name: str) -> str:
    return (
        "Read the column as text: set "
        f"`load_args: {{dtype: {{<the column of {name}>: str}}}}` in the table's catalog entry."
    )


def checked_ratings(table: pd.DataFrame, scale: RatingScale | None) -> pd.Series:
    """Return the ratings as float32. Text that is a number is converted.

    Raises ValueError, with the first bad row, if a rating is not a finite number or lies outside
    the scale.
    """
    numbers_N = _as_numbers(table[RATING])
    fix = "Correct or drop the row; `load_args: {decimal: ','}` in the catalog entry reads 4,5."
    refuse_rows(table, RATING, ~np.isfinite(numbers_N), "is not a finite number", fix)
    if scale is not None:
        outside_N = (numbers_N < scale.lowest) | (numbers_N > scale.highest)
        problem = f"lies outside the scale from {scale.lowest} to {scale.highest}"
        fix = "Correct the row, or set `cleaning.rating_scale` (null accepts any finite number)."
        refuse_rows(table, RATING, outside_N, problem, fix)
    return pd.Series(numbers_N.astype(np.float32), index=table.index, name=RATING)


def _as_numbers(column: pd.Series) -> NDArray[np.float64]:
    column = _without_categories(column)
    if not types.is_numeric_dtype(column):
        column = pd.to_numeric(column.astype("str"), errors="coerce")
    return column.to_numpy(dtype=np.float64, na_value=np.nan)


def checked_timestamps(table: pd.DataFrame) -> pd.Series:
    """Return the times as int64, float64 or datetime64 (UTC, without time zone).

    Text is read as numbers if its first row is a number, else as ISO 8601 dates. Raises ValueError,
    with the first bad row, if a time is null or cannot be read.
    """
    column = _without_categories(table[TIMESTAMP])
    if types.is_integer_dtype(column) and not column.hasnans:
        return column.astype(np.int64)
    numbers_N = _as_numbers(column)
    if types.is_numeric_dtype(column) or np.isfinite(numbers_N[0]):
        times = pd.Series(numbers_N, index=table.index).where(np.isfinite(numbers_N))
    else:
        times = _as_dates(column)
    fix = "Correct the row, or ignore times with `cleaning.columns.timestamp: null`."
    refuse_rows(table, TIMESTAMP, times.isna().to_numpy(), "is not a valid time", fix)
    return times.rename(TIMESTAMP)


def _as_dates(column: pd.Series) -> pd.Series:
    dates = column if types.is_datetime64_any_dtype(column) else column.astype("str")
    utc = pd.to_datetime(dates, errors="coerce", utc=True, format="ISO8601")
    return utc.dt.tz_localize(None)


def refuse_rows(
    table: pd.DataFrame, name: str, bad_N: NDArray[np.bool_], problem: str, fix: str
) -> None:
    """Raise ValueError if `bad_N` marks a row.

    The message has the number, ids and value of the first such row, the number of such rows, the
    problem and the fix.
    """
    if not bad_N.any():
        return
    position = int(np.argmax(bad_N))
    raise ValueError(
        f"{show_row(table, position)}: {name} {plain(table[name].iloc[position])!r} {problem} "
        f"({int(bad_N.sum()):,} such rows in total). {fix}"
    )


def show_row(table: pd.DataFrame, position: int) -> str:
    """Return the row's number and ids: `row 3 (user_id: 7, item_id: 'b')` for position 2."""
    row = {name: plain(table[name].iloc[position]) for name in table if name in (USER, ITEM)}
    return f"row {position + 1} ({', '.join(f'{name}: {value!r}' for name, value in row.items())})"


def plain(value: Any) -> Any:
    """Return a NumPy scalar as a Python value, so that 4.0 prints as `4.0`; others unchanged."""
    return value.item() if isinstance(value, np.generic) else value
