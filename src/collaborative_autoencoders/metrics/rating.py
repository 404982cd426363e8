"""Rating metrics, computed from the errors of predicted ratings.

A rating metric is a function of the mean, over all ratings, of a value per rating. The values are
summed per user first, and the same sums are resampled for intervals over users.
Dimension key: N held-out ratings, U users.
"""

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]


def squared_error(error_N: Values) -> Values:
    """Return (predicted − actual)² per rating. The RMSE is the square root of the mean."""
    return error_N**2


def absolute_error(error_N: Values) -> Values:
    """Return |predicted − actual| per rating. The MAE is the mean."""
    return np.abs(error_N)


def sum_by_user(user_N: NDArray[np.integer], values_N: Values, n_users: int) -> Values:
    """Return the sum of the values of each user, shape (U,); 0 for a user without ratings."""
    # bincount returns integers if there are no ratings
    return np.bincount(user_N, weights=values_N, minlength=n_users).astype(np.float64)
