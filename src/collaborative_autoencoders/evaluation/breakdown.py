"""The figures of a model by group of users, by group of items and by length of list.

Dimension key: U users, I items, K places of a list, N held-out ratings, G groups.
"""

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from collaborative_autoencoders.columns import ITEM_INDEX, RATING
from collaborative_autoencoders.interactions import Interactions
from collaborative_autoencoders.metrics.beyond_accuracy import count_recommended, gini, lorenz
from collaborative_autoencoders.metrics.groups import (
    ACTIVITY_GROUPS,
    POPULARITY_GROUPS,
    count_by_group,
    fifth_of_users,
    mean_by_group,
    ratio_by_group,
    recall_by_group,
    relevant_by_group,
    third_of_items,
)
from collaborative_autoencoders.metrics.hits import count_relevant, find_hits
from collaborative_autoencoders.metrics.table import METRICS, Lists, at
from collaborative_autoencoders.threads import map_in_threads

from .evaluate import N_RATINGS, N_RELEVANT, PREDICTED, count_owners, sum_column
from .lists import table_to_lists
from .options import EvaluationOptions

Items = NDArray[np.integer]
Hits = NDArray[np.bool_]
Counts = NDArray[np.int64]
Row = dict[str, Any]

RMSE = METRICS["rmse"]
BY_LENGTH = ("ndcg", "recall")
"""List metrics that are drawn at every length of list."""

DECIMALS = 6
CURVE_POINTS = 101
"""Points along each axis of a Lorenz curve. Limits the size of its file for any catalogue."""


def break_down(
    user_scores: pd.DataFrame,
    ranked_items: pd.DataFrame,
    predicted_ratings: pd.DataFrame,
    *,
    train: Interactions,
    validation: Interactions,
    test: Interactions,
    options: EvaluationOptions,
) -> tuple[dict[str, Any], dict[str, float]]:
    """Return the breakdown for the figures, and the values of the groups under flat names.

    Users and items are those of the core, with all of their ratings. Lists are cut to
    `options.shown_k`, the length nearest to 10. Both results are empty for a model that was left
    out.
    """
    if user_scores.empty:
        return {}, {}
    k, (n_users, n_items) = options.shown_k, test.core_shape
    item_UK, _ = table_to_lists(ranked_items, n_users, max(options.k))
    hits_UK, owners_I = find_hits(item_UK, test.likes), count_owners(train)
    known = (train, validation, train.fold_in, validation.fold_in, test.fold_in)
    counts = [count_relevant(part.ratings) for part in known if part is not None]
    n_ratings_U = np.sum(counts, axis=0)[:n_users]
    activity = by_activity(user_scores.head(n_users), n_ratings_U, k)
    predicted_ratings = predicted_ratings[predicted_ratings[ITEM_INDEX] < n_items]
    first = (item_UK[:, :k], hits_UK[:, :k])
    popularity = by_popularity(*first, test, predicted_ratings, owners_I)
    breakdown = {
        "k": k,
        "activity": activity,
        "popularity": popularity,
        "lorenz": by_concentration(item_UK[:, :k], n_items),
        "by_length": by_length(item_UK, hits_UK, test, owners_I),
    }
    return breakdown, flat_names(activity, k) | flat_names(popularity, k)


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


def by_popularity(
    item_UK: Items,
    hits_UK: Hits,
    test: Interactions,
    predicted_ratings: pd.DataFrame,
    owners_I: Counts,
) -> list[Row]:
    """Return one row each for head, middle and tail: items with a third of the ratings each.

    Recall counts the held-out likes of the group in the given lists, which are the hits. RMSE is
    over the held-out ratings of the group's items.
    """
    groups = len(POPULARITY_GROUPS)
    third_I = third_of_items(owners_I)
    held_out_UG = relevant_by_group(test.likes, third_I, groups)
    columns: dict[str, NDArray] = {
        "items": count_by_group(third_I, groups),
        "held_out": held_out_UG.sum(axis=0),
        "recall": recall_by_group(item_UK, hits_UK, held_out_UG, third_I),
    }
    if len(predicted_ratings):
        third_N = third_I[predicted_ratings[ITEM_INDEX]]
        predicted_N, actual_N = predicted_ratings[[PREDICTED, RATING]].to_numpy(np.float64).T
        values_N = RMSE.function(predicted_N - actual_N)
        columns[RMSE.name] = RMSE.of_mean(mean_by_group(values_N, third_N, groups))
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


def by_concentration(item_UK: Items, n_items: int) -> dict[str, Any]:
    """Return the Lorenz curve of recommendations per item, with its Gini; empty without lists."""
    recommended_I = count_recommended(item_UK, n_items)
    if not recommended_I.any():
        return {}
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


def by_length(
    item_UK: Items, hits_UK: Hits, test: Interactions, owners_I: Counts
) -> dict[str, list[float]]:
    """Return the mean of some list metrics for the first 1, 2, … K places.

    Empty if no user has a held-out like.
    """
    n_relevant_U = count_relevant(test.likes)
    users_U = np.flatnonzero(n_relevant_U)
    if not len(users_U):
        return {}
    lists = Lists(item_UK[users_U], hits_UK[users_U], n_relevant_U[users_U], owners_I, len(item_UK))
    lengths = range(1, item_UK.shape[1] + 1)

    def means_of(k: int) -> list[float]:
        return [METRICS[name].function(lists.first(k)).mean() for name in BY_LENGTH]

    means = zip(*map_in_threads(means_of, lengths), strict=True)
    return {name: _short(mean_K) for name, mean_K in zip(BY_LENGTH, means, strict=True)}


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
