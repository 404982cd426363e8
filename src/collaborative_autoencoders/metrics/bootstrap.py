"""How sure a figure is: percentile intervals from users drawn anew with replacement.

Users are what is drawn, as they are what a test would have other ones of. All columns share the
draws, so that metrics of one model cost one drawing.
Dimension key: U users, M metrics, R resamples, B resamples of one block.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

CELLS_AT_ONCE = 2**20
"""Drawn users held at once, so about 16 MB whatever the number of users and resamples."""

PERCENTILES = (2.5, 97.5)

Values = NDArray[np.float64]


class Interval(NamedTuple):
    """The 95 % interval of each metric, both shape (M,)."""

    low_M: Values
    high_M: Values


def interval_of_means(values_UM: Values, resamples: int, seed: int) -> Interval:
    """Where the mean of each column would lie in 95 % of the draws.

    Source: Efron and Tibshirani 1993, An Introduction to the Bootstrap, 13 (percentile interval).
    Raises ValueError where a value is NaN or there is no user: leave those users out first.
    """
    return interval_of_ratios(values_UM, np.ones((len(values_UM), 1)), resamples, seed)


def interval_of_ratios(
    numerators_UM: Values, denominators_UM: Values, resamples: int, seed: int
) -> Interval:
    """Where Σ numerator / Σ denominator of each column would lie in 95 % of the draws.

    For an RMSE: Σ squared errors / Σ ratings, and the root of both ends (the root keeps order).
    `denominators_UM` may have one column for all; every value in it is above 0.
    Raises ValueError where a value is NaN, a denominator is not positive or there is no user.
    """
    both_U = np.hstack([numerators_UM, denominators_UM])
    if len(both_U) == 0 or np.isnan(both_U).any() or (denominators_UM <= 0).any():
        raise ValueError(
            "An interval needs users, each with a value and a denominator above 0: "
            "leave out the users with nothing held out before drawing."
        )
    sums_R = _resampled_sums(both_U, resamples, seed)
    split = numerators_UM.shape[1]
    low_M, high_M = np.percentile(sums_R[:, :split] / sums_R[:, split:], PERCENTILES, axis=0)
    return Interval(low_M, high_M)


def _resampled_sums(values_UM: Values, resamples: int, seed: int) -> Values:
    # how often each user is drawn, times the values: no copy of the values per resample
    n_users = len(values_UM)
    generator = np.random.default_rng(seed)
    block = max(1, CELLS_AT_ONCE // n_users)
    sums_RM = np.empty((resamples, values_UM.shape[1]))
    for start in range(0, resamples, block):
        size = min(block, resamples - start)
        drawn_BU = generator.integers(n_users, size=(size, n_users))
        drawn_BU += n_users * np.arange(size)[:, None]
        times_BU = np.bincount(drawn_BU.ravel(), minlength=size * n_users).reshape(size, n_users)
        sums_RM[start : start + size] = times_BU.astype(np.float64) @ values_UM
    return sums_RM
