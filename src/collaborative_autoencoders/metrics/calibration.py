"""Calibration: whether a list has the groups of items that its user's history has.

Dimension key: U users, G groups.
"""

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]

SMOOTHING = 0.01
"""α of Steck 2018: the share of the history that is mixed into a list, so that no share is 0."""


def miscalibration(history_UG: NDArray[np.integer], listed_UG: NDArray[np.integer]) -> Values:
    """Return how far the groups of each list are from those of its user's history, shape (U,).

    Kullback-Leibler divergence Σ_g p(g) · ln(p(g) / q̃(g)), with q̃ = (1 − α) · q + α · p. p is the
    share of each group in the history, q in the list; both are given as counts. 0 if the shares are
    equal, −ln α = 4.61 if the list has no group of the history. NaN for a user without a history or
    with an empty list.
    Source: Steck 2018, Calibrated Recommendations, RecSys, with α = 0.01 as there.
    """
    p_UG, q_UG = _shares(history_UG), _shares(listed_UG)
    smooth_UG = (1 - SMOOTHING) * q_UG + SMOOTHING * p_UG
    # a group that is not in the history adds 0, as p · ln p does near 0
    ratio_UG = np.divide(p_UG, smooth_UG, out=np.ones_like(p_UG), where=p_UG != 0)
    return np.maximum((p_UG * np.log(ratio_UG)).sum(axis=1), 0)  # rounding leaves the range


def _shares(counts_UG: NDArray[np.integer]) -> Values:
    total_U1 = counts_UG.sum(axis=1, keepdims=True)
    return np.where(total_U1 > 0, counts_UG / np.maximum(total_U1, 1), np.nan)
