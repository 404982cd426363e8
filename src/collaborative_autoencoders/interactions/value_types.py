"""Conversion of ratings to float32, and of times to numbers or dates that can be sorted."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api import types

from collaborative_autoencoders.columns import RATING, TIMESTAMP

from .column_types import WHOLE_BELOW, RatingScale, as_numbers, whole_below, without_categories
from .date_forms import CORRECT, as_dates, date_fix
from .digit_dates import refuse_digit_dates
from .rows import fix_in_entry, name_in_file, plain, refuse_rows, show_row

UNITS = {"seconds": 1, "milliseconds": 10**3, "microseconds": 10**6, "nanoseconds": 10**9}
FIRST, LAST = 31_536_000, 4_102_444_800
"""Seconds since 1970 at the start of 1971 and of 2100. No number is a date in two units."""

WITH_COMMA = r"-?[0-9.]*,[0-9.,]*"
THOUSANDS = r"-?[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]*)?"
EITHER = r"-?[0-9]{1,3},[0-9]{3}"
"""4,250 is 4250, or 4.25."""


def checked_ratings(table: pd.DataFrame, scale: RatingScale | None) -> pd.Series:
    """Return the ratings as float32. Text that is a number is converted.

    Raises ValueError, with the first bad row, if a rating is not a finite number, is one that
    float32 does not hold, or lies outside the scale.
    """
    numbers_N = as_numbers(table[RATING])
    bad_N = ~np.isfinite(numbers_N)
    if bad_N.any():
        fix = f"Correct or drop the row.{_comma_fix(table, bad_N, scale)}"
        refuse_rows(table, RATING, bad_N, "is not a finite number", fix)
    if scale is not None:
        outside_N = (numbers_N < scale.lowest) | (numbers_N > scale.highest)
        problem = f"lies outside the scale from {scale.lowest} to {scale.highest}"
        fix = "Correct the row, or set `cleaning.rating_scale` (null accepts any finite number)."
        refuse_rows(table, RATING, outside_N, problem, fix)
    largest = np.finfo(np.float32).max
    fix = "Correct the row, or divide the column where the table is made."
    large_N = np.abs(numbers_N) > largest
    refuse_rows(table, RATING, large_N, f"is beyond {largest:.1g}, the last float32", fix)
    return pd.Series(numbers_N.astype(np.float32), index=table.index, name=RATING)


def _comma_fix(table: pd.DataFrame, bad_N: NDArray[np.bool_], scale: RatingScale | None) -> str:
    """Return how numbers with commas are read: 4,5 or 2,007 or 1.234,5; empty without them."""
    text = table[RATING].astype("str")
    commas = text[bad_N]
    commas = commas[commas.str.fullmatch(WITH_COMMA).to_numpy(dtype=bool, na_value=False)]
    if commas.empty:
        return ""
    first = commas.iloc[0]
    points = text[text.str.contains(".", regex=False) & ~text.isin(commas)]
    if not commas.str.fullmatch(THOUSANDS).all():
        grouped = bool(commas.str.contains(".", regex=False).any())
        if len(points) and not grouped:
            return (
                f" Numbers with a comma and with a point are mixed, {first} and {points.iloc[0]}: "
                "write all in one form where the table is made."
            )
        return f" If {first} is a number: {_comma_is_decimal(table, grouped)}."
    thousands = float(first.replace(",", ""))
    fixes = [f"If {first} is {thousands:.12g}: {_comma_is_thousands(table)}."]
    if commas.str.fullmatch(EITHER).all() and points.empty:
        decimal = float(first.replace(",", "."))
        other = f"If {first} is {decimal:g}: {_comma_is_decimal(table, grouped=False)}."
        fixes = [other] if scale and thousands > scale.highest else [*fixes, other]
    return " " + " ".join(fixes)


def _comma_is_thousands(table: pd.DataFrame) -> str:
    column = name_in_file(table, RATING)
    number = f"table[{column!r}].astype(str).str.replace(',', '')"
    return fix_in_entry(table, "{thousands: ','}", f"table[{column!r}] = {number}.astype(float)")


def _comma_is_decimal(table: pd.DataFrame, grouped: bool) -> str:
    column = name_in_file(table, RATING)
    args = "{decimal: ',', thousands: '.'}" if grouped else "{decimal: ','}"
    points = ".str.replace('.', '')" if grouped else ""
    number = f"table[{column!r}].astype(str){points}.str.replace(',', '.')"
    return fix_in_entry(table, args, f"table[{column!r}] = {number}.astype(float)")


def checked_timestamps(table: pd.DataFrame) -> pd.Series:
    """Return the times as int64, float64 or datetime64 (UTC, without time zone).

    Text is read as numbers if its first row is a number, else as ISO 8601 dates. Raises ValueError,
    with the first bad row, if a time is null, cannot be read or has lost its last digits, if times
    have two units, or if all are dates as one number with the day or the month first.
    """
    times = _times(table, without_categories(table[TIMESTAMP]))
    if types.is_numeric_dtype(times):
        _refuse_two_units(table, times.to_numpy())
        refuse_digit_dates(table, times.to_numpy())
    return times


def _times(table: pd.DataFrame, column: pd.Series) -> pd.Series:
    if types.is_integer_dtype(column) and not column.hasnans:
        large_N = (column > np.iinfo(np.int64).max).to_numpy(dtype=bool)
        refuse_rows(table, TIMESTAMP, large_N, "is no time: it is 2^63 or more", CORRECT)
        return column.astype(np.int64)
    numbers_N = as_numbers(column)
    limit = whole_below(column.dtype)
    if limit < WHOLE_BELOW:
        fix = "Its last digits are lost. Store times as integers where the table is made."
        problem = f"is a float of 2^{int(np.log2(limit))} or more"
        refuse_rows(table, TIMESTAMP, np.abs(numbers_N) >= limit, problem, fix)
    if types.is_numeric_dtype(column) or np.isfinite(numbers_N[0]):
        times = pd.Series(numbers_N, index=table.index).where(np.isfinite(numbers_N))
    else:
        times = as_dates(column)
    bad_N = times.isna().to_numpy()
    if bad_N.any():
        fix = f"{CORRECT}{date_fix(table, column, bad_N)}"
        refuse_rows(table, TIMESTAMP, bad_N, "is not a valid time", fix)
    return times.rename(TIMESTAMP)


def unit_of(time: float) -> str | None:
    """Return the unit in which a number is a date from 1971 to 2099; None if it is in none."""
    within = (unit for unit, scale in UNITS.items() if FIRST * scale <= time < LAST * scale)
    return next(within, None)


def _refuse_two_units(table: pd.DataFrame, times_N: NDArray[Any]) -> None:
    """Raise ValueError, with a row of each, if some times are seconds and others parts of them.

    They are numbers of dates from 1971 to 2099 in two units. Counters would lie between those of
    one unit and of the next too: there may be fewer of these than of either unit.
    """
    if times_N.max() < FIRST * UNITS["milliseconds"]:
        return
    place_of, counts, within_N = {}, [], times_N < FIRST  # such as 0 for an unknown time
    for unit, scale in UNITS.items():
        of_unit_N = (times_N >= FIRST * scale) & (times_N < LAST * scale)
        within_N |= of_unit_N
        if of_unit_N.any():
            place_of[unit] = int(np.argmax(of_unit_N))
            counts.append(np.count_nonzero(of_unit_N))
    if len(place_of) < 2 or np.count_nonzero(~within_N) >= min(counts):
        return
    shown = " and ".join(
        f"{show_row(table, place)} has {unit}, {plain(table[TIMESTAMP].iloc[place])}"
        for unit, place in place_of.items()
    )
    raise ValueError(
        f"{TIMESTAMP}: {shown}, as dates since 1970. Write all times in one unit where the table "
        "is made, or ignore them with `cleaning.columns.timestamp: null`."
    )
