"""What a model that learns by gradient descent adds to the model protocol."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any, ClassVar, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_array
from torch import Tensor, nn

from .batch import Batch
from .model import Catalogue, View
from .options import ModelOptions


class Penalised(NamedTuple):
    """Parameters θ that share an L2 penalty strength/2 · ‖θ‖², added to the loss of every batch."""

    parameters: list[nn.Parameter]
    strength: float


class Network(nn.Module, ABC):
    """A model whose parameters move in training and stay still in scoring."""

    learns_from: ClassVar[View]
    options_class: ClassVar[type[ModelOptions]]
    reads_histories: bool = True
    options: Any
    catalogue: Catalogue

    @abstractmethod
    def __init__(self, options: Any, catalogue: Catalogue) -> None:
        super().__init__()
        self.options = options
        self.catalogue = catalogue

    @abstractmethod
    def rows(self, train_UI: csr_array) -> csr_array:
        """The matrix that is learned row by row: the users', or the items'."""

    @abstractmethod
    def start(self, train_UI: csr_array, generator: torch.Generator) -> None:
        """Initial weights, and all that is read off the data before the first epoch."""

    @abstractmethod
    def loss(self, batch: Batch, generator: torch.Generator) -> Tensor:
        """The mean loss of a row, a scalar, without the penalty; the generator draws the noise."""

    @abstractmethod
    def penalties(self, n_rows: int) -> Iterator[Penalised]:
        """Every parameter, once, with its penalty; `n_rows` rows are learned in an epoch."""

    def finish(self, train_UI: csr_array) -> None:
        """What is worked out once after the last step, or before a validation."""

    @abstractmethod
    def score(self, histories_UI: csr_array, users_U: NDArray[np.int64]) -> NDArray[np.float32]:
        """See the model protocol."""

    @property
    def device(self) -> torch.device:
        """Where the weights lie."""
        return next(self.parameters()).device

    def state(self) -> dict[str, NDArray[Any]]:
        """Weights and buffers by name."""
        return {name: value.detach().cpu().numpy() for name, value in self.state_dict().items()}

    def load_state(self, state: dict[str, NDArray[Any]]) -> None:
        """Take over weights and buffers.

        Raises RuntimeError where a name or a shape does not fit.
        """
        self.load_state_dict({name: torch.from_numpy(value) for name, value in state.items()})


def numbers(values: Tensor) -> NDArray[np.float32]:
    """A tensor of scores as an array in main memory."""
    return values.detach().cpu().numpy()
