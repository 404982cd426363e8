"""From a figure per split seed to a mean with its interval."""

from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import stats

from .plan import Target


class Mean(NamedTuple):
    """The mean over split seeds, and Student's 95 % interval of it."""

    mean: float
    low: float
    high: float


def mean_of(values: pd.Series) -> Mean:
    """mean ± t(0.975, n − 1) · s / √n; of one value, or of equal ones, no interval but itself."""
    mean, spread = float(values.mean()), float(values.std()) if len(values) > 1 else 0.0
    reach = stats.t.ppf(0.975, max(1, len(values) - 1)) * spread / np.sqrt(len(values))
    return Mean(mean, mean - reach, mean + reach)


def has(figures: pd.DataFrame, row: str, measure: str) -> bool:
    """Whether the row has a figure of this measure: CDAE has no RMSE."""
    return measure in figures and bool(figures.loc[figures["row"] == row, measure].notna().any())


def by_seed(figures: pd.DataFrame, row: str, measure: str) -> pd.Series:
    """The row's figure of every split seed. Raises KeyError where the row has none."""
    values = figures[figures["row"] == row].set_index("split_seed")[measure].dropna().sort_index()
    if values.empty:
        raise KeyError(f"{row} has no {measure}: did its runs finish?")
    return values


def reached(figures: pd.DataFrame, row: str, target: Target) -> tuple[Mean, bool]:
    """What the row came to, beside another row where the target says so, and whether it suffices.

    Of a difference to another row, with `interval_above_zero`, the whole interval has to be above.
    """
    values = by_seed(figures, row, target.measure)
    if target.beside is not None:
        values = values - by_seed(figures, target.beside, target.measure)
    mean = mean_of(values)
    enough = (target.at_most is None or mean.mean <= target.at_most) and (
        target.at_least is None or mean.mean >= target.at_least
    )
    return mean, enough and (mean.low > 0 or not target.interval_above_zero)
