"""Splits by time: within each user, or at one date for all users.

Dimension key: U users, N rows.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .split_options import (
    TEST,
    TRAIN,
    VALIDATION,
    Moment,
    SplitOptions,
    floor_share,
    parts_in_order,
    seconds_of,
    sizes_of,
)
from .user_order import by_user, by_user_and_time
from .value_types import UNITS, unit_of


def parts_by_user_time(
    user_index_N: NDArray[np.integer],
    times_N: NDArray[np.number],
    tie_N: NDArray[np.integer],
    options: SplitOptions,
) -> NDArray[np.int8]:
    """Return the part of each row by its place in the user's time order, shape (N,).

    `kind: last`, with test_last 1 and validation_last 1, and `kind: time`, with test_fraction 0.2
    and validation_fraction 0.25 of the rest:

        a user's ten rows, sorted by time and then `tie_N`
        last   train train train train train train train train | validation | test
        time   train train train train train train | validation validation | test test

    With `kind: last`, a user with no more rows than are held out keeps all of them for training.
    No row is earlier than a row of the same user in an earlier part: train, validation, test.
    """
    latest_first = by_user_and_time(user_index_N, times_N, tie_N)[::-1]
    n_rows_U = np.bincount(user_index_N)
    parts_N = np.empty(len(user_index_N), dtype=np.int8)
    parts_N[latest_first] = parts_in_order(sizes_of(n_rows_U, options)[::-1])
    return parts_N


FROM = ("validation_from", "test_from")

BY_HASH = "set split: {kind: hash, test_from: null, validation_from: null}"
"""The split of a table whose rows have one time, as YAML."""


class Dates(NamedTuple):
    """The first time of the validation part and of the test part, as numbers."""

    validation_from: float
    test_from: float


def parts_between(times_N: NDArray[np.number], dates: Dates) -> NDArray[np.int8]:
    """Return the part of each row by two dates that hold for all users, shape (N,).

    user 0   train   train   train | validation |  test
    user 1           train   train |            |  test   test
    user 2                         | validation |  test
             ------------- validation_from -- test_from ----> time
    """
    parts_N = np.full(len(times_N), TRAIN, dtype=np.int8)
    parts_N[times_N >= dates.validation_from] = VALIDATION
    parts_N[times_N >= dates.test_from] = TEST
    return parts_N


def dates_of(times_N: NDArray[np.number], options: SplitOptions) -> Dates:
    """Return the dates of the options.

    A date that is null follows from its fraction: it is the earliest one that leaves at most
    floor(N x fraction) rows for the part. Rows with one timestamp are never in two parts. Raises
    ValueError if validation would not begin before the test part, or no row is left to train on.
    """
    test_from = _from(options.test_from, times_N, len(times_N), options.test_fraction)
    refuse_no_validation(options, test_from)
    before_N = times_N < test_from
    pool = int(before_N.sum()) if options.validation_of == "rest" else len(times_N)
    earlier_N = times_N[before_N]
    validation_from = _from(options.validation_from, earlier_N, pool, options.validation_fraction)
    dates = Dates(validation_from, test_from)
    refuse_no_train(dates, options, times_N.min(), times_N.max())
    return dates


def refuse_no_train(dates: Dates, options: SplitOptions, earliest: float, latest: float) -> None:
    """Raise ValueError if no time from `earliest` to `latest` is of the train part."""
    if earliest < min(dates):
        return
    fix = "Choose later dates, in the unit of the timestamps."
    unit, named = unit_of(earliest), {FROM[0]: options.validation_from, FROM[1]: options.test_from}
    as_text = {key: moment for key, moment in named.items() if isinstance(moment, str)}
    if earliest == latest:
        fix = f"All rows have one time, and no date divides them. To split by hash, {BY_HASH}."
    elif as_text and unit not in (None, "seconds"):
        numbers = ", ".join(
            f"{key}: {round(seconds_of(moment) * UNITS[unit])}" for key, moment in as_text.items()
        )
        fix = f"These times are {unit}, so write the dates in them: `split: {{{numbers}}}`."
    begin = [f"{key} is {time}" for key, time in zip(FROM, dates, strict=True) if time < np.inf]
    raise ValueError(
        f"split.kind: date leaves no row to train on: the times are from {earliest} to "
        f"{latest} (dates: seconds since 1970), and {' and '.join(begin)}. {fix}"
    )


def refuse_no_validation(options: SplitOptions, test_from: float | int) -> None:
    """Raise ValueError if validation is to begin at a date that is not before the test part."""
    moment = options.validation_from
    if moment is None or as_number(moment) < test_from:
        return
    raise ValueError(
        f"split.validation_from: {moment} is not before the test part, which begins at "
        f"{options.test_from or test_from}: no row would be validation. Choose an earlier date, or "
        "for no validation part set validation_from: null and validation_fraction: 0."
    )


def as_number(moment: Moment) -> float:
    """Return a date as seconds since 1970, and a number as it is."""
    return seconds_of(moment) if isinstance(moment, str) else moment


def _from(
    moment: Moment | None, times_N: NDArray[np.number], pool: int, fraction: float
) -> float | int:
    """Return a date as a number, or the earliest time with at most a share of the rows after it."""
    if moment is not None:
        return as_number(moment)
    n_rows = int(floor_share(np.array([pool]), fraction)[0])
    n_rows = min(n_rows, len(times_N))
    if n_rows == 0:
        return np.inf
    sorted_N = np.sort(times_N)
    if n_rows == len(sorted_N):
        return sorted_N[0].item()
    later = sorted_N[np.searchsorted(sorted_N, sorted_N[-n_rows - 1], side="right") :]
    return later[0].item() if len(later) else np.inf


def tied_share(user_index_N: NDArray[np.integer], times_N: NDArray[np.number]) -> float:
    """Return the share of rows that have the time of the same user's next row.

    times of a user   70 70 70 80 90 90   ->   3 of 6
    """
    key_N = by_user(user_index_N, times_N)
    key_N.sort()
    return float(np.count_nonzero(key_N[1:] == key_N[:-1]) / max(len(key_N), 1))
