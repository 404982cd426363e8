"""How far predicted ratings are from the held-out ones.

Errors are summed per user first, so that an interval over users can be drawn from the same sums.
Dimension key: N held-out ratings, U users.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

RATING_METRICS = ("rmse", "mae")
"""The names these are reported under."""

Sums = NDArray[np.float64]


class RatingErrors(NamedTuple):
    """The errors of each user's held-out ratings, each shape (U,)."""

    squared_U: Sums
    """Σ (predicted − actual)², in squared units of the rating scale."""

    absolute_U: Sums
    """Σ |predicted − actual|, in units of the rating scale."""

    count_U: NDArray[np.int64]
    """How many ratings were judged."""


def sum_errors(
    user_N: NDArray[np.integer],
    predicted_N: NDArray[np.floating],
    actual_N: NDArray[np.floating],
    n_users: int,
) -> RatingErrors:
    """The errors of N ratings summed per user; zeros for a user with nothing held out."""
    error_N = predicted_N.astype(np.float64) - actual_N
    return RatingErrors(
        squared_U=_per_user(user_N, error_N**2, n_users),
        absolute_U=_per_user(user_N, np.abs(error_N), n_users),
        count_U=np.bincount(user_N, minlength=n_users),
    )


def rmse(errors: RatingErrors) -> float:
    """The root of the mean squared error over ratings (not over users); NaN without a rating."""
    return float(np.sqrt(_ratio(errors.squared_U, errors.count_U)))


def mae(errors: RatingErrors) -> float:
    """The mean absolute error over ratings (not over users); NaN without a rating."""
    return _ratio(errors.absolute_U, errors.count_U)


def _per_user(user_N: NDArray[np.integer], values_N: Sums, n_users: int) -> Sums:
    # without any rating bincount answers in whole numbers
    return np.bincount(user_N, weights=values_N, minlength=n_users).astype(np.float64)


def _ratio(sum_U: Sums, count_U: NDArray[np.int64]) -> float:
    count = count_U.sum()
    return float(sum_U.sum() / count) if count else float("nan")
