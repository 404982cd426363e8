"""From one figure per split seed to the mean with its interval."""

from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.special import stdtrit

from .plan import Target


class Mean(NamedTuple):
    """The mean over split seeds with its 95 % t interval."""

    mean: float
    low: float
    high: float


def mean_of(values: pd.Series) -> Mean:
    """Return mean ± t(0.975, n − 1) · s / √n; the mean alone for one value or for equal values."""
    mean, spread = float(values.mean()), float(values.std()) if len(values) > 1 else 0.0
    reach = stdtrit(max(1, len(values) - 1), 0.975) * spread / np.sqrt(len(values))
    return Mean(mean, mean - reach, mean + reach)


def has(figures: pd.DataFrame, row: str, measure: str) -> bool:
    """Return whether the row has a figure of this metric; CDAE has no RMSE."""
    return measure in figures and bool(figures.loc[figures["row"] == row, measure].notna().any())


def by_seed(figures: pd.DataFrame, row: str, measure: str) -> pd.Series:
    """Return the row's figure for each split seed. Raises KeyError if the row has none."""
    values = figures[figures["row"] == row].set_index("split_seed")[measure].dropna().sort_index()
    if values.empty:
        raise KeyError(f"{row} has no {measure}: did its runs finish?")
    return values


def reached(figures: pd.DataFrame, row: str, target: Target) -> tuple[Mean, bool]:
    """Return the row's mean, or its difference to `target.beside`, and whether the target is met.

    With `interval_above_zero`, the low end of the interval must be above 0 too.
    """
    values = by_seed(figures, row, target.measure)
    if target.beside is not None:
        values = values - by_seed(figures, target.beside, target.measure)
    mean = mean_of(values)
    met = (target.at_most is None or mean.mean <= target.at_most) and (
        target.at_least is None or mean.mean >= target.at_least
    )
    return mean, met and (mean.low > 0 or not target.interval_above_zero)
