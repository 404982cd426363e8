"""What every model promises, whatever it is made of."""

from typing import Any, Literal, NamedTuple, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from .options import ModelOptions

View = Literal["likes", "ratings"]


class Catalogue(NamedTuple):
    """How many users and items there are, and the scale of the ratings."""

    users: int
    items: int
    lowest_rating: float | None
    """None where the table has no ratings."""
    highest_rating: float | None


class Model(Protocol):
    """A recommender: histories in, scores out.

    Dimension key: U users of one batch, I items of the catalogue.
    """

    @property
    def learns_from(self) -> View:
        """Which view of a split it is fitted on and takes as history: of the class, for all."""

    @property
    def reads_histories(self) -> bool:
        """Whether a known user's scores follow the history that is given. Else they come from the
        fit alone, and who has done more since is asked for as an unseen user."""

    options: ModelOptions
    catalogue: Catalogue

    def __init__(self, options: Any, catalogue: Catalogue) -> None:
        """A model that has learned nothing yet; the options are of the model's own class."""

    def score(self, histories_UI: csr_array, users_U: NDArray[np.int64]) -> NDArray[np.float32]:
        """Scores of every item, shape (U, I), higher is better.

        `users_U` are the users' indices; −1 is a user that the model has never seen.
        """

    def state(self) -> dict[str, NDArray[Any]]:
        """All that was learned, by name."""

    def load_state(self, state: dict[str, NDArray[Any]]) -> None:
        """Take over what another model of the same options and catalogue has learned."""


class ClosedFormModel(Model, Protocol):
    """A model that is fitted by a formula, in one go."""

    def fit(self, train_UI: csr_array) -> None:
        """Learn from the train part, in the view that the model learns from."""


@runtime_checkable
class RatingModel(Protocol):
    """A model that can also tell the rating a user would give."""

    def predict(self, histories_UI: csr_array, users_U: NDArray[np.int64]) -> NDArray[np.float32]:
        """Ratings within the scale of the data, shape (U, I)."""


class Fitted(NamedTuple):
    """What training hands on: a model, or the reason why there is none."""

    model: Model | None
    left_out: str | None = None
    refitted: bool = False
    """Whether the model was fitted anew on train + validation."""
    parts: str = ""
    """The fingerprint of the parts it was fitted on: it may not be judged beside others."""
