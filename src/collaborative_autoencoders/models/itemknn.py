"""Item-based nearest neighbours (Sarwar et al., WWW 2001; Deshpande and Karypis, TOIS 2004).

Dimension key: U users, I items, C items with a user in common with one item.
"""

from typing import Annotated, Any, ClassVar, NamedTuple

import numpy as np
from annotated_types import Ge, Le
from numpy.typing import NDArray
from scipy.sparse import csc_array, csr_array, diags_array

from collaborative_autoencoders.interactions import View
from collaborative_autoencoders.interactions.npz import checked_csr, refuse_other_names
from collaborative_autoencoders.options import Count, Options
from collaborative_autoencoders.side_by_side import map_side_by_side

from .ease import powers, with_likes
from .model import Catalogue
from .nearest import Floats, Nearest, Positions, in_blocks, nearest_items


class ItemKNNOptions(Options):
    """Options of ItemKNN."""

    neighbours: Count
    """Number of most similar items that contribute to the score of an item."""
    shrinkage: Annotated[float, Ge(0)]
    """Added to the denominator of the cosine. Lowers the similarity of items with few likes."""
    user_exponent: Annotated[float, Ge(0), Le(10)]
    """β: a user with n likes has the weight w_u = (n / mean n)^−β in the cosine. 1 is the cosine of
    rows of length 1 (Deshpande and Karypis, TOIS 22(1), 2004). Far above 10 no float64 holds the
    weights, and every similarity would be 0."""


class Neighbours(NamedTuple):
    """The likes, by item and by user, in which the neighbours of items are found."""

    columns_UI: csc_array
    weighted_UI: csr_array
    """The weight of its user at each like."""
    norm_I: Floats
    """The lengths of the columns."""
    options: ItemKNNOptions

    def of(self, items_B: Positions) -> list[Nearest]:
        """Return the neighbours of each of these items."""
        likes = self.columns_UI, self.weighted_UI
        return list(nearest_items(*likes, self.options.neighbours, self.cosine, items_B))

    def cosine(self, common_C: Floats, item: int, items_C: NDArray[np.int32]) -> Floats:
        """Return s_ij of an item and others, given the weights of the users in common."""
        norm_C = self.norm_I[item] * self.norm_I[items_C]
        return common_C / np.maximum(norm_C + self.options.shrinkage, 1e-12)


class ItemKNN:
    """Item-based kNN: the score of an item is Σ_j s_ij over its neighbours j in the history.

    s_ij = Σ_{U_i ∩ U_j} w_u / (√Σ_{U_i} w_u √Σ_{U_j} w_u + shrinkage), where U_i are the users who
    like item i and w_u is the weight of a user, 1 with `user_exponent: 0`.
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
        """Find the neighbours of every item, blocks of them side by side.

        Ties go to the lower item.
        """
        items, users_UI = self.catalogue.items, with_likes(train_UI)
        weight_U = powers(np.diff(users_UI.indptr), -self.options.user_exponent)
        weighted_UI = (diags_array(weight_U) @ users_UI).tocsr()
        norm_I = np.sqrt(users_UI.T @ weight_U)
        neighbours = Neighbours(users_UI.tocsc(), weighted_UI, norm_I, self.options)
        blocks = map_side_by_side(neighbours.of, in_blocks(np.arange(items)))
        nearest = [each for block in blocks for each in block]
        # column i holds the neighbours of item i, so that histories @ similarity is the score
        ends_I = np.cumsum([0, *(len(items_K) for items_K, _ in nearest)])
        cells = [np.concatenate(parts) for parts in zip(*nearest, strict=True)]
        self.similarity_II = csc_array(
            (cells[1].astype(np.float32), cells[0], ends_I), shape=(items, items)
        ).tocsr()

    def score(self, histories_UI: csr_array, users_U: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the sum of similarities of the liked items to every item, shape (U, I)."""
        return (histories_UI @ self.similarity_II).toarray().astype(np.float32, copy=False)

    def item_weights(self, items_B: NDArray[np.integer]) -> NDArray[np.float32]:
        """Return the similarities of these items to their own neighbours, shape (B, I).

        s_ij = s_ji, but the neighbours of an item (Sarwar et al., section 3) are in its column:
        its row has the items that it is a neighbour of, which may be none.
        """
        return self.similarity_II[:, items_B].T.toarray()

    def state(self) -> dict[str, NDArray[Any]]:
        """Return the similarities as the arrays of a CSR matrix."""
        similar = self.similarity_II
        return {"indptr": similar.indptr, "indices": similar.indices, "data": similar.data}

    def load_state(self, state: dict[str, NDArray[Any]]) -> None:
        """Load the similarities."""
        refuse_other_names(state, {"data", "indices", "indptr"})
        shape = np.array((self.catalogue.items,) * 2)
        self.similarity_II = checked_csr(state["data"], {**state, "shape": shape})
