"""Each column as one type: ids integers or text, ratings float32, times what can be sorted.

Row numbers in errors count the rows of data from 1; a header is not counted.
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
    """The lowest and the highest rating that can be given."""

    lowest: float
    highest: float

    @model_validator(mode="after")
    def _lowest_is_below_highest(self) -> Self:
        if self.lowest >= self.highest:
            raise ValueError(f"lowest: {self.lowest} is not below highest: {self.highest}")
        return self


def checked_ids(table: pd.DataFrame, name: str) -> pd.Series:
    """The ids as int64 or as text, nothing stripped.

    Whole numbers that came as floats are integers again. Raises ValueError where an id is null or
    empty, is a fraction, or is text in one row and a number in another.
    """
    column = _without_categories(table[name])
    mend = "Every row needs an id: drop it; `load_args: {keep_default_na: false}` reads NA as text."
    refuse_rows(table, name, column.isna().to_numpy(), "is null", mend)
    if types.is_bool_dtype(column) or types.is_datetime64_any_dtype(column):
        _refuse_id_type(name, str(column.dtype))
    if types.is_integer_dtype(column):
        return _as_int64(column, name)
    if types.is_float_dtype(column):
        fraction_N = (column.to_numpy(dtype=float) % 1 != 0) | (column.abs() >= 2**53).to_numpy()
        refuse_rows(table, name, fraction_N, "is no whole number", _read_as_text(name))
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
        other = f"is of another type than row 1 ({column.iloc[0]!r})"
        refuse_rows(table, name, is_text_N != is_text_N[0], other, _read_as_text(name))
    if kind != "string":
        _refuse_id_type(name, kind)
    text = column.astype("str")
    refuse_rows(table, name, (text == "").to_numpy(), "is empty", "Every row needs an id.")
    return text


def _refuse_id_type(name: str, kind: str) -> NoReturn:
    raise ValueError(f"{name} holds {kind}, and an id is text or an integer. {_read_as_text(name)}")


def _read_as_text(name: str) -> str:
    return (
        "Read it as text: in the table's catalog entry, "
        f"`load_args: {{dtype: {{<the column of {name}>: str}}}}`."
    )


def checked_ratings(table: pd.DataFrame, scale: RatingScale | None) -> pd.Series:
    """The ratings as float32; text that is a number counts as one.

    Raises ValueError with the first row that is text, NaN, infinite, or outside the scale.
    """
    numbers_N = _as_numbers(table[RATING])
    mend = "Mend or drop it; `load_args: {decimal: ','}` reads 4,5."
    refuse_rows(table, RATING, ~np.isfinite(numbers_N), "is no finite number", mend)
    if scale is not None:
        outside_N = (numbers_N < scale.lowest) | (numbers_N > scale.highest)
        what = f"lies outside the scale from {scale.lowest} to {scale.highest}"
        mend = "Mend the row, or say the scale in `cleaning.rating_scale` (null: any number)."
        refuse_rows(table, RATING, outside_N, what, mend)
    return pd.Series(numbers_N.astype(np.float32), index=table.index, name=RATING)


def _as_numbers(column: pd.Series) -> NDArray[np.float64]:
    column = _without_categories(column)
    if not types.is_numeric_dtype(column):
        column = pd.to_numeric(column.astype("str"), errors="coerce")
    return column.to_numpy(dtype=np.float64, na_value=np.nan)


def checked_timestamps(table: pd.DataFrame) -> pd.Series:
    """The times as int64, float64 or datetime64 (UTC): what can be sorted and compared.

    Text is read as its first row can be: as numbers or as ISO 8601 dates. Raises ValueError with
    the first row that is null or cannot be read so.
    """
    column = _without_categories(table[TIMESTAMP])
    if types.is_integer_dtype(column) and not column.hasnans:
        return column.astype(np.int64)
    numbers_N = _as_numbers(column)
    if types.is_numeric_dtype(column) or np.isfinite(numbers_N[0]):
        times = pd.Series(numbers_N, index=table.index).where(np.isfinite(numbers_N))
    else:
        times = _as_dates(column)
    mend = "Mend it, or do without times: `cleaning.columns.timestamp: null`."
    refuse_rows(table, TIMESTAMP, times.isna().to_numpy(), "is no time", mend)
    return times.rename(TIMESTAMP)


def _as_dates(column: pd.Series) -> pd.Series:
    dates = column if types.is_datetime64_any_dtype(column) else column.astype("str")
    utc = pd.to_datetime(dates, errors="coerce", utc=True, format="ISO8601")
    return utc.dt.tz_localize(None)


def refuse_rows(
    table: pd.DataFrame, name: str, bad_N: NDArray[np.bool_], what: str, mend: str
) -> None:
    """Raise ValueError if a row is bad: the first one's number, value and ids, and how many."""
    if not bad_N.any():
        return
    position = int(np.argmax(bad_N))
    raise ValueError(
        f"{show_row(table, position)}: {name} {plain(table[name].iloc[position])!r} {what} "
        f"({int(bad_N.sum()):,} such rows in all). {mend}"
    )


def show_row(table: pd.DataFrame, position: int) -> str:
    """`row 3 (user_id: 7, item_id: 'b')` for position 2."""
    row = {name: plain(table[name].iloc[position]) for name in table if name in (USER, ITEM)}
    return f"row {position + 1} ({', '.join(f'{name}: {value!r}' for name, value in row.items())})"


def plain(value: Any) -> Any:
    """The value as Python shows it: 4.0 and not np.float64(4.0)."""
    return value.item() if isinstance(value, np.generic) else value
