"""Intervals of ratios of sums over users whose values have no bounds: RMSE, MAE, novelty.

The jackknife: the figure is computed once without each user, and its spread gives the standard
error. Users have different numbers of ratings, so a few users may decide the figure. The quantile
is therefore that of a t distribution whose degrees of freedom are those of the weights: U − 1 if
all users have the same weight, and fewer otherwise. Nothing is drawn at random.

Sources: MacKinnon and White 1985 (the jackknife, HC3); Bell and McCaffrey 2002, Bias reduction in
standard errors for linear regression with multi-stage samples (degrees of freedom, for ratings with
independent errors).

Dimension key: U users, M metrics (or models, if models are compared), P pairs of models.
"""

from collections.abc import Callable

import numpy as np
from scipy.special import stdtrit

from .intervals import (
    TAIL,
    Differences,
    Interval,
    Values,
    all_pairs,
    as_matrices,
    refuse_users_without_value,
)

EQUAL = 1e-12
"""Below this share of the figure, a standard error is rounding: all users have the same value."""


def interval_of_ratios(numerators_UM: Values, denominators_U: Values) -> Interval:
    """Return the 95 % interval of Σ numerator / Σ denominator of each column, at least 0.

    For an RMSE, pass squared errors and numbers of ratings per user, and take the square root of
    both ends. Numerators are not negative. The interval is that of the logarithm, because sums of
    squares are skewed. It is NaN with a single user, and if all users have the same value: such
    data say nothing about the spread.
    Raises ValueError if a value is NaN, a denominator is not positive, or there are no users.
    """
    refuse_users_without_value(numerators_UM, denominators_U)
    total_M, total = numerators_UM.sum(axis=0), denominators_U.sum()
    ratio_M = total_M / total
    with np.errstate(divide="ignore", invalid="ignore"):  # one user, or nothing but zeros
        without_UM = (total_M - numerators_UM) / (total - denominators_U)[:, None]
        change_UM = np.log(without_UM) - np.log(ratio_M)
        half_M = half_width(change_UM, np.ones_like(ratio_M), denominators_U)
        return Interval(ratio_M * np.exp(-half_M), ratio_M * np.exp(half_M))


def paired_differences_of_ratios(
    numerators_UM: Values,
    denominators_UM: Values,
    of_ratio: Callable[[Values], Values] = np.positive,
) -> Differences:
    """Return the difference of every two models over their common users, with 95 % intervals.

    The value of a model is `of_ratio`(Σ numerator / Σ denominator): a mean over users if the
    denominators are 1, an RMSE if they count ratings and `of_ratio` is the square root. Both models
    of a pair are evaluated on the same users, so variation that affects both alike cancels out. A
    denominator of 0 means that the user has no value for that model. The interval is NaN with a
    single user, and if all users have the same difference other than 0.
    """
    has_UM = denominators_UM > 0
    found = np.full((3, len(all_pairs(has_UM.shape[1])[0])), np.nan)
    for place, pair in enumerate(zip(*all_pairs(has_UM.shape[1]), strict=True)):
        both_U = has_UM[:, pair].all(axis=1)
        if both_U.any():
            of_both = np.ix_(both_U, pair)
            found[:, place] = _difference(
                numerators_UM[of_both], denominators_UM[of_both], of_ratio
            )
    difference_P, low_P, high_P = found
    return as_matrices(difference_P, low_P, high_P, has_UM)


def _difference(
    numerators_U2: Values, denominators_U2: Values, of_ratio: Callable[[Values], Values]
) -> tuple[float, float, float]:
    """Return first − second of two models, and the ends of its interval."""
    total_2, count_2 = numerators_U2.sum(axis=0), denominators_U2.sum(axis=0)
    first, second = of_ratio(total_2 / count_2)
    with np.errstate(divide="ignore", invalid="ignore"):  # one user
        without_U2 = (total_2 - numerators_U2) / (count_2 - denominators_U2)
    # rounding must not make a sum without one user negative
    values_U2 = of_ratio(np.maximum(without_U2, 0) if (numerators_U2 >= 0).all() else without_U2)
    change_U = (values_U2[:, 0] - values_U2[:, 1]) - (first - second)
    if first == second and np.array_equal(numerators_U2[:, 0], numerators_U2[:, 1]):
        return 0.0, 0.0, 0.0
    scale_1 = np.array([max(abs(first), abs(second))])
    half = float(half_width(change_U[:, None], scale_1, denominators_U2.mean(axis=1))[0])
    return first - second, first - second - half, first - second + half


def half_width(change_UM: Values, scale_M: Values, weights_U: Values) -> Values:
    """Return the half width of the interval of each figure, given its change without each user.

    NaN if the change is only rounding beside `scale_M`, or if there is a single user.
    """
    error_M = np.sqrt((change_UM**2).sum(axis=0))
    error_M = np.where(error_M > EQUAL * scale_M, error_M, np.nan)
    return stdtrit(degrees_of_freedom(weights_U), 1 - TAIL) * error_M


def degrees_of_freedom(weights_U: Values) -> float:
    """Return the degrees of freedom of the jackknife's variance, given the weight of each user.

    Satterthwaite's tr(B)² / tr(B²), B = A^½ (D − 11ᵀ/N) A^½, where D = diag(1/n) is the variance of
    the users' means, N = Σ n and A = diag(w² / (1 − w)²), w = n / N. NaN with a single user.
    """
    if len(weights_U) < 2:
        return float("nan")
    total = weights_U.sum()
    share_U = weights_U / total
    a_U = (share_U / (1 - share_U)) ** 2
    trace = (a_U / weights_U).sum() - a_U.sum() / total
    trace_of_square = (
        ((a_U / weights_U) ** 2).sum()
        - 2 / total * (a_U**2 / weights_U).sum()
        + (a_U.sum() / total) ** 2
    )
    return float(trace**2 / trace_of_square)
