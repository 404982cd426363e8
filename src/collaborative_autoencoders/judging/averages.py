"""From one row per user to the figures of a model, each mean with its 95 % interval.

Dimension key: U users with a value, M metrics, I items.
"""

from collections.abc import Iterable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from collaborative_autoencoders.columns import ITEM_INDEX, RANK
from collaborative_autoencoders.metrics.beyond_accuracy import count_recommended, coverage, gini
from collaborative_autoencoders.metrics.bootstrap import (
    Interval,
    interval_of_means,
    interval_of_ratios,
)
from collaborative_autoencoders.metrics.ranking import RANKING_METRICS
from collaborative_autoencoders.metrics.rating import RatingErrors, mae, rmse

from .options import EvaluationOptions, at
from .scores import ABSOLUTE_ERROR, N_RATINGS, N_RELEVANT, SQUARED_ERROR

Metrics = dict[str, float]


def average_lists(user_scores: pd.DataFrame, evaluation: EvaluationOptions) -> Metrics:
    """The means over users: of the ones with something held out, and novelty over all lists."""
    judged = [at(name, k) for k in evaluation.k for name in RANKING_METRICS]
    listed = [at("novelty", k) for k in evaluation.k]
    return {
        **_means(user_scores[judged].dropna(), evaluation),
        **_means(user_scores[listed].dropna(), evaluation),
        "users_judged": float((user_scores[N_RELEVANT] > 0).sum()),
        "users_listed": float(user_scores[listed[0]].notna().sum()),
    }


def describe_catalogue(
    ranked_items: pd.DataFrame, owners_I: NDArray[np.int64], k: list[int]
) -> Metrics:
    """Gini and coverage of everybody's first k places, for each k."""
    figures: Metrics = {}
    for length in k:
        shown = ranked_items.loc[ranked_items[RANK] <= length, ITEM_INDEX]
        recommended_I = count_recommended(shown.to_numpy(), len(owners_I))
        figures[at("gini", length)] = gini(recommended_I)
        figures[at("coverage", length)] = coverage(recommended_I, owners_I)
    return figures


def average_errors(user_scores: pd.DataFrame, evaluation: EvaluationOptions) -> Metrics:
    """RMSE and MAE over all held-out ratings, with intervals over users; none without ratings."""
    if N_RATINGS not in user_scores:
        return {}
    rated = user_scores.loc[
        user_scores[N_RATINGS] > 0, [SQUARED_ERROR, ABSOLUTE_ERROR, N_RATINGS]
    ].to_numpy(dtype=np.float64)
    errors = RatingErrors(rated[:, 0], rated[:, 1], rated[:, 2].astype(np.int64))
    low_M, high_M = interval_of_ratios(
        rated[:, :2], rated[:, 2:], evaluation.bootstrap_resamples, evaluation.seed
    )
    squared_ends, absolute_ends = zip(low_M, high_M, strict=True)
    return {
        "ratings_judged": float(errors.count_U.sum()),
        **_with_ends("rmse", rmse(errors), np.sqrt(squared_ends)),
        **_with_ends("mae", mae(errors), absolute_ends),
    }


def _means(values: pd.DataFrame, evaluation: EvaluationOptions) -> Metrics:
    if values.empty:
        return {}
    values_UM = values.to_numpy(dtype=np.float64)
    interval: Interval = interval_of_means(
        values_UM, evaluation.bootstrap_resamples, evaluation.seed
    )
    figures: Metrics = {}
    for name, mean, *ends in zip(values.columns, values_UM.mean(axis=0), *interval, strict=True):
        figures |= _with_ends(name, mean, ends)
    return figures


def _with_ends(name: str, value: float, ends: Iterable[float]) -> Metrics:
    low, high = ends
    return {name: float(value), f"{name}_low": float(low), f"{name}_high": float(high)}
