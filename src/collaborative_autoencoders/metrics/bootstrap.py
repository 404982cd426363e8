"""Bootstrap confidence intervals: percentile intervals from users resampled with replacement.

Users are the sampling unit. All columns share the resamples, so all metrics of a model need only
one set of draws.
Dimension key: U users, M metrics (or models, if models are compared), P pairs of models,
R resamples, B resamples of one block.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

CELLS_AT_ONCE = 2**20
"""Number of draws in memory at once: about 16 MB, whatever the number of users and resamples."""

PERCENTILES = (2.5, 97.5)

Values = NDArray[np.float64]


class Interval(NamedTuple):
    """The ends of the 95 % interval of each metric, both of shape (M,)."""

    low_M: Values
    high_M: Values


class Differences(NamedTuple):
    """Differences, row minus column, of every two models; each of shape (M, M).

    Values are NaN where two models share no user.
    """

    difference_MM: Values

    low_MM: Values
    """Lower end of the 95 % interval."""

    high_MM: Values
    """Upper end of the 95 % interval."""

    users_MM: NDArray[np.int64]
    """Number of users for whom both models have a value."""


def interval_of_means(values_UM: Values, resamples: int, seed: int) -> Interval:
    """Return the 95 % interval of the mean of each column.

    Raises ValueError if a value is NaN or there are no users; exclude users without a value first.
    Source: Efron and Tibshirani 1993, An Introduction to the Bootstrap, 13 (percentile interval).
    """
    return interval_of_ratios(values_UM, np.ones((len(values_UM), 1)), resamples, seed)


def interval_of_ratios(
    numerators_UM: Values, denominators_UM: Values, resamples: int, seed: int
) -> Interval:
    """Return the 95 % interval of Σ numerator / Σ denominator of each column.

    For an RMSE, pass squared errors and numbers of ratings per user, and take the square root of
    both ends. `denominators_UM` may have a single column, which then applies to all metrics.
    Raises ValueError if a value is NaN, a denominator is not positive, or there are no users.
    """
    both_U = np.hstack([numerators_UM, denominators_UM])
    if len(both_U) == 0 or np.isnan(both_U).any() or (denominators_UM <= 0).any():
        raise ValueError(
            "An interval needs at least one user, and a value and a positive denominator for each "
            "user. Exclude users without held-out data first."
        )
    sums_R = _resampled_sums(both_U, resamples, seed)
    split = numerators_UM.shape[1]
    low_M, high_M = np.percentile(sums_R[:, :split] / sums_R[:, split:], PERCENTILES, axis=0)
    return Interval(low_M, high_M)


def paired_differences(
    numerators_UM: Values,
    denominators_UM: Values,
    resamples: int,
    seed: int,
    of_ratio: Callable[[Values], Values] = np.positive,
) -> Differences:
    """Return the difference of every two models over their common users, with 95 % intervals.

    The value of a model is `of_ratio`(Σ numerator / Σ denominator): a mean over users if the
    denominators are 1, an RMSE if they count ratings and `of_ratio` is the square root. All pairs
    share the resamples. Both models of a pair are evaluated on the same users, so variation that
    affects both alike cancels out, which it does not when two separate intervals are compared. A
    denominator of 0 means that the user has no value for that model.
    Source: Efron and Tibshirani 1993, An Introduction to the Bootstrap, 13 (percentile interval).
    """
    n_models = numerators_UM.shape[1]
    first_P, second_P = np.triu_indices(n_models, k=1)
    has_UM: NDArray[np.bool_] = denominators_UM > 0
    both_UP = has_UM[:, first_P] & has_UM[:, second_P]
    columns = [
        np.where(both_UP, values_UM[:, model_P], 0.0)
        for model_P in (first_P, second_P)
        for values_UM in (numerators_UM, denominators_UM)
    ]
    sums_UP = np.hstack(columns)[both_UP.any(axis=1)]
    difference_P = _differences(sums_UP.sum(axis=0, keepdims=True), of_ratio)[0]
    low_P, high_P = _interval_ends(
        _differences(_resampled_sums(sums_UP, resamples, seed), of_ratio)
    )
    has_value_M = np.logical_or.reduce(has_UM)
    difference_MM, low_MM, high_MM = (
        _mirrored(pair_P, swapped_P, has_value_M)
        for pair_P, swapped_P in (
            (difference_P, -difference_P),
            (low_P, -high_P),
            (high_P, -low_P),
        )
    )
    return Differences(difference_MM, low_MM, high_MM, has_UM.T.astype(np.int64) @ has_UM)


def _mirrored(pair_P: Values, swapped_P: Values, has_value_M: NDArray[np.bool_]) -> Values:
    # the diagonal is 0, or NaN for a model without any value
    n_models = len(has_value_M)
    first_P, second_P = np.triu_indices(n_models, k=1)
    matrix_MM = np.zeros((n_models, n_models))
    matrix_MM[first_P, second_P], matrix_MM[second_P, first_P] = pair_P, swapped_P
    matrix_MM[~has_value_M] = np.nan
    return matrix_MM


def _differences(sums_RP: Values, of_ratio: Callable[[Values], Values]) -> Values:
    # columns: numerators and denominators of the first models, then those of the second models
    first_RP, first_total_RP, second_RP, second_total_RP = np.hsplit(sums_RP, 4)
    with np.errstate(invalid="ignore"):  # 0 / 0 if a resample contains no user of a pair
        return of_ratio(first_RP / first_total_RP) - of_ratio(second_RP / second_total_RP)


def _interval_ends(differences_RP: Values) -> Values:
    # resamples without users of a pair are NaN and are ignored
    ends_P = np.full((2, differences_RP.shape[1]), np.nan)
    has_value_P = ~np.isnan(differences_RP).all(axis=0)
    ends_P[:, has_value_P] = np.nanpercentile(differences_RP[:, has_value_P], PERCENTILES, axis=0)
    return ends_P


def _resampled_sums(values_UM: Values, resamples: int, seed: int) -> Values:
    # multiply draw counts by values, to avoid one copy of the values per resample
    n_users = len(values_UM)
    if n_users == 0:
        return np.zeros((resamples, values_UM.shape[1]))
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
