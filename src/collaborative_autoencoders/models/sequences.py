"""Histories in their order, from the view `order`.

Dimension key: U users, I items, N stored likes.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from collaborative_autoencoders.interactions.sparse import user_of_cells


class Sequences(NamedTuple):
    """The items of each user, oldest first."""

    items_N: NDArray[np.integer]
    """The items of all users, one user after the other."""
    start_U: NDArray[np.integer]
    """Where the items of each user begin in `items_N`, and at the end their number; (U + 1,)."""

    @property
    def left_N(self) -> NDArray[np.int64]:
        """The number of later items of the same user, (N,): 0 at the latest."""
        return _left_of(self.start_U)


def sequences_of(order_UI: csr_array) -> Sequences:
    """Return the items of each row in the order of its places.

      item  0  1  2  3
    user 0  .  3  1  2     →  2 3 1 | 0
    user 1  7  .  .  .
    """
    return Sequences(order_UI.indices[_by_place(order_UI)], order_UI.indptr)


def ages_of(order_UI: csr_array) -> NDArray[np.int64]:
    """Return the number of later items of the same user for each stored cell, (N,).

      item  0  1  2  3
    user 0  .  3  1  2     →  0 2 1 | 0
    user 1  7  .  .  .
    """
    order = _by_place(order_UI)
    age_N = np.empty(len(order), dtype=np.int64)
    age_N[order] = _left_of(order_UI.indptr)
    return age_N


def _left_of(start_U: NDArray[np.integer]) -> NDArray[np.int64]:
    return np.repeat(start_U[1:], np.diff(start_U)) - 1 - np.arange(start_U[-1])


def _by_place(order_UI: csr_array) -> NDArray[np.int64]:
    """Return the positions of the stored cells, sorted by row and place."""
    return np.argsort(user_of_cells(order_UI) << 32 | order_UI.data.astype(np.int64))
