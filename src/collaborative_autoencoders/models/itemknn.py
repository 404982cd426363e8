"""Item-based nearest neighbours: what is liked by the same users (Sarwar et al., WWW 2001).

Dimension key: U users, I items, K neighbours of an item, B items of a block.
"""

from typing import Annotated, Any, ClassVar

import numpy as np
from annotated_types import Ge, Gt
from numpy.typing import NDArray
from scipy.sparse import csr_array

from collaborative_autoencoders.models.model import Catalogue, View
from collaborative_autoencoders.models.options import ModelOptions

CELLS_AT_ONCE = 2**24
"""Similarities that are dense at once."""


class ItemKNNOptions(ModelOptions):
    """What counts as near."""

    neighbours: Annotated[int, Gt(0)]
    """The most similar items that each item listens to."""
    shrinkage: Annotated[float, Ge(0)]
    """Added to the denominator of the cosine: items with few likes are near to nothing."""


class ItemKNN:
    """Scores an item by Σ over the liked items among its neighbours of their similarity.

    s_ij = |U_i ∩ U_j| / (√|U_i| √|U_j| + shrinkage), U_i the users who like item i.
    """

    learns_from: ClassVar[View] = "likes"
    options_class: ClassVar = ItemKNNOptions
    reads_histories: ClassVar[bool] = True
    similarity_II: csr_array

    def __init__(self, options: ItemKNNOptions, catalogue: Catalogue) -> None:
        """No item has neighbours yet: `fit` finds them."""
        self.options = options
        self.catalogue = catalogue

    def fit(self, train_UI: csr_array) -> None:
        """Find the neighbours of every item, a block of items at a time."""
        n_items = self.catalogue.items
        users_IU = train_UI.T.tocsr()
        norm_I = np.sqrt(np.bincount(train_UI.indices, minlength=n_items))
        block = max(1, CELLS_AT_ONCE // n_items)
        rows, columns, values = [], [], []
        for start in range(0, n_items, block):
            items_B = np.arange(start, min(start + block, n_items))
            near_BI = self._similarities(users_IU[items_B] @ train_UI, norm_I, items_B)
            row, column = self._nearest(near_BI)
            rows.append(items_B[row])
            columns.append(column)
            values.append(near_BI[row, column])
        # a column holds what the item listens to, so that histories @ similarity is the score
        cells = (np.concatenate(columns), np.concatenate(rows))
        self.similarity_II = csr_array(
            (np.concatenate(values).astype(np.float32), cells), shape=(n_items, n_items)
        )

    def score(self, histories_UI: csr_array, users_U: NDArray[np.int64]) -> NDArray[np.float32]:
        """The similarities of what is liked to every item, summed, shape (U, I)."""
        return (histories_UI @ self.similarity_II).toarray().astype(np.float32, copy=False)

    def state(self) -> dict[str, NDArray[Any]]:
        """The similarities as the arrays of a CSR matrix."""
        similar = self.similarity_II
        return {"indptr": similar.indptr, "indices": similar.indices, "data": similar.data}

    def load_state(self, state: dict[str, NDArray[Any]]) -> None:
        """Take over the similarities."""
        arrays = (state["data"], state["indices"], state["indptr"])
        self.similarity_II = csr_array(arrays, shape=(self.catalogue.items,) * 2)

    def _similarities(
        self, common_BI: csr_array, norm_I: NDArray[np.float64], items_B: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        near_BI = common_BI.toarray() / np.maximum(
            norm_I[items_B, None] * norm_I + self.options.shrinkage, 1e-12
        )
        near_BI[np.arange(len(items_B)), items_B] = 0  # nobody is a neighbour of their own
        return near_BI

    def _nearest(self, near_BI: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Rows and columns of each row's `neighbours` largest similarities above 0.

        Of equals the lower item is nearer: the sort is stable.
        """
        order_BK = np.argsort(-near_BI, axis=1, kind="stable")[:, : self.options.neighbours]
        row_BK = np.broadcast_to(np.arange(len(near_BI))[:, None], order_BK.shape)
        above = near_BI[row_BK, order_BK] > 0
        return row_BK[above], order_BK[above]
