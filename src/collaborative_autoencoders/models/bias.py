"""The bias model μ + b_user + b_item, a baseline for rating prediction.

Dimension key: U users, I items, N ratings.
"""

from typing import Annotated, Any, ClassVar, NamedTuple

import numpy as np
from annotated_types import Ge
from numpy.typing import NDArray
from scipy.sparse import csr_array

from collaborative_autoencoders.interactions import View
from collaborative_autoencoders.interactions.sparse import user_of_cells
from collaborative_autoencoders.options import Options

from .model import Catalogue, check_state
from .penalty import Auto
from .sums import HeldRows, Moments, RatingSums

Floats = NDArray[np.float32]

UNKNOWN_DAMPING = 5.0
"""The damping if no user, or no item, has two ratings, so that noise hides the bias."""


class BiasOptions(Options):
    """Options of the bias model."""

    damping: Annotated[float, Ge(0)] | Auto
    """Number of pseudo-ratings with deviation 0 that are added for each user and item. `auto` fits
    the data: `noise_by_spread`, of items and of users."""


def damped_mean(total: NDArray[Any], count: NDArray[np.integer], damping: float) -> Floats:
    """Return total / (count + damping), and 0 where total, count and damping are 0."""
    return (total / np.maximum(count + damping, 1e-12)).astype(np.float32)


def noise_by_spread(moments: Moments) -> float:
    """Return σ² / τ²: the variance of ratings within a group over that of the groups' biases.

    With r_n = b_g + noise, b_g ~ N(0, τ²) and noise of variance σ², the best estimate of b_g from n
    ratings is their sum / (n + σ² / τ²). Both variances are estimated by the method of moments
    (one-way analysis of variance). A ratio of variances has no unit, and does not depend on the
    number of ratings, so it is right for any scale, size and density.
    At most the number of ratings, where groups do not differ.
    """
    total, groups = moments.deviations, moments.groups
    if total == groups:
        return UNKNOWN_DAMPING
    within = max(0.0, moments.squares - moments.explained) / (total - groups)
    between = moments.explained - moments.total**2 / total - (groups - 1) * within
    spread = between / max(1.0, total - moments.squared_counts / total)
    return float(within / max(spread, within / total)) if within > 0 else 0.0


def item_biases(ratings: RatingSums, mean: float, damping: float) -> Floats:
    """Return b_i = Σ_u (r_ui − μ) / (n_i + damping), shape (I,)."""
    items = ratings.of_items
    return damped_mean(items.deviations(mean), items.count_I, damping)


def user_biases(ratings_UI: csr_array, mean: float, item_bias_I: Floats, damping: float) -> Floats:
    """Return b_u = Σ_i (r_ui − μ − b_i) / (n_u + damping), shape (U,); 0 without ratings."""
    n_users = ratings_UI.shape[0]
    count_U = np.diff(ratings_UI.indptr)
    user_N = user_of_cells(ratings_UI)
    rest_N = ratings_UI.data - mean - item_bias_I[ratings_UI.indices]
    total_U = np.bincount(user_N, weights=rest_N, minlength=n_users)
    return damped_mean(total_U, count_U, damping)


class Dampings(NamedTuple):
    """Numbers of pseudo-ratings with deviation 0 that are added for each item and for each user."""

    of_items: float
    of_users: float

    def named(self) -> dict[str, float]:
        """Return both, as a fit logs what it has chosen."""
        return {f"damping_{name}": value for name, value in self._asdict().items()}


def dampings_of(
    ratings: RatingSums, mean: float, damping: float | Auto, factor: float = 1
) -> Dampings:
    """Return the damping, or for `auto` the factor times `noise_by_spread` of items and users."""
    if damping != "auto":
        return Dampings(damping, damping)
    of_items = factor * noise_by_spread(ratings.of_items.moments(mean))
    rest = ratings.of_users(mean, item_biases(ratings, mean, of_items))
    of_users = factor * noise_by_spread(rest)
    return Dampings(of_items, float(np.float32(of_users)))  # as it is stored


class Bias:
    """Bias model: predicts μ + b_u + b_i, with b_u computed from the history."""

    learns_from: ClassVar[View] = "ratings"
    options_class: ClassVar = BiasOptions
    reads_histories: ClassVar[bool] = True

    def __init__(self, options: BiasOptions, catalogue: Catalogue) -> None:
        """Create an unfitted model with all biases 0."""
        self.options = options
        self.catalogue = catalogue
        self.chosen: dict[str, float] = {}
        self.mean = np.float32(0)
        self.item_bias_I = np.zeros(catalogue.items, dtype=np.float32)
        self.user_damping = 0.0 if options.damping == "auto" else options.damping

    def fit(self, train_UI: csr_array) -> None:
        """Compute the mean rating and the damped item biases."""
        self.fit_sums(HeldRows(train_UI))

    def fit_sums(self, rows: RatingSums) -> None:
        """Compute the same from counts and sums of the ratings."""
        self.mean = np.float32(rows.of_items.mean)
        damping = dampings_of(rows, float(self.mean), self.options.damping)
        self.item_bias_I = item_biases(rows, float(self.mean), damping.of_items)
        self.user_damping = damping.of_users
        if self.options.damping == "auto":
            self.chosen = damping.named()

    def score(self, histories_UI: csr_array, users_U: NDArray[np.int64]) -> Floats:
        """Return the predicted ratings before they are clipped to the scale, shape (U, I)."""
        user_bias_U = user_biases(
            histories_UI, float(self.mean), self.item_bias_I, self.user_damping
        )
        return self.mean + user_bias_U[:, None] + self.item_bias_I

    def predict_at(
        self, histories_UI: csr_array, users_U: NDArray[np.int64], wanted_UI: csr_array
    ) -> Floats:
        """Return what `predict` returns at the cells that `wanted_UI` stores, shape (N,)."""
        user_bias_U = user_biases(
            histories_UI, float(self.mean), self.item_bias_I, self.user_damping
        )
        of_user_N, of_item_N = user_bias_U[user_of_cells(wanted_UI)], wanted_UI.indices
        return self.catalogue.on_scale(self.mean + of_user_N + self.item_bias_I[of_item_N])

    def predict(self, histories_UI: csr_array, users_U: NDArray[np.int64]) -> Floats:
        """Return the predicted ratings, clipped to the scale, shape (U, I)."""
        return self.catalogue.on_scale(self.score(histories_UI, users_U))

    def state(self) -> dict[str, NDArray[Any]]:
        """Return the mean, the item biases and, if it is `auto`, the damping of users."""
        state = {"mean": np.asarray(self.mean), "item_bias_I": self.item_bias_I}
        if self.options.damping == "auto":
            state["user_damping"] = np.asarray(self.user_damping, dtype=np.float32)
        return state

    def load_state(self, state: dict[str, NDArray[Any]]) -> None:
        """Load what `state` returned."""
        shapes: dict[str, tuple[int, ...]] = {"mean": (), "item_bias_I": (self.catalogue.items,)}
        if self.options.damping == "auto":
            shapes["user_damping"] = ()
        check_state(state, **shapes)
        if not state.get("user_damping", 0) >= 0:
            raise ValueError("the damping of users is below 0")
        self.mean = np.float32(state["mean"])
        self.item_bias_I = state["item_bias_I"]
        self.user_damping = float(state.get("user_damping", self.user_damping))
