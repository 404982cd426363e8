"""The protocols that all models implement, in closed form or as networks."""

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol, Self, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from collaborative_autoencoders.interactions import Interactions, View
from collaborative_autoencoders.interactions.core_shape import core_shape_of
from collaborative_autoencoders.options import Options

MAKE_AGAIN = "The files are not of one run. Make them again: kedro run --pipelines data_engineering"


class Catalogue(NamedTuple):
    """The number of users and items, and the scale of the ratings."""

    users: int
    items: int
    lowest_rating: float | None
    """None if the table has no ratings."""
    highest_rating: float | None

    @classmethod
    def of(cls, facts: Mapping[str, Any], view: View) -> Self:
        """Return what a model of this view knows of, by `data_facts`: the core, or all."""
        whole = cls(*(facts[name] for name in cls._fields))
        if view == "ratings":
            return whole
        users, items = core_shape_of(facts)
        return whole._replace(users=users, items=items)

    def on_scale(self, ratings: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return predicted ratings clipped to the scale, in place."""
        return np.clip(ratings, self.lowest_rating, self.highest_rating, out=ratings)

    def check(self, view: View, **parts: Interactions) -> None:
        """Raise ValueError, with its name, if a part has another size or a rating off the scale.

        Of a part, a model of this view knows the core, or all.
        """
        for name, given in parts.items():
            part = given.whole
            n_users, n_items = part.shape_for(view)
            if (n_users, n_items) != (self.users, self.items):
                raise ValueError(
                    f"{name} has {n_users:,} users and {n_items:,} items, but the data "
                    f"have {self.users:,} and {self.items:,}. {MAKE_AGAIN}"
                )
            values_N = part.ratings_for(view).data
            lowest, highest = self.lowest_rating, self.highest_rating
            if lowest is None or highest is None:
                lowest = highest = 1.0
            outside_N = (values_N < lowest) | (values_N > highest)
            if outside_N.any():
                raise ValueError(
                    f"{name} holds a rating of {values_N[np.argmax(outside_N)]:g}, outside the "
                    f"scale from {lowest:g} to {highest:g}. {MAKE_AGAIN}"
                )


class Model(Protocol):
    """A recommender that scores every item, given users' histories.

    Dimension key: U users of one batch, I items of the catalogue.
    """

    @property
    def learns_from(self) -> View:
        """View of a part that the model is fitted on and reads as history. Set on the class."""

    @property
    def reads_histories(self) -> bool:
        """Whether a known user's scores depend on the given history.

        Otherwise they depend only on the fit, and a user with newer ratings is passed as unseen.
        A user without ratings in the fit is scored as unseen by every model.
        """

    options: Options
    catalogue: Catalogue

    def __init__(self, options: Any, catalogue: Catalogue) -> None:
        """Create an unfitted model. The options are an instance of the model's `options_class`."""

    def score(self, histories_UI: csr_array, users_U: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the score of every item, shape (U, I). Higher is better.

        `users_U` holds the users' indices; −1 is an unseen user. Row n of `histories_UI` is the
        history of the n-th user in `users_U`.
        """

    def state(self) -> dict[str, NDArray[Any]]:
        """Return all learned arrays by name."""

    def load_state(self, state: dict[str, NDArray[Any]]) -> None:
        """Load the state of a model with the same options and catalogue."""


class ClosedFormModel(Model, Protocol):
    """A model that is fitted in closed form."""

    def fit(self, train_UI: csr_array) -> None:
        """Fit on the train part, in the view `learns_from`."""


@runtime_checkable
class RatingModel(Protocol):
    """A model that also predicts ratings."""

    def predict(self, histories_UI: csr_array, users_U: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the predicted ratings within the scale of the data, shape (U, I)."""


@runtime_checkable
class ItemWeights(Protocol):
    """A model that has learned a weight for each pair of items."""

    def item_weights(self, items_B: NDArray[np.integer]) -> NDArray[np.float32]:
        """Return the weight of every item beside each of these, shape (B, I); 0 for no relation."""


@runtime_checkable
class ItemVectors(Protocol):
    """A model that has learned a vector per item. Its product with a user's makes the score."""

    def item_vectors(self) -> NDArray[np.float32]:
        """Return the vector of every item, shape (I, D)."""


class Fitted(NamedTuple):
    """The result of training: a fitted model, or the reason why it was left out."""

    name: str
    """The model's name in `MODELS`."""
    model: Model | None
    left_out: str | None = None
    """Reason why the model was not fitted; None if it was fitted."""
    refitted: bool = False
    """Whether the final fit was on train + validation."""
    parts: str = ""
    """Fingerprint of train and validation. Evaluation refuses other parts."""


def check_state(state: Mapping[str, NDArray[Any]], **shapes: tuple[int, ...]) -> None:
    """Raise ValueError unless the state has float32 arrays of these names and shapes."""
    if state.keys() != shapes.keys():
        raise ValueError(f"its tensors {sorted(state)} are not {sorted(shapes)}")
    for name, shape in shapes.items():
        found = state[name]
        if (found.shape, found.dtype) != (shape, np.float32):
            raise ValueError(f"the tensor {name} is {found.dtype} {found.shape}, not {shape}")
