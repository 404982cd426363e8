"""A registered model that takes and returns the indices of the current data.

Dimension key: U users and I items of the current data, N cells to predict.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import csr_array

from collaborative_autoencoders.columns import ITEM, USER
from collaborative_autoencoders.interactions import View
from collaborative_autoencoders.interactions.sparse import to_matrix
from collaborative_autoencoders.models.cells import predict_at
from collaborative_autoencoders.models.model import Model, RatingModel

from .recommender import Recommender
from .requests import IdLookup


@dataclass(frozen=True)
class Translated:
    """A registered model behind the indices of the current users and items.

    An item that the model does not know has score −inf.
    """

    recommender: Recommender
    users: pd.Series
    """Raw ids of the current users, each at its index."""
    items: pd.Series
    """Raw ids of the current items, each at its index."""

    @classmethod
    def of(cls, recommender: Recommender, users: pd.Series, items: pd.Series) -> "Translated":
        """Return the recommender's model, translated to these users and items."""
        predicts = isinstance(recommender.model, RatingModel)
        return (TranslatedRatings if predicts else Translated)(recommender, users, items)

    @property
    def model(self) -> Model:
        """The registered model, which uses its own indices."""
        return self.recommender.model

    @property
    def learns_from(self) -> View:
        """The view that the model reads."""
        return self.model.learns_from

    @cached_property
    def their_user_U(self) -> NDArray[np.int64]:
        """The model's index of each current user; −1 for an unseen user."""
        return self.recommender.user_ids.indices(self.users.tolist())

    @cached_property
    def their_item_I(self) -> NDArray[np.int64]:
        """The model's index of each current item; −1 for an unknown item."""
        return self.recommender.item_ids.indices(self.items.tolist())

    @property
    def knows_I(self) -> NDArray[np.bool_]:
        """Whether the model knows each item, shape (I,)."""
        return self.their_item_I >= 0

    @cached_property
    def seen_UI(self) -> csr_array:
        """Every rating in the model's train and validation parts, shape (U, I)."""
        theirs = self.recommender.seen_UI.tocoo()
        user_of = IdLookup.of(self.users).indices(self.recommender.users[USER].tolist())
        item_of = IdLookup.of(self.items).indices(self.recommender.items[ITEM].tolist())
        user_N, item_N = user_of[theirs.row], item_of[theirs.col]
        shared_N = (user_N >= 0) & (item_N >= 0)
        shape = (len(self.users), len(self.items))
        return to_matrix(user_N[shared_N], item_N[shared_N], theirs.data[shared_N], shape)

    def score(self, histories_UI: csr_array, users_U: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the scores of every current item, shape (U, I)."""
        scores_UI = self.model.score(self._to_theirs(histories_UI), self.their_user_U[users_U])
        return self._to_ours(scores_UI)

    def _to_theirs(self, histories_UI: csr_array) -> csr_array:
        ours = histories_UI.tocoo()
        item_N = self.their_item_I[ours.col]
        known_N = item_N >= 0
        shape = (histories_UI.shape[0], len(self.recommender.items))
        return to_matrix(
            ours.row[known_N], item_N[known_N], ours.data[known_N], shape, dtype=ours.data.dtype
        )

    def _to_ours(self, theirs_UI: NDArray[np.float32]) -> NDArray[np.float32]:
        ours_UI = theirs_UI[:, self.their_item_I]
        ours_UI[:, self.their_item_I < 0] = -np.inf
        return ours_UI


class TranslatedRatings(Translated):
    """A translated model that predicts ratings."""

    def predict(self, histories_UI: csr_array, users_U: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the predicted rating of every current item, shape (U, I)."""
        model = cast(RatingModel, self.model)
        ratings_UI = model.predict(self._to_theirs(histories_UI), self.their_user_U[users_U])
        return self._to_ours(ratings_UI)

    def predict_at(
        self, histories_UI: csr_array, users_U: NDArray[np.int64], wanted_UI: csr_array
    ) -> NDArray[np.float32]:
        """Return what `predict` returns at the cells that `wanted_UI` stores, shape (N,)."""
        theirs_UI = self._to_theirs(_numbered(wanted_UI))
        of_model = cast(RatingModel, self.model), self._to_theirs(histories_UI)
        found_N = predict_at(*of_model, self.their_user_U[users_U], theirs_UI)
        predicted_N = np.full(wanted_UI.nnz, -np.inf, dtype=np.float32)
        predicted_N[theirs_UI.data] = found_N
        return predicted_N


def _numbered(matrix_UI: csr_array) -> csr_array:
    """Return the number of each stored cell as its value: their items are in another order."""
    numbers_N = np.arange(matrix_UI.nnz)
    return csr_array((numbers_N, matrix_UI.indices, matrix_UI.indptr), shape=matrix_UI.shape)
