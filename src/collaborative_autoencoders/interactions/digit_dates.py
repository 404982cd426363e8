"""Dates that are written as one number with the day or the month first: no order of time.

31012019, 1122019 (a zero in front is lost)     31 January is before 1 December
"""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from collaborative_autoencoders.columns import TIMESTAMP

from .date_forms import CORRECT
from .rows import FORMAT, PART_TYPE, name_in_file, plain, refuse_rows, with_arguments

CLOCK = {8: "", 10: "%H", 12: "%H%M", 14: "%H%M%S"}
"""The time of day after a date, by the number of digits of both."""

YEARS = (1900, 2100)
LAST_DAY = np.array([0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])

FEW = 1000
"""Rows that are looked at first. Other numbers fail there."""


def refuse_digit_dates(table: pd.DataFrame, times_N: NDArray[np.int64 | np.float64]) -> None:
    """Raise ValueError if all times are numbers such as 31012019, with the day or month first.

    Likewise if others are 0 or less, for unknown times. 20190131, with the year first, is in the
    order of time, and is no date of these forms.
    """
    digits = len(str(int(min(times_N.max(), 10.0**15))))
    digits += digits % 2  # without the zero in front
    if digits not in CLOCK:
        return
    orders = {
        first: f"{form}{CLOCK[digits]}"
        for first, form in {"day": "%d%m%Y", "month": "%m%d%Y"}.items()
        if all(_are_dates(part, digits, first) for part in (times_N[:FEW], times_N))
    }
    if not orders:
        return
    known_N = times_N > 0
    date = plain(table[TIMESTAMP].iloc[int(np.argmax(known_N))])
    refuse_rows(table, TIMESTAMP, ~known_N, f"is no date, as {date} among the others is", CORRECT)
    problem = f"is a date with the {' or '.join(orders)} first: its number is no order of time"
    fix = _fix(table, date, list(orders.values()), digits)
    refuse_rows(table, TIMESTAMP, known_N, problem, fix)


def _are_dates(times_N: NDArray[np.int64 | np.float64], digits: int, first: str) -> bool:
    known_N = times_N[times_N > 0]
    whole_N = known_N.astype(np.int64)
    if not (whole_N == known_N).all():
        return False
    date_N, clock_N = np.divmod(whole_N, 10 ** (digits - 8))
    year_N, month_N, day_N = date_N % 10**4, date_N // 10**4 % 100, date_N // 10**6
    if first == "month":
        month_N, day_N = day_N, month_N
    is_date_N = (year_N >= YEARS[0]) & (year_N <= YEARS[1]) & (month_N >= 1) & (month_N <= 12)
    is_date_N &= (day_N >= 1) & (day_N <= LAST_DAY[np.clip(month_N, 0, 12)])
    for place in range(digits - 10, -2, -2):  # hours, minutes and seconds
        limit = 24 if place == digits - 10 else 60
        is_date_N &= clock_N // 10**place % 100 < limit
    return bool(is_date_N.all())


def _fix(table: pd.DataFrame, date: object, forms: list[str], digits: int) -> str:
    """Return how dates such as `date` are read. Cells of Excel have lost the zeros in front."""
    column = name_in_file(table, TIMESTAMP)
    if table.attrs.get(FORMAT) == "CSV" and "." not in str(date):
        args = [
            with_arguments(
                f"{{dtype: {{{column}: str}}, parse_dates: [{column}], date_format: '{form}'}}",
                table.attrs.get(PART_TYPE),
            )
            for form in forms
        ]
        return f"Set {' or '.join(args)} in the catalog entry."
    text = f"table[{column!r}].astype(float).astype(int).astype(str).str.zfill({digits})"
    codes = [f"`table[{column!r}] = pd.to_datetime({text}, format={form!r})`" for form in forms]
    return f"Convert the column where the table is made: {' or '.join(codes)}."
