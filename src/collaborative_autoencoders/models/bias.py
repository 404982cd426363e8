"""The bias model μ + b_user + b_item, a baseline for rating prediction.

Dimension key: U users, I items, N ratings.
"""

from typing import Annotated, Any, ClassVar

import numpy as np
from annotated_types import Ge
from numpy.typing import NDArray
from scipy.sparse import csr_array

from collaborative_autoencoders.interactions import View
from collaborative_autoencoders.interactions.sparse import user_of_cells
from collaborative_autoencoders.options import Options

from .model import Catalogue, check_state

Floats = NDArray[np.float32]


class BiasOptions(Options):
    """Options of the bias model."""

    damping: Annotated[float, Ge(0)]
    """Number of pseudo-ratings with deviation 0 that are added for each user and item."""


def damped_mean(total: NDArray[Any], count: NDArray[np.integer], damping: float) -> Floats:
    """Return total / (count + damping), and 0 where total, count and damping are 0."""
    return (total / np.maximum(count + damping, 1e-12)).astype(np.float32)


def item_biases(ratings_UI: csr_array, mean: float, damping: float) -> Floats:
    """Return b_i = Σ_u (r_ui − μ) / (n_i + damping), shape (I,)."""
    n_items = ratings_UI.shape[1]
    count_I = np.bincount(ratings_UI.indices, minlength=n_items)
    total_I = np.bincount(ratings_UI.indices, weights=ratings_UI.data - mean, minlength=n_items)
    return damped_mean(total_I, count_I, damping)


def user_biases(ratings_UI: csr_array, mean: float, item_bias_I: Floats, damping: float) -> Floats:
    """Return b_u = Σ_i (r_ui − μ − b_i) / (n_u + damping), shape (U,); 0 without ratings."""
    n_users = ratings_UI.shape[0]
    count_U = np.diff(ratings_UI.indptr)
    user_N = user_of_cells(ratings_UI)
    rest_N = ratings_UI.data - mean - item_bias_I[ratings_UI.indices]
    total_U = np.bincount(user_N, weights=rest_N, minlength=n_users)
    return damped_mean(total_U, count_U, damping)


class Bias:
    """Bias model: predicts μ + b_u + b_i, with b_u computed from the history."""

    learns_from: ClassVar[View] = "ratings"
    options_class: ClassVar = BiasOptions
    reads_histories: ClassVar[bool] = True

    def __init__(self, options: BiasOptions, catalogue: Catalogue) -> None:
        """Create an unfitted model with all biases 0."""
        self.options = options
        self.catalogue = catalogue
        self.mean = np.float32(0)
        self.item_bias_I = np.zeros(catalogue.items, dtype=np.float32)

    def fit(self, train_UI: csr_array) -> None:
        """Compute the mean rating and the damped item biases."""
        self.mean = np.float32(train_UI.data.mean(dtype=np.float64))
        self.item_bias_I = item_biases(train_UI, float(self.mean), self.options.damping)

    def score(self, histories_UI: csr_array, users_U: NDArray[np.int64]) -> Floats:
        """Return the predicted ratings before they are clipped to the scale, shape (U, I)."""
        user_bias_U = user_biases(
            histories_UI, float(self.mean), self.item_bias_I, self.options.damping
        )
        return self.mean + user_bias_U[:, None] + self.item_bias_I

    def predict(self, histories_UI: csr_array, users_U: NDArray[np.int64]) -> Floats:
        """Return the predicted ratings, clipped to the scale, shape (U, I)."""
        lowest, highest = self.catalogue.lowest_rating, self.catalogue.highest_rating
        return np.clip(self.score(histories_UI, users_U), lowest, highest)

    def state(self) -> dict[str, NDArray[Any]]:
        """Return the mean and the item biases."""
        return {"mean": np.asarray(self.mean), "item_bias_I": self.item_bias_I}

    def load_state(self, state: dict[str, NDArray[Any]]) -> None:
        """Load the mean and the item biases."""
        check_state(state, mean=(), item_bias_I=(self.catalogue.items,))
        self.mean = np.float32(state["mean"])
        self.item_bias_I = state["item_bias_I"]
