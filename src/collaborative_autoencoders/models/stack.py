"""Stacks: the weighted sum of the scores of several models that were fitted on their own.

Dimension key: U users, I items, N cells, M members.
"""

from collections.abc import Iterator
from typing import Annotated, Any, ClassVar, Literal, cast

import numpy as np
from annotated_types import Ge
from numpy.typing import NDArray
from pydantic import field_validator
from scipy.sparse import csr_array

from collaborative_autoencoders.interactions import View
from collaborative_autoencoders.metrics.table import ListMetric, UserMetric
from collaborative_autoencoders.options import Options

from .cells import predict_at
from .ensemble import states_of, within
from .model import Model, RatingModel, check_state

CELLS_IN_CACHE = 2**16
"""Cells that are standardized or added at once, 256 kB: each is read and written several times."""

Floats = NDArray[np.float32]
Shares = dict[str, Annotated[float, Ge(0)]]


class StackOptions(Options):
    """Options of a stack. Its members are named in `MODELS`."""

    weights: Literal["auto"] | Shares
    """Share of each member by name, such as {cdae: 3, ease: 1}. A member that is not named, or has
    0, is not part of the stack, and may be left out of the run.
    `auto`: chosen on the validation part, with the members as fitted on train alone."""
    validation_metric: ListMetric
    """Metric that chooses the weights."""

    @field_validator("weights")
    @classmethod
    def _some_weight(cls, weights: Literal["auto"] | Shares) -> Literal["auto"] | Shares:
        if weights != "auto" and not sum(weights.values()):
            raise ValueError("no weight is above 0: set auto, or a share of each member")
        return weights

    def adds(self, member: str) -> bool:
        """Return whether the stack reads this member: weights are `auto`, or it has one above 0."""
        return self.weights == "auto" or self.weights.get(member, 0) > 0


class BlendOptions(StackOptions):
    """Options of a blend."""

    validation_metric: UserMetric
    """Metric that chooses the weights, of ratings or lists."""


class Stack:
    """Adds scores of models of likes, each brought to mean 0 and spread 1 for every user."""

    learns_from: ClassVar[View] = "likes"
    options_class: ClassVar = StackOptions
    options: Any

    def __init__(self, options: StackOptions, members: dict[str, Model]) -> None:
        """Create a stack of fitted models of one catalogue, by name, with equal weights."""
        self.options, self.members = options, members
        self.catalogue = next(iter(members.values())).catalogue
        self.weights_M: Floats = np.full(len(members), 1 / len(members), dtype=np.float32)

    @property
    def reads_histories(self) -> bool:
        """Whether every member follows the history of a known user."""
        return all(member.reads_histories for member in self.members.values())

    @property
    def chosen(self) -> dict[str, float]:
        """The weights by option name, if they were chosen in the fit."""
        if self.options.weights != "auto":
            return {}
        shares = zip(self.members, self.weights_M.tolist(), strict=True)
        return {f"weights.{name}": weight for name, weight in shares}

    def score(self, histories_UI: csr_array, users_U: NDArray[np.int64]) -> Floats:
        """Return the weighted sum of the members' scores, shape (U, I)."""
        total_UI = np.zeros((len(users_U), self.catalogue.items), dtype=np.float32)
        for weight, member in zip(self.weights_M, self.members.values(), strict=True):
            if not weight:
                continue
            scores_UI = member.score(histories_UI, users_U)
            for rows in rows_in_cache(scores_UI):
                total_UI[rows] += weight * self.comparable(scores_UI[rows])
        return total_UI

    def comparable_scores(
        self, histories_UI: csr_array, users_U: NDArray[np.int64]
    ) -> list[Floats]:
        """Return the scores of each member that `add` adds, shape (U, I)."""
        scored = (member.score(histories_UI, users_U) for member in self.members.values())
        each = [np.require(scores_UI, requirements="W") for scores_UI in scored]
        for scores_UI in each:
            for rows in rows_in_cache(scores_UI):
                scores_UI[rows] = self.comparable(scores_UI[rows])
        return each

    @staticmethod
    def comparable(scores_UI: Floats) -> Floats:
        """Return scores of a member that can be added to those of another."""
        return standardized(scores_UI)

    def add(self, arrays: list[Floats], weights_M: Floats | None = None) -> Floats:
        """Return the weighted sum of arrays, one per member; None means the stack's weights."""
        weights_M = self.weights_M if weights_M is None else weights_M
        total = weights_M[0] * arrays[0]
        for weight, array in zip(weights_M[1:], arrays[1:], strict=True):
            for rows in rows_in_cache(array):
                total[rows] += weight * array[rows]
        return total

    def state(self) -> dict[str, NDArray[Any]]:
        """Return the weights, and the states of all members, prefixed with the member's name."""
        return {"weights": self.weights_M} | states_of(self.members)

    def load_state(self, state: dict[str, NDArray[Any]]) -> None:
        """Load the weights and the state of each member."""
        own = {name: value for name, value in state.items() if "." not in name}
        check_state(own, weights=(len(self.members),))
        self.weights_M = own["weights"]
        for name, member in self.members.items():
            member.load_state(within(state, name))


class SequentialStack(Stack):
    """Adds scores of models of the order of likes."""

    learns_from: ClassVar[View] = "order"


class Blend(Stack):
    """Adds predicted ratings of models of ratings."""

    learns_from = "ratings"
    options_class = BlendOptions

    @staticmethod
    def comparable(scores_UI: Floats) -> Floats:
        """Return the scores of a member, which are ratings."""
        return scores_UI

    def predict(self, histories_UI: csr_array, users_U: NDArray[np.int64]) -> Floats:
        """Return the weighted mean of the predicted ratings, within the scale, shape (U, I)."""
        predicted = [
            cast(RatingModel, member).predict(histories_UI, users_U)
            for member in self.members.values()
        ]
        return self._within_scale(predicted)

    def predict_at(
        self, histories_UI: csr_array, users_U: NDArray[np.int64], wanted_UI: csr_array
    ) -> Floats:
        """Return what `predict` returns at the cells that `wanted_UI` stores, shape (N,)."""
        members = (cast(RatingModel, member) for member in self.members.values())
        return self._within_scale(
            [predict_at(each, histories_UI, users_U, wanted_UI) for each in members]
        )

    def _within_scale(self, predicted: list[Floats]) -> Floats:
        # a mean of ratings at an end of the scale may be past it by a rounding
        return self.catalogue.on_scale(self.add(predicted))


def rows_in_cache(array: Floats) -> Iterator[slice]:
    """Yield slices of the rows of an array, each of at most `CELLS_IN_CACHE` cells, or one row."""
    at_once = max(1, CELLS_IN_CACHE // max(1, array[:1].size))
    for start in range(0, len(array), at_once):
        yield slice(start, start + at_once)


def standardized(scores_UI: Floats) -> Floats:
    """Return the scores with mean 0 and standard deviation 1 in each row; 0 in a row of equals."""
    centred_UI = scores_UI - scores_UI.mean(axis=1, keepdims=True)
    spread_U1 = centred_UI.std(axis=1, keepdims=True)
    np.divide(centred_UI, spread_U1, out=centred_UI, where=spread_U1 > 0)
    centred_UI[spread_U1[:, 0] == 0] = 0
    return centred_UI
