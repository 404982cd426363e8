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
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_array
from torch import Tensor

Values = NDArray[np.float64]

STEPS = 100
"""Largest number of Gauss–Newton steps; most users need fewer than 10."""

GRADUALLY = (0.3, 1.0)
"""Shares of z with which the curves grow to f."""

CONVERGED = 1e-10
"""Relative decrease of the loss below which the steps end."""

ENOUGH = 1e-4
"""Share of the promised decrease that a step must reach (Armijo's condition)."""

LEAST_LENGTH = 2.0**-30
"""Shortest step, relative to the full one. If it does not help, only rounding is left."""

LEAST_PENALTY = 1e-6
"""Lower bound of every penalty, so that the solution is unique with few ratings."""


class Curve(NamedTuple):
    """A non-linear activation f and its derivative, as functions of z = w · x."""

    value: Callable[[Values], Values]
    slope: Callable[[Values], Values]

    def slower(self, share: float) -> "Curve":
        """Return f(share · z) and its derivative."""
        return Curve(lambda z: self.value(share * z), lambda z: share * self.slope(share * z))


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

    Solves a system of size N or H, whichever is smaller. With torch, because the threads of NumPy's
    BLAS take ten times as long for products as small as these.
    """
    x, penalty, target_N1 = map(torch.from_numpy, (x_NH, penalty_H, target_N[:, None]))
    if len(x_NH) < len(penalty_H):
        scaled = x / penalty
        return (scaled.T @ solved(scaled @ x.T, torch.ones(()), target_N1))[:, 0].numpy()
    return solved(x.T @ x, penalty, x.T @ target_N1)[:, 0].numpy()


def solved(gram: Tensor, penalty: Tensor, right_side: Tensor) -> Tensor:
    """Return (G + diag p)⁻¹ times the right side. G is overwritten."""
    gram.diagonal().add_(penalty)
    return torch.cholesky_solve(right_side, torch.linalg.cholesky(gram))


def gauss_newton(x_NH: Values, target_N: Values, penalty_H: Values, curve: Curve) -> Values:
    """Return argmin_w ‖target − f(x w)‖² + Σ_h p_h w_h², shape (H,), by Gauss–Newton.

    The loss can have several minima. The best of two descents is returned: one from 0, and one
    along curves f(c z) that grow from nearly linear to f, each from where the last one ended.
    """

    def loss_at(w_H: Values) -> float:
        return loss_of(w_H, x_NH, target_N, penalty_H, curve)

    zeros_H = np.zeros(len(penalty_H))
    gradual_H = zeros_H
    for share in GRADUALLY:
        gradual_H = descend(gradual_H, x_NH, target_N, penalty_H, curve.slower(share))
    return min(descend(zeros_H, x_NH, target_N, penalty_H, curve), gradual_H, key=loss_at)


def loss_of(w_H: Values, x_NH: Values, target_N: Values, penalty_H: Values, curve: Curve) -> float:
    """Return ‖target − f(x w)‖² + Σ_h p_h w_h²."""
    error_N = target_N - curve.value(x_NH @ w_H)
    return float(error_N @ error_N + penalty_H @ w_H**2)


def descend(w_H: Values, x_NH: Values, target_N: Values, penalty_H: Values, curve: Curve) -> Values:
    """Return a w, shape (H,), where the loss has converged, and at most what it is at the given w.

    Each step linearises f at the current w and solves a ridge regression. A step that does not
    lower the loss enough is halved until it does: where f is flat, the full step leaves the region
    in which the linearisation holds.
    Source: Nocedal and Wright 2006, Numerical Optimization, 3.1 and 10.3.
    """
    loss = loss_of(w_H, x_NH, target_N, penalty_H, curve)
    for _ in range(STEPS):
        z_N = x_NH @ w_H
        slope_N, error_N = curve.slope(z_N), target_N - curve.value(z_N)
        full_H = ridge(x_NH * slope_N[:, None], error_N + slope_N * z_N, penalty_H) - w_H
        falls = full_H @ (x_NH.T @ (slope_N * error_N) - penalty_H * w_H)
        length, before = 1.0, loss
        while (
            not (loss := loss_of(w_H + length * full_H, x_NH, target_N, penalty_H, curve))
            <= before - ENOUGH * length * falls
        ):
            length /= 2
            if length < LEAST_LENGTH:
                return w_H
        w_H = w_H + length * full_H
        if before - loss <= CONVERGED * before:
            break
    return w_H
