"""Several networks of one kind as one model: their scores are averaged."""

from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from .model import Model, RatingModel


class Ensemble:
    """Answers with the mean of what its members answer; they differ by seed alone."""

    def __init__(self, members: list[Model]) -> None:
        """One member at least; options and catalogue are the same for all."""
        self.members = members
        self.options, self.catalogue = members[0].options, members[0].catalogue
        self.learns_from = members[0].learns_from
        self.reads_histories = members[0].reads_histories

    def score(self, histories_UI: csr_array, users_U: NDArray[np.int64]) -> NDArray[np.float32]:
        """The members' mean score of every item, shape (U, I)."""
        return mean_of([member.score(histories_UI, users_U) for member in self.members])

    def state(self) -> dict[str, NDArray[Any]]:
        """What every member has learned, under its number."""
        return {
            f"{number}.{name}": value
            for number, member in enumerate(self.members)
            for name, value in member.state().items()
        }

    def load_state(self, state: dict[str, NDArray[Any]]) -> None:
        """Give every member its own part of the state."""
        for number, member in enumerate(self.members):
            own = f"{number}."
            member.load_state(
                {
                    name.removeprefix(own): value
                    for name, value in state.items()
                    if name.startswith(own)
                }
            )


class RatingEnsemble(Ensemble):
    """The same of models that can tell a rating."""

    def predict(self, histories_UI: csr_array, users_U: NDArray[np.int64]) -> NDArray[np.float32]:
        """The members' mean rating of every item, within the scale as theirs are."""
        return mean_of(
            [cast(RatingModel, member).predict(histories_UI, users_U) for member in self.members]
        )


def as_one(members: list[Model]) -> Model:
    """The only model of the list, or an ensemble of them all."""
    if len(members) == 1:
        return members[0]
    return (RatingEnsemble if isinstance(members[0], RatingModel) else Ensemble)(members)


def members_of(model: Model) -> list[Model]:
    """The members of an ensemble; of any other model itself."""
    return model.members if isinstance(model, Ensemble) else [model]


def mean_of(answers: list[NDArray[np.float32]]) -> NDArray[np.float32]:
    """The mean of arrays of one shape, in float32."""
    return np.mean(answers, axis=0, dtype=np.float32)
