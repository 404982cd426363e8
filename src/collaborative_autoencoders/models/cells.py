"""Predicted ratings of single cells, without those of all items.

Dimension key: U users, I items, N cells.
"""

from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from collaborative_autoencoders.interactions.sparse import user_of_cells

from .model import RatingModel

DENSE_CELLS_AT_ONCE = 2**24
"""Maximum cells of a dense array of predictions (64 MB), for a model that has no other way."""

Floats = NDArray[np.float32]


@runtime_checkable
class CellModel(Protocol):
    """A model that predicts the rating of a cell without those of the user's other items."""

    def predict_at(
        self, histories_UI: csr_array, users_U: NDArray[np.int64], wanted_UI: csr_array
    ) -> Floats:
        """Return what `predict` returns at the cells that `wanted_UI` stores, shape (N,)."""


def predict_at(
    model: RatingModel, histories_UI: csr_array, users_U: NDArray[np.int64], wanted_UI: csr_array
) -> Floats:
    """Return the predicted rating of every cell that `wanted_UI` stores, shape (N,).

    The values in `wanted_UI` are not read. A model without `predict_at` predicts all items, of some
    users at a time.
    """
    if isinstance(model, CellModel):
        return model.predict_at(histories_UI, users_U, wanted_UI)
    predicted_N = np.empty(wanted_UI.nnz, dtype=np.float32)
    size = max(1, DENSE_CELLS_AT_ONCE // max(1, wanted_UI.shape[1]))
    for start in range(0, len(users_U), size):
        rows = slice(start, start + size)
        ratings_UI = model.predict(histories_UI[rows], users_U[rows])
        some_UI = wanted_UI[rows]
        place = wanted_UI.indptr[start]
        cells = slice(place, place + some_UI.nnz)
        predicted_N[cells] = ratings_UI[user_of_cells(some_UI), some_UI.indices]
    return predicted_N
