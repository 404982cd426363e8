"""The base class of models that are fitted by gradient descent."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any, ClassVar, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_array
from torch import Tensor, nn

from collaborative_autoencoders.interactions import View
from collaborative_autoencoders.options import Options

from .batch import Batch
from .model import Catalogue


class Penalised(NamedTuple):
    """Parameters θ with the L2 penalty strength/2 · ‖θ‖², which is added to the loss of a batch."""

    parameters: list[nn.Parameter]
    strength: float


class Network(nn.Module, ABC):
    """A model that is fitted by gradient descent. Scoring does not change its parameters."""

    learns_from: ClassVar[View]
    options_class: ClassVar[type[Options]]
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
        """Return the matrix whose rows form the batches: one row per user or per item."""

    @abstractmethod
    def start(self, train_UI: csr_array, generator: torch.Generator) -> None:
        """Initialise the weights and compute statistics of the data before the first epoch."""

    @abstractmethod
    def loss(self, batch: Batch, generator: torch.Generator) -> Tensor:
        """Return the mean loss per row without penalties, a scalar. `generator` draws the noise."""

    @abstractmethod
    def penalties(self, n_rows: int) -> Iterator[Penalised]:
        """Yield every parameter once, with its penalty. An epoch has `n_rows` rows."""

    def finish(self, train_UI: csr_array) -> None:
        """Update buffers that depend on the weights. Called after the fit and before validation."""

    @abstractmethod
    def score(self, histories_UI: csr_array, users_U: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the score of every item, shape (U, I); see `Model.score`."""

    @property
    def device(self) -> torch.device:
        """The device of the weights."""
        return next(self.parameters()).device

    def state(self) -> dict[str, NDArray[Any]]:
        """Return weights and buffers by name."""
        return {name: value.detach().cpu().numpy() for name, value in self.state_dict().items()}

    def load_state(self, state: dict[str, NDArray[Any]]) -> None:
        """Load weights and buffers.

        Raises RuntimeError if a name or a shape does not match.
        """
        self.load_state_dict({name: torch.from_numpy(value) for name, value in state.items()})


def numbers(values: Tensor) -> NDArray[np.float32]:
    """Return a tensor as a NumPy array on the CPU."""
    return values.detach().cpu().numpy()
