"""Conversion of ratings to float32, and of times to numbers or dates that can be sorted."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api import types

from collaborative_autoencoders.columns import RATING, TIMESTAMP

from .column_types import RatingScale, without_categories
from .rows import fix_in_entry, name_in_file, refuse_rows

WITH_COMMA = r"-?[0-9.]*,[0-9.,]*"
THOUSANDS = r"-?[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]*)?"

DATES = (
    *("%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%Y/%m/%d", "%d-%m-%Y", "%d.%m.%y", "%d/%m/%y"),
    *("%m/%d/%y", "%d-%m-%y", "%m-%d-%Y", "%Y.%m.%d"),
    *("%d %b %Y", "%b %d, %Y", "%d %B %Y", "%B %d, %Y"),
)
TIMES = (
    *("", " %H:%M", " %H:%M:%S", ", %H:%M", ", %H:%M:%S", " %I:%M %p", " %I:%M:%S %p"),
    *("T%H:%M", "T%H:%M:%S"),
)


def checked_ratings(table: pd.DataFrame, scale: RatingScale | None) -> pd.Series:
    """Return the ratings as float32. Text that is a number is converted.

    Raises ValueError, with the first bad row, if a rating is not a finite number or lies outside
    the scale.
    """
    numbers_N = _as_numbers(table[RATING])
    bad_N = ~np.isfinite(numbers_N)
    if bad_N.any():
        fix = f"Correct or drop the row.{_comma_fix(table, bad_N)}"
        refuse_rows(table, RATING, bad_N, "is not a finite number", fix)
    if scale is not None:
        outside_N = (numbers_N < scale.lowest) | (numbers_N > scale.highest)
        problem = f"lies outside the scale from {scale.lowest} to {scale.highest}"
        fix = "Correct the row, or set `cleaning.rating_scale` (null accepts any finite number)."
        refuse_rows(table, RATING, outside_N, problem, fix)
    return pd.Series(numbers_N.astype(np.float32), index=table.index, name=RATING)


def _comma_fix(table: pd.DataFrame, bad_N: NDArray[np.bool_]) -> str:
    """Return how numbers with commas are read: 4,5 or 2,007 or 1.234,5; empty without them."""
    text = table[RATING][bad_N].astype("str")
    commas = text[text.str.fullmatch(WITH_COMMA).to_numpy(dtype=bool, na_value=False)]
    if commas.empty:
        return ""
    column = name_in_file(table, RATING)
    as_text = f"table[{column!r}].astype(str)"
    if commas.str.fullmatch(THOUSANDS).all():
        args, number = "{thousands: ','}", f"{as_text}.str.replace(',', '')"
    elif commas.str.contains(".", regex=False).any():
        args = "{decimal: ',', thousands: '.'}"
        number = f"{as_text}.str.replace('.', '').str.replace(',', '.')"
    else:
        args, number = "{decimal: ','}", f"{as_text}.str.replace(',', '.')"
    fix = fix_in_entry(table, args, f"table[{column!r}] = {number}.astype(float)")
    return f" If {commas.iloc[0]} is a number: {fix}."


def _as_numbers(column: pd.Series) -> NDArray[np.float64]:
    column = without_categories(column)
    if not types.is_numeric_dtype(column):
        column = pd.to_numeric(column.astype("str"), errors="coerce")
    return column.to_numpy(dtype=np.float64, na_value=np.nan)


def checked_timestamps(table: pd.DataFrame) -> pd.Series:
    """Return the times as int64, float64 or datetime64 (UTC, without time zone).

    Text is read as numbers if its first row is a number, else as ISO 8601 dates. Raises ValueError,
    with the first bad row, if a time is null or cannot be read.
    """
    column = without_categories(table[TIMESTAMP])
    if types.is_integer_dtype(column) and not column.hasnans:
        return column.astype(np.int64)
    numbers_N = _as_numbers(column)
    if types.is_numeric_dtype(column) or np.isfinite(numbers_N[0]):
        times = pd.Series(numbers_N, index=table.index).where(np.isfinite(numbers_N))
    else:
        times = _as_dates(column)
    bad_N = times.isna().to_numpy()
    if bad_N.any():
        fix = (
            "Correct the row, or ignore times with `cleaning.columns.timestamp: null`."
            f"{_date_fix(table, column[bad_N])}"
        )
        refuse_rows(table, TIMESTAMP, bad_N, "is not a valid time", fix)
    return times.rename(TIMESTAMP)


def _date_fix(table: pd.DataFrame, bad: pd.Series) -> str:
    """Return how dates of a known form are read; of two forms that fit, both. Empty without one."""
    text = bad.astype("str").drop_duplicates()
    forms = [date + time for date in DATES for time in TIMES]
    fitting = [form for form in forms if _all_fit(text, form)]
    column = name_in_file(table, TIMESTAMP)
    fixes = [
        fix_in_entry(
            table,
            f"{{parse_dates: [{column}], date_format: '{form}'}}",
            f"table[{column!r}] = pd.to_datetime(table[{column!r}], format={form!r})",
        )
        for form in fitting
    ]
    return (
        f" If {text.iloc[0]} is a date: {'. Or, with the month first: '.join(fixes)}."
        if fixes
        else ""
    )


def _all_fit(text: pd.Series, form: str) -> bool:
    """Return whether all texts are dates of this form. Most forms fail at the first text."""
    return all(
        pd.to_datetime(texts, format=form, errors="coerce").notna().all()
        for texts in (text.head(1), text)
    )


def _as_dates(column: pd.Series) -> pd.Series:
    dates = column if types.is_datetime64_any_dtype(column) else column.astype("str")
    utc = pd.to_datetime(dates, errors="coerce", utc=True, format="ISO8601")
    return utc.dt.tz_localize(None)
