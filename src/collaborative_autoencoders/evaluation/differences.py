"""Significance of the differences between models, over the users they were evaluated on.

Dimension key: U users, M models.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from collaborative_autoencoders.columns import MODEL, USER_INDEX
from collaborative_autoencoders.metrics.bootstrap import paired_differences_of_means
from collaborative_autoencoders.metrics.intervals import Differences
from collaborative_autoencoders.metrics.jackknife import paired_differences_of_ratios
from collaborative_autoencoders.metrics.table import Measure

from .averages import fraction_of
from .options import EvaluationOptions

METRIC, OTHER, USERS, VERDICT = "metric", "other", "users", "verdict"
DIFFERENCE, LOW, HIGH = "difference", "low", "high"
BETTER, NO_DIFFERENCE, WORSE = "better", "no significant difference", "worse"


def compare_pairs(
    user_scores: Mapping[str, pd.DataFrame], measure: Measure, options: EvaluationOptions
) -> pd.DataFrame:
    """Return one row per ordered pair of models: model − other in one metric, with a verdict.

        metric      model  other       difference  low    high   users  verdict
        ndcg_at_10  cdae   popularity  0.081       0.072  0.090  927    better

    The 95 % interval is that of the paired difference over the users of both models. The verdict
    says whether `model` is better or worse than `other`; there is no significant difference if the
    interval contains 0. The difference is NaN, without a verdict, if one of the two does not have
    the metric, or if the metric is one of all lists together. There is no interval and no verdict
    if too few users say how far the difference spreads (`metrics/jackknife.py`).
    """
    names = list(user_scores)
    found = _differences(user_scores, measure, options)
    rows = [
        (measure.name, names[a], names[b], *(matrix_MM[a, b] for matrix_MM in found))
        for a in range(len(names))
        for b in range(len(names))
        if a != b
    ]
    table = pd.DataFrame(rows, columns=[METRIC, MODEL, OTHER, DIFFERENCE, LOW, HIGH, USERS])
    verdicts = [
        verdict_of(low, high, measure.metric.higher_is_better)
        for low, high in zip(table[LOW], table[HIGH], strict=True)
    ]
    return table.assign(**{VERDICT: pd.Series(verdicts, dtype=object)})


def verdict_of(low: float, high: float, higher_is_better: bool) -> str | None:
    """Return the verdict on the first of two models, given the interval of first − second.

    Returns None if the interval is NaN.
    """
    if np.isnan(low):
        return None
    if low <= 0 <= high:
        return NO_DIFFERENCE
    return BETTER if (low > 0) == higher_is_better else WORSE


def _differences(
    user_scores: Mapping[str, pd.DataFrame], measure: Measure, options: EvaluationOptions
) -> Differences:
    fractions = [
        fraction_of(scores.set_index(USER_INDEX), measure) for scores in user_scores.values()
    ]
    numerators_UM, denominators_UM = (
        # concat aligns the tables by user: one row per user of any model
        pd.concat(list(columns), axis=1).fillna(0.0).to_numpy(dtype=np.float64)
        for columns in zip(*fractions, strict=True)
    )
    metric = measure.metric
    if metric.bounds is None:
        return paired_differences_of_ratios(numerators_UM, denominators_UM, metric.of_mean)
    values_UM = np.where(denominators_UM > 0, numerators_UM, np.nan)
    return paired_differences_of_means(
        values_UM, options.bootstrap_resamples, options.seed, metric.bounds
    )
