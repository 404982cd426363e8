"""Fold-in: the vector of an unseen user, computed from the history with fixed item vectors.

The terms of the fitted loss that belong to this user are minimised:

    Σ over the rated items i of (t_i − f(w · x_i))² + Σ_h p_h w_h²

x_i is the learned vector of item i, t_i the target, w the user's vector and p_h the penalty. If f
is the identity, this is a ridge regression; otherwise Gauss–Newton solves one ridge regression per
step.
Dimension key: U users, I items, N ratings of one user, H numbers per item.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve
from scipy.sparse import csr_array

Values = NDArray[np.float64]

STEPS = 20
"""Number of Gauss–Newton steps."""

LEAST_PENALTY = 1e-6
"""Lower bound of every penalty, so that the solution is unique with few ratings."""


class Curve(NamedTuple):
    """A non-linear activation f and its derivative, as functions of z = w · x."""

    value: Callable[[Values], Values]
    slope: Callable[[Values], Values]


def fold_in(
    targets_UI: csr_array,
    vectors_IH: NDArray[np.floating],
    penalty_H: NDArray[np.floating],
    curve: Curve | None = None,
) -> NDArray[np.float32]:
    """Return the vector of each user, shape (U, H); 0 for a user without a history.

    `targets_UI` stores t at every rated item. `curve` is f; None is the identity.
    """
    vector_UH = np.zeros((targets_UI.shape[0], vectors_IH.shape[1]), dtype=np.float32)
    bounded_penalty_H = np.maximum(np.asarray(penalty_H, dtype=np.float64), LEAST_PENALTY)
    for user in np.flatnonzero(np.diff(targets_UI.indptr)):
        own = slice(targets_UI.indptr[user], targets_UI.indptr[user + 1])
        x_NH = vectors_IH[targets_UI.indices[own]].astype(np.float64)
        target_N = targets_UI.data[own].astype(np.float64)
        if curve is None:
            vector_UH[user] = ridge(x_NH, target_N, bounded_penalty_H)
        else:
            vector_UH[user] = gauss_newton(x_NH, target_N, bounded_penalty_H, curve)
    return vector_UH


def ridge(x_NH: Values, target_N: Values, penalty_H: Values) -> Values:
    """Return argmin_w ‖target − x w‖² + Σ_h p_h w_h², shape (H,).

    Solves a system of size N or H, whichever is smaller.
    """
    scaled_NH = x_NH / penalty_H
    if len(x_NH) < len(penalty_H):
        weight_N = solve(scaled_NH @ x_NH.T + np.eye(len(x_NH)), target_N, assume_a="pos")
        return scaled_NH.T @ weight_N
    return solve(x_NH.T @ x_NH + np.diag(penalty_H), x_NH.T @ target_N, assume_a="pos")


def gauss_newton(x_NH: Values, target_N: Values, penalty_H: Values, curve: Curve) -> Values:
    """Return argmin_w ‖target − f(x w)‖² + Σ_h p_h w_h², shape (H,), by Gauss–Newton.

    Each step linearises f at the current w and solves a ridge regression.
    """
    w_H = np.zeros(len(penalty_H))
    for _ in range(STEPS):
        z_N = x_NH @ w_H
        slope_N = curve.slope(z_N)
        w_H = ridge(x_NH * slope_N[:, None], target_N - curve.value(z_N) + slope_N * z_N, penalty_H)
    return w_H
