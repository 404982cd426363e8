"""The figures of a model by kind of user and of item, and by length of list.

Dimension key: U users, I items, K places of a list, N held-out ratings, G groups.
"""

import math
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import csr_array

from collaborative_autoencoders.columns import ITEM_INDEX, RATING
from collaborative_autoencoders.judging.options import at
from collaborative_autoencoders.judging.scores import (
    N_RATINGS,
    N_RELEVANT,
    PREDICTED,
    SQUARED_ERROR,
)
from collaborative_autoencoders.metrics.beyond_accuracy import count_recommended, gini, lorenz
from collaborative_autoencoders.metrics.groups import (
    ACTIVITY,
    POPULARITY,
    count_by_group,
    fifth_of_users,
    mean_by_group,
    ratio_by_group,
    recall_by_group,
    relevant_by_group,
    third_of_items,
)
from collaborative_autoencoders.metrics.hits import count_relevant, find_hits
from collaborative_autoencoders.metrics.ranking import ndcg_by_length, recall_by_length

Items = NDArray[np.integer]
Counts = NDArray[np.int64]
Row = dict[str, Any]

DECIMALS = 6
CURVE_POINTS = 101
"""Along each axis of a Lorenz curve, so that its file is small whatever the catalogue."""


def shown_length(k: list[int]) -> int:
    """The one of these lengths of list that is nearest to 10."""
    return min(k, key=lambda length: abs(length - 10))


def by_activity(user_scores: pd.DataFrame, n_ratings_U: Counts, k: int) -> list[Row]:
    """One row per fifth of the users by how many ratings they have, the least active first.

    `from` and `to` are the fewest and the most ratings in the fifth. A fifth that nobody is in, as
    many users have equally many ratings, is not there.
    """
    groups = len(ACTIVITY)
    fifth_U = fifth_of_users(n_ratings_U)
    columns: dict[str, NDArray] = {
        "users": count_by_group(fifth_U, groups),
        "judged": count_by_group(fifth_U[user_scores[N_RELEVANT] > 0], groups),
        "ndcg": mean_by_group(user_scores[at("ndcg", k)].to_numpy(), fifth_U, groups),
    }
    if N_RATINGS in user_scores:
        squared_U, count_U = (user_scores[name].to_numpy() for name in (SQUARED_ERROR, N_RATINGS))
        columns["rmse"] = np.sqrt(ratio_by_group(squared_U, count_U, fifth_U, groups))
    rows = _rows(ACTIVITY, columns)
    for fifth, row in enumerate(rows):
        ratings_U = n_ratings_U[fifth_U == fifth]
        if len(ratings_U):
            row |= {"from": int(ratings_U.min()), "to": int(ratings_U.max())}
    return [row for row in rows if row["users"]]


def by_popularity(
    item_UK: Items, test_likes: csr_array, predicted_ratings: pd.DataFrame, owners_I: Counts
) -> list[Row]:
    """One row each for head, middle and tail of the items, which hold a third of the ratings each.

    Recall is of the lists given; the ratings to predict are parted by their item too.
    """
    groups = len(POPULARITY)
    third_I = third_of_items(owners_I)
    held_out_UG = relevant_by_group(test_likes, third_I, groups)
    hits_UK = find_hits(item_UK, test_likes)
    columns: dict[str, NDArray] = {
        "items": count_by_group(third_I, groups),
        "held_out": held_out_UG.sum(axis=0),
        "recall": recall_by_group(item_UK, hits_UK, held_out_UG, third_I),
    }
    if len(predicted_ratings):
        third_N = third_I[predicted_ratings[ITEM_INDEX]]
        told_N, actual_N = predicted_ratings[[PREDICTED, RATING]].to_numpy(np.float64).T
        columns["rmse"] = np.sqrt(mean_by_group((told_N - actual_N) ** 2, third_N, groups))
    return _rows(POPULARITY, columns)


def name_of_groups(rows: list[Row], k: int) -> dict[str, float]:
    """The figures of the groups under flat names: `ndcg_at_10_fifth_1`, `rmse_tail`."""
    names = {"ndcg": at("ndcg", k), "recall": at("recall", k), "rmse": "rmse"}
    return {
        f"{name}_{row['group']}": row[metric]
        for row in rows
        for metric, name in names.items()
        if row.get(metric) is not None
    }


def by_concentration(item_UK: Items, n_items: int) -> dict[str, Any]:
    """The Lorenz curve of how often items are recommended, with its Gini; none without a list."""
    recommended_I = count_recommended(item_UK, n_items)
    if not recommended_I.any():
        return {}
    items, shown = lorenz(recommended_I)
    along = np.linspace(0, 1, CURVE_POINTS)
    # the last few items may have most of the curve's height: points along both axes
    places = np.union1d(np.rint(along * n_items).astype(int), np.searchsorted(shown, along))
    places = places[places <= n_items]
    return {
        "gini": gini(recommended_I),
        "items": _short(items[places]),
        "recommendations": _short(shown[places]),
    }


def by_length(item_UK: Items, test_likes: csr_array) -> dict[str, list[float]]:
    """The mean NDCG and recall of the first 1, 2, … K places; none where nobody is judged."""
    n_relevant_U = count_relevant(test_likes)
    judged_U = n_relevant_U > 0
    if not judged_U.any():
        return {}
    hits_UK = find_hits(item_UK, test_likes)[judged_U]
    return {
        "ndcg": _short(ndcg_by_length(hits_UK, n_relevant_U[judged_U]).mean(axis=0)),
        "recall": _short(recall_by_length(hits_UK, n_relevant_U[judged_U]).mean(axis=0)),
    }


def _rows(groups: tuple[str, ...], columns: dict[str, NDArray]) -> list[Row]:
    return [
        {"group": group} | {name: _number(values_G[place]) for name, values_G in columns.items()}
        for place, group in enumerate(groups)
    ]


def _number(value: np.generic) -> float | int | None:
    # JSON knows no NaN
    number: float | int = value.item()
    return number if math.isfinite(number) else None


def _short(values: NDArray[np.float64]) -> list[float]:
    return [round(float(value), DECIMALS) for value in values]
