"""A registered model asked in the indices of today's data, whatever data it was fitted on.

Dimension key: U users and I items of today.
"""

from typing import NamedTuple, cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import csr_array

from collaborative_autoencoders.columns import ITEM, USER
from collaborative_autoencoders.interactions.matrices import Interactions, to_matrix
from collaborative_autoencoders.models.model import RatingModel

from .recommender import Recommender
from .requests import Ids


class Translated(NamedTuple):
    """Scores and ratings in the order of today's catalogue; −inf for an item not met."""

    recommender: Recommender
    their_user_U: NDArray[np.int64]
    """The model's index of each user of today, −1 for one it has not met."""
    their_item_I: NDArray[np.int64]

    @classmethod
    def of(cls, recommender: Recommender, users: pd.Series, items: pd.Series) -> "Translated":
        """The recommender's model for these users and items."""
        user_U = recommender.user_ids.indices(users.tolist())
        return cls(recommender, user_U, recommender.item_ids.indices(items.tolist()))

    @property
    def tells_ratings(self) -> bool:
        """Whether the model can tell the rating a user would give."""
        return isinstance(self.recommender.model, RatingModel)

    def view(self, known: Interactions) -> csr_array:
        """What the model reads of what is known."""
        return known.likes if self.recommender.model.learns_from == "likes" else known.ratings

    def score(self, histories_UI: csr_array, users_U: NDArray[np.int64]) -> NDArray[np.float32]:
        """As every model's `score`."""
        told_UI = self.recommender.model.score(self._into(histories_UI), self.their_user_U[users_U])
        return self._back(told_UI)

    def predict(self, histories_UI: csr_array, users_U: NDArray[np.int64]) -> NDArray[np.float32]:
        """As `predict` of a model that tells ratings."""
        model = cast(RatingModel, self.recommender.model)
        return self._back(model.predict(self._into(histories_UI), self.their_user_U[users_U]))

    def seen(self, users: pd.Series, items: pd.Series) -> csr_array:
        """Every rating that the model was fitted or chosen on, users × items of today."""
        theirs = self.recommender.seen_UI.tocoo()
        user_of = Ids.of(users).indices(self.recommender.users[USER].tolist())
        item_of = Ids.of(items).indices(self.recommender.items[ITEM].tolist())
        user_N, item_N = user_of[theirs.row], item_of[theirs.col]
        here = (user_N >= 0) & (item_N >= 0)
        return to_matrix(user_N[here], item_N[here], theirs.data[here], (len(users), len(items)))

    def _into(self, histories_UI: csr_array) -> csr_array:
        told = histories_UI.tocoo()
        item_N = self.their_item_I[told.col]
        known = item_N >= 0
        shape = (histories_UI.shape[0], len(self.recommender.items))
        return to_matrix(told.row[known], item_N[known], told.data[known], shape)

    def _back(self, theirs_UI: NDArray[np.float32]) -> NDArray[np.float32]:
        told_UI = theirs_UI[:, self.their_item_I]
        told_UI[:, self.their_item_I < 0] = -np.inf
        return told_UI
