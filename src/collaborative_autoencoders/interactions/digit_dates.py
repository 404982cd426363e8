"""Dates that are written as one number that does not begin with the year: no order of time.

31012019, 1122019 (a zero in front is lost)     31 January is before 1 December
31.01, 1.12       11.2017, 9.2018               and so are these
201711, 20189     (a month without its zero)    November 2017 is before September 2018
"""

from collections.abc import Mapping
from itertools import product
from typing import Any, Literal, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from collaborative_autoencoders.columns import TIMESTAMP

from .date_forms import CORRECT
from .rows import FORMAT, PART_TYPE, name_in_file, plain, refuse_rows, with_arguments

Numbers = NDArray[np.int64 | np.float64]

CLOCKS = {"": 0, "%H": 2, "%H%M": 4, "%H%M%S": 6}
"""Digits of the time of day after a date."""

YEARS = (1900, 2100)

FEW = 1000
"""Rows that are looked at first, at most."""

PIECE = 2**20
"""Distinct times that are converted at once."""

ENOUGH = 10
"""Distinct numbers that are hardly all dates of a form by chance."""

NO_YEAR = 30
"""Two digits from this number on are a day and no year: 2030 is to come."""


class Form(NamedTuple):
    """A form of dates, and how numbers of this form are written."""

    date: str
    """As in `strptime`."""

    written: str
    """As in `str.format`. It adds the zeros that numbers do not have."""

    highest: tuple[int, int]
    """The highest number of this form is at least the first of these, and below the second."""

    first: str
    """What it begins with."""

    other: str | None = None
    """The form in the order of time that such a number may have instead."""

    @property
    def is_sure(self) -> bool:
        """Whether hardly any other number is a date of this form."""
        return self.date.startswith(("%d%m%Y", "%m%d%Y"))


def _forms() -> tuple[Form, ...]:
    forms = []
    for (first, date), year in product({"day": "%d%m", "month": "%m%d"}.items(), ("%Y", "%y")):
        for clock, digits in CLOCKS.items():
            if year == "%y" and clock == "%H":
                continue  # 31012019 is a date of 2019
            width = digits + (8 if year == "%Y" else 6)
            other = f"%y%m%d{clock}" if year == "%y" else None
            between = (10 ** (width - 2), 10**width)
            forms.append(Form(f"{date}{year}{clock}", f"{{:0{width}.0f}}", between, first, other))
    return (
        *forms,
        Form("%m%Y", "{:06.0f}", (10**4, 10**6), "month"),
        Form("%j%Y", "{:07.0f}", (10**6, 10**7), "day of the year"),
        Form("%Y%m", "{:.0f}", (10**5, 10**6), "year"),
        Form("%m.%Y", "{:07.4f}", (1, 100), "month"),
        Form("%d.%m", "{:05.2f}", (1, 100), "day", "%m.%d"),
    )


FORMS = _forms()


def refuse_digit_dates(table: pd.DataFrame, times_N: Numbers) -> None:
    """Raise ValueError if all times are numbers such as 31012019, with the day or month first.

    Likewise if others are 0 or less, for unknown times. 20190131, with the year first, is in the
    order of time, and is no date of these forms. Shorter dates, such as 310119, are refused if they
    are many and in another order than that of time: a few of them may be counters.
    """
    forms = [form for form in FORMS if _reading(form, times_N) == "this"]
    if not forms:
        return
    known_N = times_N > 0
    date = plain(table[TIMESTAMP].iloc[int(np.argmax(known_N))])
    refuse_rows(table, TIMESTAMP, ~known_N, f"is no date, as {date} among the others is", CORRECT)
    firsts = " or ".join(dict.fromkeys(form.first for form in forms))
    problem = f"is a date with the {firsts} first: its number is no order of time"
    if firsts == "year":
        problem = "is a year and a month without its zero in front: its number is no order of time"
    refuse_rows(table, TIMESTAMP, known_N, problem, _fix(table, date, forms))


def about_order(clean: pd.DataFrame, raw_attrs: Mapping[Any, Any]) -> str | None:
    """Return how times are read that may be dates with the year first or with the day first.

    None for other times, and if the many days of the month say what is first. The fix is for the
    raw table, whose `attrs` have its format and the names of its columns.
    """
    if TIMESTAMP not in clean or not pd.api.types.is_numeric_dtype(clean[TIMESTAMP]):
        return None
    times_N = clean[TIMESTAMP].to_numpy()
    for form in FORMS:
        if _reading(form, times_N) == "either":
            date, raw = plain(times_N[int(np.argmax(times_N > 0))]), clean[:0]
            raw.attrs = dict(raw_attrs)
            return (
                f"{TIMESTAMP}: numbers such as {date} are dates of the form {form.other}, which "
                f"is in the order of time, or {form.date}. They are used as {form.other}. If they "
                f"are {form.date}: {_fix(raw, date, [form])}"
            )
    return None


def _reading(form: Form, times_N: Numbers) -> Literal["this", "either"] | None:
    """Return whether times above 0 are of "this" form, or may be of its `other` too ("either").

    None if one is no such date, and if all are such by chance or are in the order of time. A few
    rows of the whole table are looked at first: nearly all tables fail there.
    """
    if not form.highest[0] <= times_N.max() < form.highest[1]:
        return None
    reading = _reading_of(form, times_N[:: len(times_N) // FEW + 1])
    return reading if reading is None else _reading_of(form, times_N)


def _reading_of(form: Form, times_N: Numbers) -> Literal["this", "either"] | None:
    """Return the reading of these times. Of two forms, "this" has a day that is no year."""
    times = np.unique(times_N[times_N > 0])
    dates = _dates(form.date, form.written, times)
    if dates is None or (len(dates) >= ENOUGH and _is_counter(form, dates)):
        return None
    if form.is_sure:
        return "this"
    if len(dates) < ENOUGH or dates.is_monotonic_increasing:
        return None
    if form.other is None or _dates(form.other, form.written, times) is None:
        return "this"
    if dates.dt.day.nunique() < _days_of_other(form, dates).nunique():
        return None
    return "this" if dates.dt.day.max() >= NO_YEAR else "either"


def _is_counter(form: Form, dates: pd.Series) -> bool:
    """Return whether all dates are of one day or month, as those of 40100, 40101, …, 41299.

    Of a form that is sure, of one day and month, as those of 2022001, 2022002, …, 2022100.
    """
    fields = {"%d": dates.dt.day, "%m": dates.dt.month, "%j": dates.dt.dayofyear}
    is_one = [of.nunique() == 1 for field, of in fields.items() if field in form.date]
    return all(is_one) if form.is_sure else any(is_one)


def _days_of_other(form: Form, dates: pd.Series) -> pd.Series:
    """Return what would be the days if the dates were of the `other` form: their years, or months.

    031117    day first: 3 November 2017    year first: 17 November 2003
    """
    return dates.dt.year if "%y" in form.date else dates.dt.month


def _dates(form: str, written: str, times: Numbers) -> pd.Series | None:
    """Return the date of each of these times, which are distinct; None if one is no date."""
    pieces = []
    for start in range(0, max(len(times), 1), PIECE):
        dates = _parsed(form, written, times[start : start + PIECE])
        if dates is None:
            return None
        pieces.append(dates)
    return pd.concat(pieces, ignore_index=True)


def _parsed(form: str, written: str, times: Numbers) -> pd.Series | None:
    texts = [written.format(time) for time in times.tolist()]
    if not np.array_equal(np.array(texts, dtype=float), times):
        return None
    year, directive = ("", "") if _has_year(form) else (".2000", ".%Y")  # a leap year
    dates = pd.to_datetime(
        pd.Series(texts, dtype="str") + year, format=form + directive, errors="coerce"
    )
    return dates if dates.dt.year.between(*YEARS).all() else None


def _fix(table: pd.DataFrame, date: object, forms: list[Form]) -> str:
    """Return how dates such as `date` are read. Cells of Excel have lost the zeros in front."""
    column = name_in_file(table, TIMESTAMP)
    is_as_written = "." not in str(date) or "." in forms[0].date
    if (
        table.attrs.get(FORMAT) == "CSV"
        and is_as_written
        and all(_has_year(form.date) for form in forms)
    ):
        read = f"dtype: {{{column}: str}}, parse_dates: [{column}], date_format: "
        args = [
            with_arguments(f"{{{read}'{form.date}'}}", table.attrs.get(PART_TYPE)) for form in forms
        ]
        return f"Set {' or '.join(args)} in the catalog entry."
    codes = " or ".join(f"`table[{column!r}] = {_in_pandas(column, form)}`" for form in forms)
    year = (
        ""
        if all(_has_year(form.date) for form in forms)
        else ", with the year of the dates instead of 2000"
    )
    return f"Convert the column where the table is made{year}: {codes}."


def _in_pandas(column: object, form: Form) -> str:
    """Return the code that reads a column of numbers."""
    text = f"table[{column!r}].astype(float).map({form.written!r}.format)"
    if _has_year(form.date):
        return f"pd.to_datetime({text}, format={form.date!r})"
    return f"pd.to_datetime({text} + '.2000', format='{form.date}.%Y')"


def _has_year(form: str) -> bool:
    return "y" in form.lower()
