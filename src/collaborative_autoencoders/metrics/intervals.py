"""The types of 95 % intervals over users, and the matrices of differences between models.

Users are the sampling unit: an interval says how far a figure may lie from its value over all users
of this kind. Values of a user that cannot leave known bounds have the intervals of `bootstrap.py`,
other values those of `jackknife.py`. `benchmarks/coverage.py` compares both with other methods.
Dimension key: U users, M metrics (or models, if models are compared), P pairs of models.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

TAIL = 0.025
"""Share of the cases in which a true value may lie below, and above, its interval."""

Values = NDArray[np.float64]


class Bounds(NamedTuple):
    """The lowest and the highest possible value of a user."""

    lowest: float
    highest: float

    @property
    def of_differences(self) -> "Bounds":
        """The bounds of the difference between two values."""
        return Bounds(self.lowest - self.highest, self.highest - self.lowest)


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


def all_pairs(n_models: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the first and the second model of every pair, both of shape (P,)."""
    first_P, second_P = np.triu_indices(n_models, k=1)
    return first_P, second_P


def as_matrices(
    difference_P: Values, low_P: Values, high_P: Values, has_UM: NDArray[np.bool_]
) -> Differences:
    """Return the differences of all pairs as matrices. `has_UM` marks the values of users."""
    has_value_M = np.logical_or.reduce(has_UM)
    return Differences(
        _mirrored(difference_P, -difference_P, has_value_M),
        _mirrored(low_P, -high_P, has_value_M),
        _mirrored(high_P, -low_P, has_value_M),
        has_UM.T.astype(np.int64) @ has_UM,
    )


def _mirrored(pair_P: Values, swapped_P: Values, has_value_M: NDArray[np.bool_]) -> Values:
    # the diagonal is 0, or NaN for a model without any value
    n_models = len(has_value_M)
    first_P, second_P = all_pairs(n_models)
    matrix_MM = np.zeros((n_models, n_models))
    matrix_MM[first_P, second_P], matrix_MM[second_P, first_P] = pair_P, swapped_P
    matrix_MM[~has_value_M] = np.nan
    return matrix_MM


def refuse_users_without_value(values_UM: Values, denominators_UM: Values) -> None:
    """Raise ValueError if there is no user, a value is NaN, or a denominator is not positive."""
    if not len(values_UM) or np.isnan(values_UM).any() or not (denominators_UM > 0).all():
        raise ValueError(
            "An interval needs at least one user, and a value and a positive denominator for each "
            "user. Exclude users without held-out data first."
        )
