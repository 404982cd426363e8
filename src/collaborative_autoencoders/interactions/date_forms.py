"""Forms of dates that are no ISO 8601, and how a table says them."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api import types

from collaborative_autoencoders.columns import TIMESTAMP

from .column_types import as_numbers
from .rows import fix_in_entry, name_in_file, plain

CORRECT = "Correct the row, or ignore times with `cleaning.columns.timestamp: null`."

NOW = ("now", "today")
"""Texts that pandas takes for the moment of reading."""

DATES = (
    *("%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%Y/%m/%d", "%d-%m-%Y", "%d.%m.%y", "%d/%m/%y"),
    *("%m/%d/%y", "%d-%m-%y", "%m-%d-%Y", "%m-%d-%y", "%y-%m-%d", "%y/%m/%d", "%y.%m.%d"),
    *("%d %b %Y", "%b %d, %Y", "%d %B %Y", "%B %d, %Y", "%m %d, %Y"),
)

FIRST = {"%d": "day", "%m": "month", "%b": "month", "%B": "month", "%y": "year", "%Y": "year"}
"""What a date of a form begins with, by its first directive."""

TIMES = (
    *("", " %H:%M", " %H:%M:%S", ", %H:%M", ", %H:%M:%S", " %I:%M %p", " %I:%M:%S %p"),
    *("T%H:%M", "T%H:%M:%S"),
)
WITH_DAY_OF_WEEK = (
    *("%a %b %d %H:%M:%S %Y", "%a %b %d %H:%M:%S %z %Y", "%a %b %d %H:%M:%S %Z %Y"),
    *("%a, %d %b %Y %H:%M:%S %z", "%a, %d %b %Y %H:%M:%S %Z"),
)


def date_fix(table: pd.DataFrame, column: pd.Series, bad_N: NDArray[np.bool_]) -> str:
    """Return how dates of a known form are read; of forms that fit, all. Empty without one."""
    text = column.astype("str").drop_duplicates()
    bad = column[bad_N].astype("str").drop_duplicates()
    if bad.isin(NOW).any():
        return ""
    forms = (*(date + time for date in DATES for time in TIMES), *WITH_DAY_OF_WEEK)
    fitting = [form for form in forms if _all_fit(bad, form)]
    fitting_all = [form for form in fitting if _all_fit(text, form)]
    good = column[~bad_N]
    is_other = fitting or as_dates(bad).notna().all() or np.isfinite(as_numbers(bad)).all()
    if len(good) and not fitting_all and is_other:
        return (
            f" Times of two forms are mixed, {plain(good.iloc[0])} and {bad.iloc[0]}: write all "
            "in one where the table is made."
        )
    name = name_in_file(table, TIMESTAMP)
    fixes = [
        fix_in_entry(
            table,
            f"{{parse_dates: [{name}], date_format: '{form}'}}",
            f"table[{name!r}] = pd.to_datetime(table[{name!r}], format={form!r})",
        )
        for form in fitting_all
    ]
    if len(fixes) < 2:
        return "".join(f" If {bad.iloc[0]} is a date: {fix}." for fix in fixes)
    first, *others = [FIRST.get(form[:2], "day") for form in fitting_all]
    said = f" If {bad.iloc[0]} is a date with the {first} first: {fixes[0]}."
    for other, fix in zip(others, fixes[1:], strict=True):
        said += f" With the {other} first: {fix[fix.index('`') : fix.rindex('`') + 1]}."
    return said


def _all_fit(text: pd.Series, form: str) -> bool:
    """Return whether all texts are dates of this form. Most forms fail at the first text."""
    try:
        return all(
            pd.to_datetime(texts, format=form, errors="coerce").notna().all()
            for texts in (text.head(1), text)
        )
    except ValueError:  # time zones are mixed
        return False


def as_dates(column: pd.Series) -> pd.Series:
    """Return dates without time zone, of UTC, and NaT for what is none."""
    if types.is_datetime64_any_dtype(column):
        return pd.to_datetime(column, utc=True).dt.tz_localize(None)
    text = column.astype("str")
    if text.str.endswith((" UTC", " GMT")).any():  # databases write it, and ISO 8601 does not
        text = text.str.replace(r" (?:UTC|GMT)$", "Z", regex=True)
    utc = pd.to_datetime(text, errors="coerce", utc=True, format="ISO8601")
    return utc.dt.tz_localize(None).mask(text.isin(NOW))
