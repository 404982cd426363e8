"""What the lists and predictions of some users add to the breakdown of a model.

The sums of all pieces of users, in their order, are the same wherever a piece is summed.

Dimension key: U users of a piece, I items, K places of a list, N held-out ratings, G groups.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import csr_array

from collaborative_autoencoders.columns import ITEM_INDEX, RANK, RATING, USER_INDEX
from collaborative_autoencoders.interactions import Interactions
from collaborative_autoencoders.metrics.beyond_accuracy import count_recommended
from collaborative_autoencoders.metrics.groups import (
    POPULARITY_GROUPS,
    count_by_group,
    recall_by_group,
    relevant_by_group,
    third_of_items,
)
from collaborative_autoencoders.metrics.hits import count_relevant, find_hits
from collaborative_autoencoders.metrics.table import METRICS, Lists, Owners

from .beyond_accuracy import Histories
from .evaluate import PREDICTED
from .lists import table_to_lists
from .options import EvaluationOptions
from .table_claims import check_indices, check_predictions, check_scores_of_lists

USERS_OF_A_PIECE = 4096
GROUPS = len(POPULARITY_GROUPS)
BY_LENGTH = ("ndcg", "recall")
"""List metrics that are drawn at every length of list."""

Sums = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class Tally(ABC):
    """Adds up the rows of a table by pieces of users."""

    test: Interactions
    user_scores: pd.DataFrame
    """One row per user, as `evaluate` returns it."""

    owners: Owners
    options: EvaluationOptions
    size: int = USERS_OF_A_PIECE
    """Most users of a piece."""

    def __len__(self) -> int:
        """Return the number of pieces."""
        return math.ceil(self.test.shape[0] / self.size)

    def of(self, number: int) -> tuple[NDArray[np.int64], Interactions]:
        """Return the users of a piece, and the test part of them."""
        first = number * self.size
        users_U = np.arange(first, min(first + self.size, self.test.shape[0]))
        return users_U, self.test.of_users(users_U)

    @cached_property
    def third_I(self) -> NDArray[np.int64]:
        """The group of each item by popularity."""
        return third_of_items(self.owners.of_item_I)

    @abstractmethod
    def __call__(self, number: int, rows: pd.DataFrame) -> Sums:
        """Return the sums of one piece. Raises ValueError if a row is not of these parts."""


@dataclass(frozen=True, kw_only=True)
class ListTally(Tally):
    """Adds up lists: recall by popularity of items, metrics at every length, and diversity."""

    histories: Histories
    """The likes that lists are compared with, in the groups of items of `third_I`."""

    def __call__(self, number: int, rows: pd.DataFrame) -> Sums:
        """Return the sums of one piece.

        Raises ValueError if a list is not valid, or not that of its user's scores.
        """
        check_indices("ranked_items", rows, self.test.core_shape)
        users_U, test = self.of(number)
        item_UK, _ = table_to_lists(rows, test.core_shape[0], max(self.options.k), users_U[0])
        check_scores_of_lists(item_UK, self.user_scores.iloc[users_U], test, self.owners)
        shown_UK = item_UK[:, : self.options.shown_k]
        held_out_UG = relevant_by_group(test.likes, self.third_I, GROUPS)
        hits_UK = find_hits(shown_UK, test.likes)
        recall_UG = recall_by_group(shown_UK, hits_UK, held_out_UG, self.third_I)
        return {
            "held_out": held_out_UG.sum(axis=0),
            "recall_of_group": np.nansum(recall_UG, axis=0),
            "users_of_group": (held_out_UG > 0).sum(axis=0),
            "users": np.array([np.count_nonzero(count_relevant(test.likes))]),
            **sums_by_length(item_UK, test.likes, self.owners),
            **self.histories.sums_of(shown_UK, users_U[: len(shown_UK)], self.third_I),
        }


class PredictionTally(Tally):
    """Adds up predictions: squared errors by popularity of items."""

    def __call__(self, number: int, rows: pd.DataFrame) -> Sums:
        """Return the sums of one piece.

        Raises ValueError if the rows are not the ratings of the test part, or their errors not
        those of the scores.
        """
        check_indices("predicted_ratings", rows, self.test.shape)
        users_U, test = self.of(number)
        check_predictions(rows, self.user_scores.iloc[users_U], test, users_U[0])
        rows = rows[rows[ITEM_INDEX] < len(self.third_I)].sort_values([USER_INDEX, ITEM_INDEX])
        third_N = self.third_I[rows[ITEM_INDEX]]
        predicted_N, actual_N = rows[[PREDICTED, RATING]].to_numpy(np.float64).T
        errors_N = METRICS["rmse"].function(predicted_N - actual_N)
        return {
            "errors": np.bincount(third_N, weights=errors_N, minlength=GROUPS),
            "predicted": count_by_group(third_N, GROUPS),
        }


def sums_by_length(item_UK: NDArray[np.integer], relevant_UI: csr_array, owners: Owners) -> Sums:
    """Return the sum of some list metrics for the first 1, 2, … K places, each of shape (K,)."""
    n_relevant_U = count_relevant(relevant_UI)
    users_U = np.flatnonzero(n_relevant_U)
    hits_UK = find_hits(item_UK[users_U], relevant_UI[users_U])
    lists = Lists(item_UK[users_U], hits_UK, n_relevant_U[users_U], owners)
    lengths = range(1, item_UK.shape[1] + 1)
    return {
        name: np.array([METRICS[name].function(lists.first(k)).sum() for k in lengths])
        for name in BY_LENGTH
    }


def add(sums: Iterable[Sums]) -> Sums:
    """Return the sums of all pieces, added in their order."""
    total: Sums = {}
    for piece in sums:
        for name, values in piece.items():
            total[name] = total.get(name, 0) + values
    return total


def sum_over(table: pd.DataFrame, tally: Tally) -> Sums:
    """Return the sums of all rows of a table. Raises ValueError as the first piece does."""
    if not table[USER_INDEX].is_monotonic_increasing:
        table = table.sort_values(USER_INDEX, kind="stable")
    place_P = np.searchsorted(table[USER_INDEX], np.arange(len(tally) + 1) * tally.size)
    place_P[0], place_P[-1] = 0, len(table)  # no row is left out, whatever its user
    return add(
        tally(number, table.iloc[place_P[number] : place_P[number + 1]])
        for number in range(len(tally))
    )


def recommended_at(
    ranked_items: pd.DataFrame, shape: tuple[int, int], k: list[int]
) -> list[NDArray[np.int64]]:
    """Return how often each item is in the first places of a list, shape (I,), for each of `k`.

    Raises ValueError if a list is of another user or item than of these numbers of them.
    """
    check_indices("ranked_items", ranked_items, shape)
    item_L, rank_L = ranked_items[ITEM_INDEX].to_numpy(), ranked_items[RANK].to_numpy()
    return [count_recommended(item_L[rank_L <= length], shape[1]) for length in k]
