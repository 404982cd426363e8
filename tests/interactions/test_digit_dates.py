"""Numbers such as 31012019 are no order of time, and all other numbers are accepted."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from collaborative_autoencoders.interactions.digit_dates import FEW
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
