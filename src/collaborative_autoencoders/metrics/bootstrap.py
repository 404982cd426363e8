"""Intervals of means over users whose values have known bounds, such as NDCG from 0 to 1.

A Bayesian bootstrap with one more user: each resample weights the users at random, and a user whose
value is the lower bound is added for the lower end, one whose value is the upper bound for the
upper end. The added user stands for the users that a small sample may lack, so that the interval of
five users with a value of 0 does not end at 0. All columns share the weights.

Sources: Gaffke 2005, Three test statistics for a nonparametric one-sided hypothesis on the mean of
a nonnegative variable; Rubin 1981, The Bayesian Bootstrap. For two values, such as those of the hit
rate, it is the exact interval of Clopper and Pearson. For others no distribution is known for which
it covers less than its level (Learned-Miller and Thomas 2019, A New Confidence Interval for the
Mean of a Bounded Random Variable); this is not proven.

Dimension key: U users, M metrics (or models, if models are compared), P pairs of models,
R resamples, B resamples of one block, C columns.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .intervals import (
    TAIL,
    Bounds,
    Differences,
    Interval,
    Values,
    all_pairs,
    as_matrices,
    refuse_users_without_value,
)

CELLS_AT_ONCE = 2**20
"""Number of weights in memory at once, whatever the number of users and resamples: 4 MB."""

Sums = NDArray[np.float32]


class Resamples(NamedTuple):
    """The sums of columns over the users, with random weights, and the weight of one more user."""

    sums_RC: Sums
    extra_R1: Sums


def interval_of_means(values_UM: Values, resamples: int, seed: int, bounds: Bounds) -> Interval:
    """Return the 95 % interval of the mean of each column of values within the bounds.

    With fewer than 39 resamples, the interval is the bounds.
    Raises ValueError if a value is NaN or outside the bounds, or there are no users; exclude users
    without a value first.
    """
    refuse_users_without_value(values_UM, np.ones(1))
    _refuse_outside(values_UM, bounds)
    columns_UC = np.hstack([values_UM, np.ones((len(values_UM), 1))])
    found = _resample(columns_UC, resamples, seed)
    return _ends(found.sums_RC[:, :-1], found.sums_RC[:, -1:], found.extra_R1, bounds)


def paired_differences_of_means(
    values_UM: Values, resamples: int, seed: int, bounds: Bounds
) -> Differences:
    """Return the difference of the means of every two models, over the users of both.

    The interval is that of the mean of the users' differences: variation that affects both models
    alike cancels out, which it does not when two separate intervals are compared. A value is NaN if
    the user has none for that model. Raises ValueError if a value is outside the bounds.
    """
    has_UM = ~np.isnan(values_UM)
    _refuse_outside(values_UM[has_UM], bounds)
    first_P, second_P = all_pairs(values_UM.shape[1])
    both_UP = has_UM[:, first_P] & has_UM[:, second_P]
    first_UP, second_UP = (np.where(both_UP, values_UM[:, p], 0.0) for p in (first_P, second_P))
    users_P = both_UP.sum(axis=0)
    # row by row, so that a sum has the same last digit whatever models are beside it
    sums_2P = np.ascontiguousarray(np.hstack([first_UP, second_UP])).sum(axis=0).reshape(2, -1)
    with np.errstate(invalid="ignore"):  # no user in common
        means_2P = sums_2P / users_P
    of_any_U = both_UP.any(axis=1)
    columns_UC = np.hstack([first_UP - second_UP, both_UP])[of_any_U]
    sums_RC, extra_R1 = _resample(columns_UC, resamples, seed)
    sums_RP, weights_RP = np.hsplit(sums_RC, 2)
    ends = _ends(sums_RP, weights_RP, extra_R1, bounds.of_differences)
    low_P, high_P = (np.where(users_P > 0, end_P, np.nan) for end_P in ends)
    return as_matrices(means_2P[0] - means_2P[1], low_P, high_P, has_UM)


def _refuse_outside(values: Values, bounds: Bounds) -> None:
    outside = values[(values < bounds.lowest) | (values > bounds.highest)]
    if len(outside):
        raise ValueError(
            f"a user has the value {outside[0]:g}, outside the metric's bounds {bounds.lowest:g} "
            f"to {bounds.highest:g}: correct `bounds` in metrics/table.py"
        )


def _ends(sums_RC: Sums, weights_RC: Sums, extra_R1: Sums, bounds: Bounds) -> Interval:
    # order statistics without interpolation: as many resamples lie outside as the level allows
    place = int(TAIL * (len(sums_RC) + 1))
    total_RC = weights_RC + extra_R1
    if place == 0 or not sums_RC.shape[1]:
        n_columns = sums_RC.shape[1]
        return Interval(np.full(n_columns, bounds.lowest), np.full(n_columns, bounds.highest))
    low_RC = (sums_RC + bounds.lowest * extra_R1) / total_RC
    high_RC = (sums_RC + bounds.highest * extra_R1) / total_RC
    return Interval(
        np.partition(low_RC, place - 1, axis=0)[place - 1].astype(np.float64),
        np.partition(high_RC, -place, axis=0)[-place].astype(np.float64),
    )


def _resample(columns_UC: Values, resamples: int, seed: int) -> Resamples:
    # weights of an exponential distribution, divided by their sum, are uniform over all weightings
    n_users, n_columns = columns_UC.shape
    values_UC = columns_UC.astype(np.float32)
    generator = np.random.default_rng(seed)
    block = max(1, CELLS_AT_ONCE // (n_users + 1))
    sums_RC = np.empty((resamples, n_columns), dtype=np.float32)
    extra_R1 = np.empty((resamples, 1), dtype=np.float32)
    for start in range(0, resamples, block):
        rows = slice(start, min(start + block, resamples))
        size = (rows.stop - rows.start, n_users + 1)
        weight_BU = generator.standard_exponential(size, dtype=np.float32)
        sums_RC[rows] = weight_BU[:, 1:] @ values_UC
        extra_R1[rows] = weight_BU[:, :1]
    return Resamples(sums_RC, extra_R1)
