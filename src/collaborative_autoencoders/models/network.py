"""The base class of models that are fitted by gradient descent."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Any, ClassVar, Literal, NamedTuple

import numpy as np
import torch
from annotated_types import Gt, Le
from numpy.typing import NDArray
from scipy.sparse import csr_array
from torch import Tensor, nn

from collaborative_autoencoders.interactions import View
from collaborative_autoencoders.options import Options

from .batch import Batch, Rows
from .layers import Layer
from .model import Catalogue

MOST_ROWS = 4096
"""Largest automatic batch of a network that computes all outputs of its rows: with 70,000 items
they take 1 GB."""

Units = Annotated[int, Gt(0), Le(1_000_000)]
"""A number of hidden units or factors."""


class Penalised(NamedTuple):
    """Parameters θ with the L2 penalty strength/2 · ‖θ‖², which is added to the loss of a batch."""

    parameters: list[nn.Parameter]
    strength: float
    factor: Tensor | None = None
    """Multiplies the strength of each weight: a tensor that is broadcast over the parameters."""


TENSORS: dict[str, Callable[[Tensor], Tensor]] = {
    "_parameters": nn.Parameter,
    "_buffers": lambda buffer: buffer,
}
"""The attributes of a module that have tensors by name, and what makes one of them."""


class Network(nn.Module, ABC):
    """A model that is fitted by gradient descent. Scoring does not change its parameters."""

    learns_from: ClassVar[View]
    options_class: ClassVar[type[Options]]
    reads_histories: bool = True
    ranks_share: ClassVar[Literal["users", "items"] | None] = None
    """What the rows are of, if several ranks can fit it, each with rows of its own: then all noise
    is of `noise_like`. If they are users, a rank has the weights of its users alone; if they are
    items, it has all weights."""
    options: Any
    catalogue: Catalogue

    @abstractmethod
    def __init__(self, options: Any, catalogue: Catalogue) -> None:
        super().__init__()
        self.options = options
        self.catalogue = catalogue
        self.chosen: dict[str, float] = {}
        """What an option `auto` was in the fit, by the option's name."""
        self.done = 0.0
        """Share of the steps of a fit that are done. The fit sets it before each step."""

    @classmethod
    def layers(cls, options: Any, catalogue: Catalogue) -> list[Layer]:
        """Return the layers from input to output, for the picture in Kedro-Viz. None by default."""
        return []

    @abstractmethod
    def rows(self, train_UI: csr_array) -> csr_array:
        """Return the matrix whose rows form the batches: one row per user or per item."""

    def most_rows(self) -> int | None:
        """Return the most rows of an automatic batch; None if its memory follows the non-zeros."""
        return MOST_ROWS

    @abstractmethod
    def start(self, train_UI: csr_array, generator: torch.Generator) -> None:
        """Initialise the weights and compute statistics of the data before the first epoch."""

    @abstractmethod
    def loss(self, batch: Batch, generator: torch.Generator) -> Tensor:
        """Return the mean loss per row without penalties, a scalar. `generator` draws the noise."""

    @abstractmethod
    def penalties(self, n_rows: int) -> Iterator[Penalised]:
        """Yield every parameter once, with its penalty. An epoch has `n_rows` rows."""

    def finish(self, rows: Rows) -> None:
        """Update buffers that depend on the weights, given the rows of the fit.

        Called after the fit and before validation, on each rank of several with its own rows.
        """

    def agree(self, total: Callable[[Tensor], Tensor]) -> None:
        """Update what depends on the rows of all ranks, given a sum over ranks.

        Called after `finish` on every rank of several.
        """

    @abstractmethod
    def score(self, histories_UI: csr_array, users_U: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the score of every item, shape (U, I); see `Model.score`."""

    @property
    def device(self) -> torch.device:
        """The device of the weights."""
        return next(self.parameters()).device

    def __getstate__(self) -> dict[str, Any]:
        """Return what pickle writes. Its own weights and buffers on the CPU are arrays.

        pickle reads an array into its memory; of a tensor, it has the bytes and a copy of them.
        """
        arrays = {
            kind: {name: _as_array(value) for name, value in self.__dict__[kind].items()}
            for kind in TENSORS
        }
        return self.__dict__ | arrays

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take what `__getstate__` has returned."""
        tensors = {
            kind: {name: _as_tensor(value, make) for name, value in state[kind].items()}
            for kind, make in TENSORS.items()
        }
        super().__setstate__(state | tensors)

    def state(self) -> dict[str, NDArray[Any]]:
        """Return weights and buffers by name."""
        return {name: value.detach().cpu().numpy() for name, value in self.state_dict().items()}

    @classmethod
    def check_state(
        cls,
        options: Any,
        catalogue: Catalogue,
        members: int,
        state: Mapping[str, NDArray[Any]],
    ) -> None:
        """Raise ValueError unless the state has the tensors of so many members. Takes no memory."""
        with torch.device("meta"):  # shapes without memory
            own = {
                name: (value.shape, value.dtype)
                for name, value in cls(options, catalogue).state_dict().items()
            }
        prefixes = [""] if members == 1 else [f"{number}." for number in range(members)]
        expected = {f"{prefix}{name}": kind for prefix in prefixes for name, kind in own.items()}
        if state.keys() != expected.keys():
            raise ValueError(f"its tensors {sorted(state)} are not {sorted(expected)}")
        for name, (shape, dtype) in expected.items():
            found = torch.from_numpy(state[name])
            if (found.shape, found.dtype) != (shape, dtype):
                raise ValueError(
                    f"the tensor {name} is {found.dtype} {tuple(found.shape)}; the options make "
                    f"it {dtype} {tuple(shape)}"
                )

    def load_state(self, state: dict[str, NDArray[Any]]) -> None:
        """Load weights and buffers. They are these arrays, not copies.

        Raises RuntimeError if a name or a shape does not match.
        """
        tensors = {name: torch.from_numpy(value) for name, value in state.items()}
        self.load_state_dict(tensors, assign=True)


def _as_array(value: Tensor | None) -> Tensor | NDArray[Any] | None:
    return value if value is None or value.device.type != "cpu" else value.detach().numpy()


def _as_tensor(
    value: Tensor | NDArray[Any] | None, make: Callable[[Tensor], Tensor]
) -> Tensor | None:
    return make(torch.from_numpy(value)) if isinstance(value, np.ndarray) else value


def numbers(values: Tensor) -> NDArray[np.float32]:
    """Return a tensor as a NumPy array on the CPU."""
    return values.detach().cpu().numpy()
