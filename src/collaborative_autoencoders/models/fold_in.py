"""A user whom the fit has not met, from their history alone: the items stay as they are.

Of the loss that was fitted, the terms of this one user are minimised anew:

    Σ over the rated items i of (t_i − f(w · x_i))² + Σ_h p_h w_h²

x_i is what was learned of item i, t_i what is to be told of it, w the user's vector. With the
identity as f that is a ridge regression, solved at once; else Gauss–Newton, one at each step.
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
"""Of Gauss–Newton."""

LEAST_PENALTY = 1e-6
"""What is not penalised is held by this, so that few ratings have one answer."""


class Curve(NamedTuple):
    """An activation f that is not linear, and its slope, both of z = w · x."""

    value: Callable[[Values], Values]
    slope: Callable[[Values], Values]


def fold_in(
    targets_UI: csr_array,
    vectors_IH: NDArray[np.floating],
    penalty_H: NDArray[np.floating],
    curve: Curve | None = None,
) -> NDArray[np.float32]:
    """The vector of each user, shape (U, H); 0 for a user without a history.

    `targets_UI` holds t at every rated item, `curve` is f where it is not the identity.
    """
    found_UH = np.zeros((targets_UI.shape[0], vectors_IH.shape[1]), dtype=np.float32)
    held_H = np.maximum(np.asarray(penalty_H, dtype=np.float64), LEAST_PENALTY)
    for user in np.flatnonzero(np.diff(targets_UI.indptr)):
        own = slice(targets_UI.indptr[user], targets_UI.indptr[user + 1])
        x_NH = vectors_IH[targets_UI.indices[own]].astype(np.float64)
        target_N = targets_UI.data[own].astype(np.float64)
        if curve is None:
            found_UH[user] = ridge(x_NH, target_N, held_H)
        else:
            found_UH[user] = gauss_newton(x_NH, target_N, held_H, curve)
    return found_UH


def ridge(x_NH: Values, target_N: Values, penalty_H: Values) -> Values:
    """argmin of ‖target − x w‖² + Σ_h p_h w_h², shape (H,), whichever of N and H is smaller."""
    scaled_NH = x_NH / penalty_H
    if len(x_NH) < len(penalty_H):
        weight_N = solve(scaled_NH @ x_NH.T + np.eye(len(x_NH)), target_N, assume_a="pos")
        return scaled_NH.T @ weight_N
    return solve(x_NH.T @ x_NH + np.diag(penalty_H), x_NH.T @ target_N, assume_a="pos")


def gauss_newton(x_NH: Values, target_N: Values, penalty_H: Values, curve: Curve) -> Values:
    """The same with f(x w) in place of x w: f is taken as linear, again and again, where w is."""
    w_H = np.zeros(len(penalty_H))
    for _ in range(STEPS):
        z_N = x_NH @ w_H
        slope_N = curve.slope(z_N)
        w_H = ridge(x_NH * slope_N[:, None], target_N - curve.value(z_N) + slope_N * z_N, penalty_H)
    return w_H
