"""How sure a figure is: percentile intervals from users drawn anew with replacement.

Users are what is drawn, as they are what a test would have other ones of. All columns share the
draws, so that metrics of one model cost one drawing.
Dimension key: U users, M metrics (or models, where models are compared), P pairs of models,
R resamples, B resamples of one block.
"""

from collections.abc import Callable
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


class Differences(NamedTuple):
    """Row minus column of every two models, each shape (M, M); NaN where they share no user."""

    difference_MM: Values

    low_MM: Values
    """Lower end of the 95 % interval."""

    high_MM: Values

    users_MM: NDArray[np.int64]
    """How many users both have a value for."""


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


def paired_differences(
    numerators_UM: Values,
    denominators_UM: Values,
    resamples: int,
    seed: int,
    of_ratio: Callable[[Values], Values] = np.positive,
) -> Differences:
    """How far apart every two models are over the users of both, all from the same draws.

    A draw gives each model `of_ratio`(Σ numerator / Σ denominator): a mean over users where the
    denominators are 1, an RMSE where they count ratings and `of_ratio` is the root. As both models
    of a pair meet the same users, what is hard for both cancels out, which it does not between
    their two intervals. A user with a denominator of 0 has no value of that model.
    Source: Efron and Tibshirani 1993, An Introduction to the Bootstrap, 13 (percentile interval).
    """
    n_models = numerators_UM.shape[1]
    first_P, second_P = np.triu_indices(n_models, k=1)
    has_UM: NDArray[np.bool_] = denominators_UM > 0
    both_UP = has_UM[:, first_P] & has_UM[:, second_P]
    columns = [
        np.where(both_UP, values_UM[:, of_pair_P], 0.0)
        for of_pair_P in (first_P, second_P)
        for values_UM in (numerators_UM, denominators_UM)
    ]
    sums_UP = np.hstack(columns)[both_UP.any(axis=1)]
    difference_P = _differences(sums_UP.sum(axis=0, keepdims=True), of_ratio)[0]
    low_P, high_P = _ends(_differences(_resampled_sums(sums_UP, resamples, seed), of_ratio))
    told_M = np.logical_or.reduce(has_UM)
    difference_MM, low_MM, high_MM = (
        _mirrored(of_pair_P, of_swapped_P, told_M)
        for of_pair_P, of_swapped_P in (
            (difference_P, -difference_P),
            (low_P, -high_P),
            (high_P, -low_P),
        )
    )
    return Differences(difference_MM, low_MM, high_MM, has_UM.T.astype(np.int64) @ has_UM)


def _mirrored(of_pair_P: Values, of_swapped_P: Values, told_M: NDArray[np.bool_]) -> Values:
    # 0 of a model with itself; a model without any value is not even told from itself
    n_models = len(told_M)
    first_P, second_P = np.triu_indices(n_models, k=1)
    matrix_MM = np.zeros((n_models, n_models))
    matrix_MM[first_P, second_P], matrix_MM[second_P, first_P] = of_pair_P, of_swapped_P
    matrix_MM[~told_M] = np.nan
    return matrix_MM


def _differences(sums_RP: Values, of_ratio: Callable[[Values], Values]) -> Values:
    # numerators and denominators of the first models, then of the second ones
    first_R, per_first_R, second_R, per_second_R = np.hsplit(sums_RP, 4)
    with np.errstate(invalid="ignore"):  # 0 / 0 where none of a pair's users was drawn
        return of_ratio(first_R / per_first_R) - of_ratio(second_R / per_second_R)


def _ends(differences_RP: Values) -> Values:
    # a draw without a user of the pair says nothing of it
    ends_P = np.full((2, differences_RP.shape[1]), np.nan)
    told_P = ~np.isnan(differences_RP).all(axis=0)
    ends_P[:, told_P] = np.nanpercentile(differences_RP[:, told_P], PERCENTILES, axis=0)
    return ends_P


def _resampled_sums(values_UM: Values, resamples: int, seed: int) -> Values:
    # how often each user is drawn, times the values: no copy of the values per resample
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
