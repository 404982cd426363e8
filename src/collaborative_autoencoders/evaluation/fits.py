"""Several fits of one configuration: their mean for each user, and the luck of the fit.

A network that is fitted again with another seed has other figures. An interval over users does not
cover this luck, because it takes the fitted model as given.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.special import stdtrit

from collaborative_autoencoders.metrics.intervals import TAIL
from collaborative_autoencoders.metrics.table import Measure

from .averages import mean_of_users


def mean_of_fits(user_scores: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Return the mean of the scores of each user. All tables have the same users in the same order.

    A single table is returned as it is.
    """
    if len(user_scores) == 1:
        return user_scores[0]
    mean: pd.DataFrame = sum(user_scores[1:], start=user_scores[0]) / len(user_scores)
    return mean


def half_width_of_fits(
    first: Sequence[pd.DataFrame], second: Sequence[pd.DataFrame], measure: Measure
) -> float:
    """Return the half width of the 95 % interval of the difference between two configurations.

    It covers the luck of the fit alone: Welch's t interval over the figures of the fits. It is 0
    if each configuration has a single fit, which says nothing about this luck.
    """
    if len(first) == len(second) == 1:
        return 0.0
    variances, freedoms = [], []
    for fits in (first, second):
        figures = [mean_of_users(scores, measure) for scores in fits]
        variances.append(np.var(figures, ddof=1) / len(fits))
        freedoms.append(len(fits) - 1)
    total = sum(variances)
    if total == 0:
        return 0.0
    parts = zip(variances, freedoms, strict=True)
    freedom = total**2 / sum(part**2 / degrees for part, degrees in parts)
    return float(stdtrit(freedom, 1 - TAIL) * np.sqrt(total))


def widened(gain: float, low: float, high: float, half_width: float) -> tuple[float, float]:
    """Return the ends of an interval that also covers a second, independent source of luck.

    Both distances are added in squares. Source: Zou and Donner 2008, Construction of confidence
    limits about effect measures (MOVER).
    """
    return (
        gain - float(np.hypot(gain - low, half_width)),
        gain + float(np.hypot(high - gain, half_width)),
    )
