"""The protocols that all models implement, in closed form or as networks."""

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol, Self, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from collaborative_autoencoders.interactions import View
from collaborative_autoencoders.options import Options


class Catalogue(NamedTuple):
    """The number of users and items, and the scale of the ratings."""

    users: int
    items: int
    lowest_rating: float | None
    """None if the table has no ratings."""
    highest_rating: float | None

    @classmethod
    def of(cls, facts: Mapping[str, Any]) -> Self:
        """Return the catalogue that `data_facts` describe."""
        return cls(*(facts[name] for name in cls._fields))


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
