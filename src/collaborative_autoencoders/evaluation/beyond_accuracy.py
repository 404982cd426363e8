"""Diversity and calibration of lists: what pieces of users add up to, and the means.

Dimension key: U users, L users with a list, I items, K places of a list, G groups, V users in
training.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from collaborative_autoencoders.interactions import Interactions
from collaborative_autoencoders.metrics.calibration import miscalibration
from collaborative_autoencoders.metrics.diversity import intra_list_diversity, unit_likes
from collaborative_autoencoders.metrics.groups import listed_by_group, relevant_by_group
from collaborative_autoencoders.metrics.table import at

DIVERSITY, MISCALIBRATION = "intra_list_diversity", "popularity_miscalibration"
COUNTED = "_lists"
"""End of the name of a count of lists that have a value."""

DIVERSE_LISTS = 2000
"""Most lists whose diversity is computed, which takes milliseconds for a list of popular items."""


@dataclass(frozen=True)
class Histories:
    """The likes that lists are compared with. The same for every model."""

    unit_IV: csr_array
    """The likes of each item in training, as `unit_likes` returns them."""

    liked_UG: NDArray[np.integer]
    """Number of known likes of each user in each group of items."""

    is_compared_U: NDArray[np.bool_]
    """Whether the diversity of each user's list is computed."""

    @classmethod
    def of(
        cls,
        train: Interactions,
        known: Iterable[Interactions],
        group_I: NDArray[np.int64],
        n_groups: int,
        has_list_U: NDArray[np.bool_],
    ) -> Self:
        """Return the likes: of train for the similarity of items, of all known parts for users.

        With more than `DIVERSE_LISTS` users with a list, every second, third, … of them is
        compared: the same for every model and for pieces of any size.
        """
        counts = [relevant_by_group(part.likes, group_I, n_groups) for part in known]
        users_L, is_compared_U = np.flatnonzero(has_list_U), np.zeros_like(has_list_U)
        is_compared_U[users_L[:: max(1, math.ceil(len(users_L) / DIVERSE_LISTS))]] = True
        return cls(unit_likes(train.likes), np.sum(counts, axis=0), is_compared_U)

    def sums_of(
        self,
        item_UK: NDArray[np.integer],
        users_U: NDArray[np.integer],
        group_I: NDArray[np.int64],
    ) -> dict[str, NDArray[Any]]:
        """Return the sum of each figure over these lists, and how many have one, shape (1,)."""
        listed_UG = listed_by_group(item_UK, group_I, self.liked_UG.shape[1])
        values = {
            DIVERSITY: intra_list_diversity(item_UK[self.is_compared_U[users_U]], self.unit_IV),
            MISCALIBRATION: miscalibration(self.liked_UG[users_U], listed_UG),
        }
        sums: dict[str, NDArray[Any]] = {}
        for name, value_U in values.items():
            sums[name] = np.array([np.nansum(value_U)])
            sums[name + COUNTED] = np.array([np.count_nonzero(~np.isnan(value_U))])
        return sums


def means_of_lists(sums: Mapping[str, NDArray[Any]], k: int) -> dict[str, float]:
    """Return the mean of each figure under its name, such as `intra_list_diversity_at_10`.

    A figure that no list has is missing.
    """
    return {
        at(name, k): (sums[name] / sums[name + COUNTED]).item()
        for name in (DIVERSITY, MISCALIBRATION)
        if sums[name + COUNTED].any()
    }
