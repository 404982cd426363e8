"""The popularity model, a baseline for ranking."""

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from collaborative_autoencoders.interactions import View
from collaborative_autoencoders.options import Options

from .model import Catalogue, check_state
from .sums import HeldRows, RatingSums


class PopularityOptions(Options):
    """Options of the popularity model. It has none."""


class Popularity:
    """Popularity model: the score of an item is its number of likes, equal for all users."""

    learns_from: ClassVar[View] = "likes"
    options_class: ClassVar = PopularityOptions
    reads_histories: ClassVar[bool] = False

    def __init__(self, options: PopularityOptions, catalogue: Catalogue) -> None:
        """Create an unfitted model."""
        self.options = options
        self.catalogue = catalogue
        self.likes_I = np.zeros(catalogue.items, dtype=np.float32)

    def fit(self, train_UI: csr_array) -> None:
        """Count the likes of every item."""
        self.fit_sums(HeldRows(train_UI))

    def fit_sums(self, rows: RatingSums) -> None:
        """Take the counts of the likes."""
        self.likes_I = rows.count_items().astype(np.float32)

    def score(self, histories_UI: csr_array, users_U: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the number of likes of every item for each user, shape (U, I), not writable."""
        return np.broadcast_to(self.likes_I, (len(users_U), len(self.likes_I)))

    def state(self) -> dict[str, NDArray[Any]]:
        """Return the number of likes of every item."""
        return {"likes_I": self.likes_I}

    def load_state(self, state: dict[str, NDArray[Any]]) -> None:
        """Load the number of likes of every item."""
        check_state(state, likes_I=(self.catalogue.items,))
        self.likes_I = state["likes_I"]
