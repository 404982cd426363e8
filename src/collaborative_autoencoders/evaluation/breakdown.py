"""The figures of a model by group of users, by group of items and by length of list.

Dimension key: U users, I items, K places of a list, N held-out ratings, G groups.
"""

import math
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from collaborative_autoencoders.interactions import Interactions
from collaborative_autoencoders.metrics.beyond_accuracy import gini, lorenz
from collaborative_autoencoders.metrics.groups import (
    ACTIVITY_GROUPS,
    POPULARITY_GROUPS,
    count_by_group,
    fifth_of_users,
    mean_by_group,
    ratio_by_group,
    third_of_items,
)
from collaborative_autoencoders.metrics.hits import count_relevant
from collaborative_autoencoders.metrics.table import METRICS, at

from .beyond_accuracy import Histories, means_of_lists
from .evaluate import N_RATINGS, N_RELEVANT, have_lists, sum_column
from .known import count_owners
from .options import EvaluationOptions
from .tallies import (
    BY_LENGTH,
    GROUPS,
    ListTally,
    PredictionTally,
    Sums,
    Tally,
    recommended_at,
    sum_over,
)

Counts = NDArray[np.int64]
Row = dict[str, Any]

RMSE = METRICS["rmse"]
DECIMALS = 6
CURVE_POINTS = 101
"""Points along each axis of a Lorenz curve. Limits the size of its file for any catalogue."""


class Reading(NamedTuple):
    """How tables of lists and predictions are read."""

    sum_over: Callable[[Any, Tally], Sums]
    recommended_at: Callable[[Any, tuple[int, int], list[int]], list[Counts]]


OF_PANDAS = Reading(sum_over, recommended_at)


def break_down(
    user_scores: pd.DataFrame,
    ranked_items: pd.DataFrame,
    predicted_ratings: pd.DataFrame,
    *,
    train: Interactions,
    validation: Interactions,
    test: Interactions,
    options: EvaluationOptions,
    reading: Reading = OF_PANDAS,
) -> tuple[dict[str, Any], dict[str, float]]:
    """Return the breakdown for the figures, and the values of the groups under flat names.

    The values include the diversity and the calibration of the lists. Groups of users and of items
    are of those in the core, with all of their ratings. Lists are cut to `options.shown_k`, the
    length nearest to 10. Both results are empty for a model that was left out.

    Raises ValueError if lists or predictions are not of these parts, or not those of the scores.
    """
    if user_scores.empty:
        return {}, {}
    k, n_users, owners = options.shown_k, test.core_shape[0], count_owners(train)
    parts = (train, validation, train.fold_in, validation.fold_in, test.fold_in)
    known = [part for part in parts if part is not None]
    n_ratings_U = np.sum([count_relevant(part.ratings) for part in known], axis=0)[:n_users]
    activity = by_activity(user_scores.head(n_users), n_ratings_U, k)
    tallied = Interactions(test.ratings, test.likes), user_scores, owners, options
    third_I, has_list_U = third_of_items(owners.of_item_I), have_lists(test, options)
    histories = Histories.of(train, known, third_I, GROUPS, has_list_U)
    sums = reading.sum_over(ranked_items, ListTally(*tallied, histories=histories))
    if N_RATINGS in user_scores:
        sums |= reading.sum_over(predicted_ratings, PredictionTally(*tallied))
    popularity = by_popularity(sums, owners.of_item_I)
    recommended = reading.recommended_at(ranked_items, test.core_shape, options.k)
    breakdown = {
        "k": k,
        "activity": activity,
        "popularity": popularity,
        "lorenz": by_concentration(recommended[options.k.index(k)]),
        "by_length": by_length(sums),
    }
    groups = flat_names(activity, k) | flat_names(popularity, k)
    return breakdown, groups | means_of_lists(sums, k)


def by_activity(user_scores: pd.DataFrame, n_ratings_U: Counts, k: int) -> list[Row]:
    """Return one row per fifth of the users, by their number of ratings, the least active first.

    `from` and `to` are the smallest and largest number of ratings in the fifth. A fifth without
    users is missing; users with the same number of ratings are always in the same fifth.
    """
    groups = len(ACTIVITY_GROUPS)
    fifth_U = fifth_of_users(n_ratings_U)
    columns: dict[str, NDArray] = {
        "users": count_by_group(fifth_U, groups),
        "evaluated": count_by_group(fifth_U[user_scores[N_RELEVANT] > 0], groups),
        "ndcg": mean_by_group(user_scores[at("ndcg", k)].to_numpy(), fifth_U, groups),
    }
    if N_RATINGS in user_scores:
        sum_U, count_U = (user_scores[name].to_numpy() for name in (sum_column(RMSE), N_RATINGS))
        columns[RMSE.name] = RMSE.of_mean(ratio_by_group(sum_U, count_U, fifth_U, groups))
    rows = _rows(ACTIVITY_GROUPS, columns)
    for fifth, row in enumerate(rows):
        ratings_U = n_ratings_U[fifth_U == fifth]
        if len(ratings_U):
            row |= {"from": int(ratings_U.min()), "to": int(ratings_U.max())}
    return [row for row in rows if row["users"]]


def by_popularity(sums: Sums, owners_I: Counts) -> list[Row]:
    """Return one row each for head, middle and tail: items with a third of the ratings each.

    Recall counts the held-out likes of the group in the given lists. RMSE is over the held-out
    ratings of the group's items.
    """
    columns: dict[str, NDArray] = {
        "items": count_by_group(third_of_items(owners_I), GROUPS),
        "held_out": sums["held_out"].astype(np.int64),
        "recall": _ratio(sums["recall_of_group"], sums["users_of_group"]),
    }
    if sums.get("predicted", np.zeros(1)).any():
        columns[RMSE.name] = RMSE.of_mean(_ratio(sums["errors"], sums["predicted"]))
    return _rows(POPULARITY_GROUPS, columns)


def flat_names(rows: list[Row], k: int) -> dict[str, float]:
    """Return the values of the groups under flat names: `ndcg_at_10_fifth_1`, `rmse_tail`."""
    names = {"ndcg": at("ndcg", k), "recall": at("recall", k), "rmse": "rmse"}
    return {
        f"{name}_{row['group']}": row[metric]
        for row in rows
        for metric, name in names.items()
        if row.get(metric) is not None
    }


def by_concentration(recommended_I: Counts) -> dict[str, Any]:
    """Return the Lorenz curve of recommendations per item, with its Gini; empty without lists."""
    if not recommended_I.any():
        return {}
    n_items = len(recommended_I)
    items, shown = lorenz(recommended_I)
    along = np.linspace(0, 1, CURVE_POINTS)
    # points along both axes, because the last few items may have most of the curve's height
    places = np.union1d(np.rint(along * n_items).astype(int), np.searchsorted(shown, along))
    places = places[places <= n_items]
    return {
        "gini": gini(recommended_I),
        "items": _short(items[places]),
        "recommendations": _short(shown[places]),
    }


def by_length(sums: Sums) -> dict[str, list[float]]:
    """Return the mean of some list metrics for the first 1, 2, … K places.

    Empty if no user has a held-out like.
    """
    if not sums["users"].any():
        return {}
    return {name: _short(sums[name] / sums["users"]) for name in BY_LENGTH}


def _ratio(sums_G: NDArray[np.float64], counts_G: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(counts_G > 0, sums_G / np.maximum(counts_G, 1), np.nan)


def _rows(groups: tuple[str, ...], columns: dict[str, NDArray]) -> list[Row]:
    return [
        {"group": group} | {name: _number(values_G[place]) for name, values_G in columns.items()}
        for place, group in enumerate(groups)
    ]


def _number(value: np.generic) -> float | int | None:
    # JSON has no NaN
    number: float | int = value.item()
    return number if math.isfinite(number) else None


def _short(values: Iterable[float]) -> list[float]:
    return [round(float(value), DECIMALS) for value in values]
