"""Choices that the validation part makes, between candidates with one value per user or rating."""

import numpy as np
from numpy.typing import NDArray


def choose(values_CV: NDArray[np.float64], distance_C: NDArray[np.floating]) -> int:
    """Return the candidate nearest to the default of those not worse than the best.

    `values_CV` has the candidates' values, higher is better, NaN where there is none; `distance_C`
    is how far each candidate is from the default. A candidate is not worse if its mean paired
    difference to the best is within one standard error (Breiman et al. 1984, section 3.4.3): a
    choice that the validation part cannot make is not made. One user or rating alone makes none.
    """
    best = np.lexsort((distance_C, -np.nanmean(values_CV, axis=1)))[0]
    worse_CV = values_CV[best] - values_CV
    mean_C = np.nanmean(worse_CV, axis=1)
    as_good_C = mean_C <= standard_errors(worse_CV)
    return int(np.lexsort((mean_C, distance_C, ~as_good_C))[0])


def standard_errors(values_CV: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the standard error of each candidate's mean, shape (C,); inf with fewer than 2 values.

    NaN is no value. The deviation is that of a sample, with n − 1.
    """
    n_values_C = np.count_nonzero(np.isfinite(values_CV), axis=1)
    error_C = np.full(len(values_CV), np.inf)
    several_C = n_values_C > 1
    spread_C = np.nanstd(values_CV[several_C], axis=1, ddof=1)
    error_C[several_C] = spread_C / np.sqrt(n_values_C[several_C])
    return error_C
