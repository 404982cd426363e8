"""Item-based nearest neighbours (Sarwar et al., WWW 2001).

Dimension key: U users, I items, K neighbours of an item, B items of a block.
"""

from typing import Annotated, Any, ClassVar

import numpy as np
from annotated_types import Ge
from numpy.typing import NDArray
from scipy.sparse import csr_array

from collaborative_autoencoders.interactions import View
from collaborative_autoencoders.interactions.npz import checked_csr, refuse_other_names
from collaborative_autoencoders.options import Count, Options

from .model import Catalogue

CELLS_AT_ONCE = 2**24
"""Maximum number of cells of a dense block of similarities."""


class ItemKNNOptions(Options):
    """Options of ItemKNN."""

    neighbours: Count
    """Number of most similar items that contribute to the score of an item."""
    shrinkage: Annotated[float, Ge(0)]
    """Added to the denominator of the cosine. Lowers the similarity of items with few likes."""


class ItemKNN:
    """Item-based kNN: the score of an item is Σ_j s_ij over its neighbours j in the history.

    s_ij = |U_i ∩ U_j| / (√|U_i| √|U_j| + shrinkage), where U_i are the users who like item i.
    """

    learns_from: ClassVar[View] = "likes"
    options_class: ClassVar = ItemKNNOptions
    reads_histories: ClassVar[bool] = True
    similarity_II: csr_array

    def __init__(self, options: ItemKNNOptions, catalogue: Catalogue) -> None:
        """Create an unfitted model."""
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
            cosine_BI = self._similarities(users_IU[items_B] @ train_UI, norm_I, items_B)
            row, column = self._nearest(cosine_BI)
            rows.append(items_B[row])
            columns.append(column)
            values.append(cosine_BI[row, column])
        # column i holds the neighbours of item i, so that histories @ similarity is the score
        cells = (np.concatenate(columns), np.concatenate(rows))
        self.similarity_II = csr_array(
            (np.concatenate(values).astype(np.float32), cells), shape=(n_items, n_items)
        )

    def score(self, histories_UI: csr_array, users_U: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the sum of similarities of the liked items to every item, shape (U, I)."""
        return (histories_UI @ self.similarity_II).toarray().astype(np.float32, copy=False)

    def state(self) -> dict[str, NDArray[Any]]:
        """Return the similarities as the arrays of a CSR matrix."""
        similar = self.similarity_II
        return {"indptr": similar.indptr, "indices": similar.indices, "data": similar.data}

    def load_state(self, state: dict[str, NDArray[Any]]) -> None:
        """Load the similarities."""
        refuse_other_names(state, {"data", "indices", "indptr"})
        shape = np.array((self.catalogue.items,) * 2)
        self.similarity_II = checked_csr(state["data"], {**state, "shape": shape})

    def _similarities(
        self, common_BI: csr_array, norm_I: NDArray[np.float64], items_B: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        cosine_BI = common_BI.toarray() / np.maximum(
            norm_I[items_B, None] * norm_I + self.options.shrinkage, 1e-12
        )
        cosine_BI[np.arange(len(items_B)), items_B] = 0  # an item is not its own neighbour
        return cosine_BI

    def _nearest(
        self, cosine_BI: NDArray[np.float64]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return rows and columns of the `neighbours` largest positive similarities of each row.

        Ties are broken by the lower item index, because the sort is stable.
        """
        order_BK = np.argsort(-cosine_BI, axis=1, kind="stable")[:, : self.options.neighbours]
        row_BK = np.broadcast_to(np.arange(len(cosine_BI))[:, None], order_BK.shape)
        above = cosine_BI[row_BK, order_BK] > 0
        return row_BK[above], order_BK[above]
