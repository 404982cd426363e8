"""Averages over users: the figures of a model, each mean with its 95 % interval.

Dimension key: U users with a value, M metrics, I items.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from collaborative_autoencoders.interactions import Interactions
from collaborative_autoencoders.interactions.sample import size_of_sample, users_of
from collaborative_autoencoders.metrics.bootstrap import interval_of_means
from collaborative_autoencoders.metrics.intervals import Bounds, Interval
from collaborative_autoencoders.metrics.jackknife import interval_of_ratios
from collaborative_autoencoders.metrics.table import Measure, at, metrics_of

from .evaluate import LIST_BY_POPULARITY, N_RATINGS, N_RELEVANT, sum_column
from .options import EvaluationOptions

SAMPLED, HELD_OUT = "users_sampled", "users_held_out"

Figures = dict[str, float]
Values = NDArray[np.float64]


def fraction_of(user_scores: pd.DataFrame, measure: Measure) -> tuple[pd.Series, pd.Series]:
    """Return the numerator and denominator of a metric for each user, both shape (U,).

    The metric of a set of users is `of_mean`(Σ numerator / Σ denominator), which is a mean over
    users or over ratings. The denominator of a user without a value is 0. If the table does not
    have the metric, numerators are NaN and denominators are 0.
    """
    nothing = pd.Series(np.nan, index=user_scores.index)
    if measure.metric.of == "ratings":
        sums = user_scores.get(sum_column(measure.metric), nothing)
        return sums, user_scores.get(N_RATINGS, pd.Series(0.0, index=user_scores.index))
    values = user_scores.get(measure.name, nothing)
    return values, values.notna().astype(np.float64)


def average_users(user_scores: pd.DataFrame, options: EvaluationOptions) -> Figures:
    """Return the mean of every per-user metric, each with `_low` and `_high`.

    `users_judged` is the number of users with held-out likes, `users_listed` the number with a
    list, `users_by_popularity` the number whose list is by popularity because the model has no
    history of them, and `ratings_judged` the number of held-out ratings. A metric without any value
    is missing.
    """
    figures: Figures = {}
    for bounds, columns in columns_by_users(user_scores, options):
        figures |= mean_over_users(user_scores[columns].dropna(), bounds, options)
    listed = at("novelty", options.k[0])
    figures["users_judged"] = float((user_scores[N_RELEVANT] > 0).sum())
    figures["users_listed"] = float(user_scores[listed].notna().sum())
    if LIST_BY_POPULARITY in user_scores:
        figures["users_by_popularity"] = float(user_scores[LIST_BY_POPULARITY].sum())
    return figures | average_errors(user_scores)


def columns_by_users(
    user_scores: pd.DataFrame, options: EvaluationOptions
) -> Iterator[tuple[Bounds | None, list[str]]]:
    """Yield the columns of list metrics with the same bounds and values for the same users."""
    groups: dict[tuple[Bounds | None, bytes], list[str]] = {}
    for k in options.k:
        for metric in metrics_of("list"):
            name = at(metric.name, k)
            users = user_scores[name].notna().to_numpy().tobytes()
            groups.setdefault((metric.bounds, users), []).append(name)
    for (bounds, _), names in groups.items():
        yield bounds, names


def mean_over_users(
    values: pd.DataFrame, bounds: Bounds | None, options: EvaluationOptions
) -> Figures:
    """Return the mean of each column with its interval; empty if there is no row."""
    if values.empty:
        return {}
    values_UM = values.to_numpy(dtype=np.float64)
    low_M, high_M = interval_of(values_UM, bounds, options)
    figures: Figures = {}
    for name, *triple in zip(values.columns, values_UM.mean(axis=0), low_M, high_M, strict=True):
        figures |= with_interval(name, *triple)
    return figures


def interval_of(values_UM: Values, bounds: Bounds | None, options: EvaluationOptions) -> Interval:
    """Return the interval of the mean of each column, by the method for these bounds."""
    if bounds is None:
        return interval_of_ratios(values_UM, np.ones(len(values_UM)))
    return interval_of_means(values_UM, options.bootstrap_resamples, options.seed, bounds)


def average_errors(user_scores: pd.DataFrame) -> Figures:
    """Return every rating metric over all held-out ratings, with intervals over users.

    Empty if there are no predicted ratings.
    """
    if N_RATINGS not in user_scores or not (user_scores[N_RATINGS] > 0).any():
        return {}
    metrics = metrics_of("ratings")
    rated = user_scores[user_scores[N_RATINGS] > 0]
    sums_UM = rated[[sum_column(metric) for metric in metrics]].to_numpy(dtype=np.float64)
    count_U = rated[N_RATINGS].to_numpy(dtype=np.float64)
    low_M, high_M = interval_of_ratios(sums_UM, count_U)
    mean_M = sums_UM.sum(axis=0) / count_U.sum()
    figures: Figures = {"ratings_judged": float(count_U.sum())}
    for metric, *means in zip(metrics, mean_M, low_M, high_M, strict=True):
        figures |= with_interval(metric.name, *map(metric.of_mean, means))
    return figures


def describe_lists(
    recommended: Sequence[NDArray[np.int64]], owners_I: NDArray[np.int64], k: list[int]
) -> Figures:
    """Return the metrics of all lists together, given what `recommended_at` returns for these k.

    `owners_I` counts users in training.
    """
    return {
        at(metric.name, length): metric.function(recommended_I, owners_I)
        for length, recommended_I in zip(k, recommended, strict=True)
        for metric in metrics_of("all lists")
    }


def describe_sample(test: Interactions, options: EvaluationOptions) -> Figures:
    """Return the users of the sample that is evaluated, and of how many; empty without a sample."""
    size = size_of_sample(test, options.test_users)
    if size is None:
        return {}
    return {SAMPLED: float(size), HELD_OUT: float(len(users_of(test)))}


def with_interval(name: str, value: float, low: float, high: float) -> Figures:
    """Return the figure `name` with the ends of its interval, `name_low` and `name_high`."""
    return {name: float(value), f"{name}_low": float(low), f"{name}_high": float(high)}


def mean_of_users(user_scores: pd.DataFrame, measure: Measure) -> float:
    """Return one metric over all users; NaN if no user has a value."""
    numerator_U, denominator_U = fraction_of(user_scores, measure)
    total = float(denominator_U.sum())
    return float(measure.metric.of_mean(numerator_U.sum() / total)) if total else float("nan")
