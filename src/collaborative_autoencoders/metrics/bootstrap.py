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

from collaborative_autoencoders.threads import blas_threads

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
"""Number of weights in memory at once, whatever the number of resamples: 4 MB."""

LEAST_AT_ONCE = 16
"""Resamples in memory at once even if they are more: products of a few rows are slow."""

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
    of_pair_U = has_UM.sum(axis=1) > 1
    columns_UC, difference_P = _columns_of_pairs(values_UM[of_pair_U], has_UM[of_pair_U])
    sums_RC, extra_R1 = _resample(columns_UC, resamples, seed)
    sums_RP, weights_RP = np.hsplit(sums_RC, 2)
    ends = _ends(sums_RP, weights_RP, extra_R1, bounds.of_differences)
    low_P, high_P = (np.where(np.isnan(difference_P), np.nan, end_P) for end_P in ends)
    return as_matrices(difference_P, low_P, high_P, has_UM)


def _columns_of_pairs(
    values_UM: Values, has_UM: NDArray[np.bool_]
) -> tuple[NDArray[np.float32], Values]:
    """Return each user's difference of every pair, then who has one; and the mean differences.

    They are made pair by pair, in float32: nine models have 36 pairs.
    """
    first_P, second_P = all_pairs(values_UM.shape[1])
    n_pairs = len(first_P)
    columns_UC = np.empty((len(values_UM), 2 * n_pairs), dtype=np.float32)
    difference_P = np.full(n_pairs, np.nan)
    for place, (first, second) in enumerate(zip(first_P, second_P, strict=True)):
        both_U = has_UM[:, first] & has_UM[:, second]
        values_U2 = np.where(both_U[:, None], values_UM[:, [first, second]], 0.0)
        columns_UC[:, place] = values_U2[:, 0] - values_U2[:, 1]
        columns_UC[:, n_pairs + place] = both_U
        if both_U.any():
            # row by row, so that a sum has the same last digit whatever models are beside it
            means_2 = np.ascontiguousarray(values_U2).sum(axis=0) / both_U.sum()
            difference_P[place] = means_2[0] - means_2[1]
    return columns_UC, difference_P


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


@blas_threads(1)
def _resample(columns_UC: NDArray[np.floating], resamples: int, seed: int) -> Resamples:
    # weights of an exponential distribution, divided by their sum, are uniform over all weightings
    n_users, n_columns = columns_UC.shape
    values_UC = columns_UC.astype(np.float32, copy=False)
    generator = np.random.default_rng(seed)
    block = max(LEAST_AT_ONCE, CELLS_AT_ONCE // (n_users + 1))
    sums_RC = np.empty((resamples, n_columns), dtype=np.float32)
    extra_R1 = np.empty((resamples, 1), dtype=np.float32)
    for start in range(0, resamples, block):
        rows = slice(start, min(start + block, resamples))
        size = (rows.stop - rows.start, n_users + 1)
        weight_BU = generator.standard_exponential(size, dtype=np.float32)
        sums_RC[rows] = weight_BU[:, 1:] @ values_UC
        extra_R1[rows] = weight_BU[:, :1]
    return Resamples(sums_RC, extra_R1)
