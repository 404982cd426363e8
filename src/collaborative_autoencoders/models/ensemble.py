"""Ensembles: several networks of one class as one model with averaged scores."""

from collections.abc import Mapping
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from .cells import predict_at
from .model import Model, RatingModel


class Ensemble:
    """A model that averages the scores of its members. Members differ only in their seed."""

    def __init__(self, members: list[Model]) -> None:
        """Create an ensemble of one or more members with equal options and catalogue."""
        self.members = members
        self.options, self.catalogue = members[0].options, members[0].catalogue
        self.learns_from = members[0].learns_from
        self.reads_histories = members[0].reads_histories

    def score(self, histories_UI: csr_array, users_U: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the mean scores of the members, shape (U, I)."""
        return mean_of([member.score(histories_UI, users_U) for member in self.members])

    def state(self) -> dict[str, NDArray[Any]]:
        """Return the states of all members. Names are prefixed with the number of the member."""
        return states_of({str(number): member for number, member in enumerate(self.members)})

    def load_state(self, state: dict[str, NDArray[Any]]) -> None:
        """Load the state of each member."""
        for number, member in enumerate(self.members):
            member.load_state(within(state, str(number)))


class RatingEnsemble(Ensemble):
    """An ensemble of models that predict ratings."""

    def predict(self, histories_UI: csr_array, users_U: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the mean predicted ratings of the members, within the scale, shape (U, I)."""
        return mean_of(
            [cast(RatingModel, member).predict(histories_UI, users_U) for member in self.members]
        )

    def predict_at(
        self, histories_UI: csr_array, users_U: NDArray[np.int64], wanted_UI: csr_array
    ) -> NDArray[np.float32]:
        """Return what `predict` returns at the cells that `wanted_UI` stores, shape (N,)."""
        members = (cast(RatingModel, member) for member in self.members)
        return mean_of([predict_at(each, histories_UI, users_U, wanted_UI) for each in members])


def as_one(members: list[Model]) -> Model:
    """Return the model itself if there is only one, else an ensemble of all."""
    if len(members) == 1:
        return members[0]
    return (RatingEnsemble if isinstance(members[0], RatingModel) else Ensemble)(members)


def members_of(model: Model) -> list[Model]:
    """Return the members of an ensemble, or a list with the model itself."""
    return model.members if isinstance(model, Ensemble) else [model]


def mean_of(arrays: list[NDArray[np.float32]]) -> NDArray[np.float32]:
    """Return the elementwise mean of arrays of the same shape, as float32."""
    return np.mean(arrays, axis=0, dtype=np.float32)


def states_of(members: Mapping[str, Model]) -> dict[str, NDArray[Any]]:
    """Return the states of all members. Names are prefixed with the member's: `cdae.weight`."""
    return {
        f"{name}.{key}": value
        for name, member in members.items()
        for key, value in member.state().items()
    }


def within(state: Mapping[str, NDArray[Any]], name: str) -> dict[str, NDArray[Any]]:
    """Return the state of one member, without the prefix."""
    own = f"{name}."
    return {key.removeprefix(own): value for key, value in state.items() if key.startswith(own)}
