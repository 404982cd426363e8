"""Choices that the validation part makes, between candidates with one value per user or rating."""

import numpy as np
from numpy.typing import NDArray


def choose(values_CV: NDArray[np.float64], distance_C: NDArray[np.floating]) -> int:
    """Return the candidate nearest to the default of those not worse than the best.

    `values_CV` has the candidates' values, higher is better, NaN where there is none; `distance_C`
    is how far each candidate is from the default. A candidate is not worse if its mean paired
    difference to the best is within one standard error (Breiman et al. 1984, section 3.4.3): a
    choice that the validation part cannot make is not made.
    """
    best = np.lexsort((distance_C, -np.nanmean(values_CV, axis=1)))[0]
    worse_CV = values_CV[best] - values_CV
    n_values = np.count_nonzero(np.isfinite(worse_CV), axis=1)
    mean_C = np.nanmean(worse_CV, axis=1)
    as_good_C = mean_C <= np.nanstd(worse_CV, axis=1) / np.sqrt(n_values)
    return int(np.lexsort((mean_C, distance_C, ~as_good_C))[0])
