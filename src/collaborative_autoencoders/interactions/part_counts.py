"""How many ratings of a part each user and each item has, and when users gave them.

Dimension key: U users, I items.
"""

from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from .sparse import count_each, user_of_cells


class PartCounts(NamedTuple):
    """The counts of one part, without its fold-in ratings."""

    of_user_U: NDArray[np.integer]
    of_item_I: NDArray[np.integer]
    first_U: NDArray[Any] | None = None
    """The first time of each user, the greatest number of its type without ratings; None if the
    table has no times, or they were not asked for."""
    last_U: NDArray[Any] | None = None
    """The last time of each user, the least number of its type without ratings."""
    fold_in: "PartCounts | None" = None

    @classmethod
    def of(
        cls,
        ratings_UI: csr_array,
        times_UI: csr_array | None = None,
        fold_in: "PartCounts | None" = None,
    ) -> "PartCounts":
        """Count the cells of a part; of the times, find the first and the last."""
        counts = cls(
            np.diff(ratings_UI.indptr),
            count_each(ratings_UI.indices, ratings_UI.shape[1]),
            fold_in=fold_in,
        )
        if times_UI is None:
            return counts
        first_U, last_U = no_times(times_UI.shape[0], times_UI.dtype)
        user_N = user_of_cells(times_UI)
        np.minimum.at(first_U, user_N, times_UI.data)
        np.maximum.at(last_U, user_N, times_UI.data)
        return counts._replace(first_U=first_U, last_U=last_U)

    @property
    def ratings(self) -> int:
        """The number of ratings."""
        return int(self.of_user_U.sum())

    @property
    def has_users(self) -> NDArray[np.bool_]:
        """Whether each user has a rating, shape (U,)."""
        return self.of_user_U > 0

    @property
    def has_items(self) -> NDArray[np.bool_]:
        """Whether each item has a rating, shape (I,)."""
        return self.of_item_I > 0


class Counted(Protocol):
    """A part whose ratings are counted, on one machine or by workers."""

    def counted(self, *, with_times: bool = False) -> PartCounts:
        """Return the counts of the part; with times if they are asked for and known."""


def no_times(n_users: int, dtype: Any) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the first and the last times of users without ratings."""
    ends = (np.inf, -np.inf)
    if np.issubdtype(dtype, np.integer):
        ends = (np.iinfo(dtype).max, np.iinfo(dtype).min)
    return np.full(n_users, ends[0], dtype=dtype), np.full(n_users, ends[1], dtype=dtype)
