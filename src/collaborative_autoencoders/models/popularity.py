"""Most popular first: the baseline that a recommender has to beat."""

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from .model import Catalogue, View
from .options import ModelOptions


class PopularityOptions(ModelOptions):
    """Nothing to choose."""


class Popularity:
    """Scores an item by how many users like it, the same for everybody."""

    learns_from: ClassVar[View] = "likes"
    options_class: ClassVar = PopularityOptions
    reads_histories: ClassVar[bool] = False

    def __init__(self, options: PopularityOptions, catalogue: Catalogue) -> None:
        """Every item starts with no likes."""
        self.options = options
        self.catalogue = catalogue
        self.likes_I = np.zeros(catalogue.items, dtype=np.float32)

    def fit(self, train_UI: csr_array) -> None:
        """Count the likes of every item."""
        counts_I = np.bincount(train_UI.indices, minlength=self.catalogue.items)
        self.likes_I = counts_I.astype(np.float32)

    def score(self, histories_UI: csr_array, users_U: NDArray[np.int64]) -> NDArray[np.float32]:
        """Likes of every item, shape (U, I), whoever asks."""
        return np.tile(self.likes_I, (len(users_U), 1))

    def state(self) -> dict[str, NDArray[Any]]:
        """The likes of every item."""
        return {"likes_I": self.likes_I}

    def load_state(self, state: dict[str, NDArray[Any]]) -> None:
        """Take over the likes."""
        self.likes_I = state["likes_I"]
