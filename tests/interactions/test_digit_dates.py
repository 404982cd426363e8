"""Numbers such as 31012019 are no order of time, and all other numbers are accepted."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from collaborative_autoencoders.interactions.digit_dates import FEW, NO_YEAR, about_order
from collaborative_autoencoders.interactions.rows import FORMAT, NAMES
from collaborative_autoencoders.interactions.value_types import checked_timestamps

DATES = st.datetimes(pd.Timestamp("1900-01-01"), pd.Timestamp("2100-12-31"))
CLOCKS = ["", "%H", "%H%M", "%H%M%S"]


def check(times: object) -> pd.Series:
    return checked_timestamps(pd.DataFrame({"timestamp": times}))


@given(st.lists(DATES, min_size=1, max_size=5), st.sampled_from(CLOCKS), st.booleans())
def test_dates_with_the_day_or_the_month_first_are_refused_and_those_of_the_year_are_not(
    dates, clock, is_day_first
):
    form = ("%d%m%Y" if is_day_first else "%m%d%Y") + clock
    first = "day" if is_day_first else "month"
    numbers = [int(date.strftime(form)) for date in dates]
    with pytest.raises(ValueError, match=rf"row 1 .* is a date with the [a-z ]*{first}") as refused:
        check(numbers)
    assert f"({len(numbers)} such rows in total)" in str(refused.value)
    assert form in str(refused.value)
    with pytest.raises(ValueError, match="is a date with the"):
        check(np.array(numbers, dtype=float))
    years_first = [int(date.strftime("%Y%m%d" + clock)) for date in dates]
    assert check(years_first).tolist() == years_first


def test_dates_that_fit_both_orders_are_named_by_both():
    with pytest.raises(ValueError, match="with the day or month first.*%d%m%Y.*%m%d%Y"):
        check([1022019, 3042020])


@pytest.mark.parametrize("unknown", [0, -1])
def test_an_unknown_time_among_dates_is_named(unknown):
    with pytest.raises(ValueError, match=rf"row 1 .*timestamp {unknown} is no date, as 31012019"):
        check([unknown, 31012019, 1122019])


@pytest.mark.parametrize(
    "times",
    [
        [1, 2, 3],
        [0, 0],
        [-31012019, -1],
        [2019, 2020],
        [31012019, 32012019],  # no 32 January
        [31012019, 1312019, 13012019],  # neither order fits all
        [31012019] * FEW + [99999999],
        [31011899, 1012101],
        [310120192400, 10120191200],  # no hour 24
        [1560000000, 1512201923],  # seconds since 1970
        [1560000000000, 1512201923000],
        [31012019.5, 1122019.0],
        [1e300, 31012019.0],
        [2**63 - 1, 5],
    ],
)
def test_other_numbers_are_accepted(times):
    assert check(times).tolist() == times


MOMENTS = pd.date_range("2017-01-01", "2020-12-31", freq="5D1h7min3s")


def numbers_of(dates: pd.DatetimeIndex, form: str) -> np.ndarray:
    """Return the dates as pandas reads them from a file, in an order that says nothing."""
    number = float if "." in form else int
    return np.random.default_rng(0).permutation([number(date.strftime(form)) for date in dates])


@pytest.mark.parametrize(
    ("form", "first"),
    [
        ("%d%m%y", "day"),
        ("%m%d%y", "month"),
        ("%d%m%y%H%M", "day"),
        ("%m%d%y%H%M%S", "month"),
        ("%m%Y", "month"),
        ("%j%Y", "day of the year"),
        ("%m.%Y", "month"),
        ("%d.%m", "day"),
    ],
)
def test_shorter_dates_are_refused_if_they_are_in_another_order_than_time(form, first):
    times = numbers_of(MOMENTS, form)
    with pytest.raises(ValueError, match=f"is a date with the {first} first") as refused:
        check(times)
    assert f"'{form}" in str(refused.value)
    with pytest.raises(ValueError, match="row 3 .* is no date, as"):
        check([*times[:2], 0, *times[2:]])


def test_a_month_without_its_zero_is_refused_after_the_year_too():
    times = [
        year * 10 ** len(str(month)) + month for year in (2017, 2018) for month in range(1, 13)
    ]
    with pytest.raises(ValueError, match="is a year and a month without its zero .*'%Y%m'"):
        check(times)
    assert check(times[:12]).tolist() == times[:12]  # of one year, in the order of time


@pytest.mark.parametrize(
    "form",
    ["%y%m%d", "%Y%m%d", "%Y%m", "%Y%U", "%Y%j", "%y%m%d%H%M", "%y%m%d%H%M%S", "%Y.%m", "%m.%d"],
)
@pytest.mark.parametrize(
    ("start", "end"),
    [("2017-01-01", "2020-12-31"), ("2001-01-01", "2012-12-31"), ("2022-01-01", "2022-04-10")],
)
def test_dates_with_the_year_first_are_accepted_without_a_word(form, start, end):
    times = numbers_of(pd.date_range(start, end, freq="29h7min"), form)
    assert about_order(pd.DataFrame({"timestamp": check(times)}), {}) is None


@pytest.mark.parametrize(
    "times",
    [
        range(1, 300_000, 7),
        range(10_100, 11_300),  # 1 January 2000 to 1 December 1999, with the day first
        range(40_100, 41_300),  # days since 1900, as spreadsheets count them
        range(10_957, 13_200),  # days since 1970
        range(11_900, 12_101),
        range(1_501_000_000, 1_513_000_000, 86_400),  # seconds since 1970
        range(1_501_000_000_000, 1_513_000_000_000, 10**8 + 1),
        [hour + minute / 100 for hour in range(24) for minute in range(0, 60, 5)],
        [2010 + part / 12 for part in range(100)],
        [number + 0.1 for number in range(1, 31)],
        [31117, 251218, 200919],  # too few to be dates of such a form for certain
    ],
)
def test_counters_are_accepted_without_a_word(times):
    assert about_order(pd.DataFrame({"timestamp": check(list(times))}), {}) is None


@pytest.mark.parametrize("every", ["MS", "ME", "QS"])
@pytest.mark.parametrize("form", ["%y%m%d", "%y%m%d%H%M"])
def test_a_month_of_each_of_many_years_is_not_taken_for_a_day(form, every):
    """Years from 2001 to 2028 have the numbers of days, and a table of months has few days."""
    times = numbers_of(pd.date_range("2001-01-01", "2028-12-31", freq=every), form)
    said = about_order(pd.DataFrame({"timestamp": check(times)}), {})
    assert f"They are used as {form}. If they are %d%m%y" in said


def test_times_that_are_read_with_the_year_first_are_named_if_the_day_may_be_first():
    days = pd.date_range("2017-01-01", "2020-12-31", freq="61D")
    days = days[days.day < NO_YEAR][:14]
    clean = pd.DataFrame({"timestamp": check(numbers_of(days, "%d%m%y"))})
    assert "They are used as %y%m%d. If they are %d%m%y: Convert" in about_order(clean, {})
    attrs = {FORMAT: "CSV", NAMES: {"timestamp": "at"}}
    assert "parse_dates: [at], date_format: '%d%m%y'}`" in about_order(clean, attrs)
    assert about_order(clean.assign(timestamp=pd.Timestamp(0)), {}) is None
    assert about_order(clean.drop(columns="timestamp"), {}) is None
