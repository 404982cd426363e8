"""The base class of networks that predict every item of a sequence from the items before it.

Dimension key: U users, I items, B sequences of a batch, N their items, H hidden units.
"""

from abc import abstractmethod
from collections.abc import Iterator
from typing import Annotated, Any, ClassVar

import numpy as np
import torch
from annotated_types import Ge, Gt, Le
from numpy.typing import NDArray
from scipy.sparse import csr_array
from torch import Tensor, nn

from collaborative_autoencoders.interactions import View
from collaborative_autoencoders.interactions.sparse import count_each
from collaborative_autoencoders.options import Options

from .batch import Batch, Rows
from .model import Catalogue
from .network import Network, Penalised, numbers
from .sampled_softmax import draw, every_item, sampled_softmax
from .sequences import sequences_of


class NextItemOptions(Options):
    """Options of the loss of a network that predicts the next item."""

    negatives: Annotated[int, Gt(0), Le(1_000_000)] | None
    """Items that are drawn in each step. Their outputs stand for those of all items. null: the
    outputs of all items are computed."""
    negative_exponent: Annotated[float, Ge(0), Le(1)]
    """a: an item with n likes is drawn in proportion to (n + 1)^a. Not used without a draw."""


class NextItemNetwork(Network):
    """A network with the outputs ŷ = W' h + b', where h depends on the items before a place.

    The loss of a user is −Σ log softmax(ŷ)[item] over the places of the history.
    """

    learns_from: ClassVar[View] = "order"
    options: Any
    chance_I: Tensor
    """Chance of each item in a draw of negatives. Only used in the fit, so not in the state."""

    def __init__(self, options: Any, catalogue: Catalogue) -> None:
        """Create weights of zeros; `start` initialises them."""
        super().__init__(options, catalogue)
        self.output_bias_I = nn.Parameter(torch.zeros(catalogue.items))
        self.register_buffer("chance_I", torch.ones(catalogue.items), persistent=False)

    @property
    @abstractmethod
    def output_IH(self) -> Tensor:
        """The output weights W'."""

    @abstractmethod
    def before_items(self, batch: Batch, generator: torch.Generator) -> tuple[Tensor, Batch]:
        """Return h before each item that is predicted, and these items. Called in the fit.

        Row n of h, shape (N, H), is for the n-th item.
        """

    @abstractmethod
    def after_all(self, batch: Batch) -> Tensor:
        """Return h after the last item of each sequence, shape (B, H)."""

    @abstractmethod
    def start_weights(self, generator: torch.Generator) -> None:
        """Initialise all weights but the output bias."""

    def rows(self, train_UI: csr_array) -> csr_array:
        """Return the train part with the likes of each user in their order."""
        return in_order(train_UI)

    def start(self, train_UI: csr_array, generator: torch.Generator) -> None:
        """Initialise the weights. The output bias starts at the log of each item's share."""
        self.start_weights(generator)
        likes_I = torch.from_numpy(count_each(train_UI.indices, train_UI.shape[1])) + 1.0
        chance_I = likes_I**self.options.negative_exponent
        self.chance_I.copy_(chance_I / chance_I.sum())
        with torch.no_grad():
            self.output_bias_I.copy_(torch.log(likes_I / likes_I.sum()))

    def loss(self, batch: Batch, generator: torch.Generator) -> Tensor:
        """Return the loss of predicting every item from the items before it."""
        hidden_NH, items = self.before_items(batch, generator)
        if self.options.negatives is None:
            sample = every_item(len(self.chance_I), self.device)
        else:
            sample = draw(self.chance_I, self.options.negatives, generator)
        outputs = self.output_IH, self.output_bias_I
        total = sampled_softmax(hidden_NH, *outputs, items.column_N, sample)
        return total / len(batch.rows_B)

    def penalties(self, n_rows: int) -> Iterator[Penalised]:
        """Yield all parameters, without a penalty: dropout is what regularises the network."""
        yield Penalised(list(self.parameters()), 0.0)

    @torch.inference_mode()
    def score(self, histories_UI: csr_array, users_U: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the outputs after the last item of each history, shape (U, I)."""
        hidden_UH = self.after_all(Rows(in_order(histories_UI), self.device).all())
        return numbers(torch.addmm(self.output_bias_I, hidden_UH, self.output_IH.T))

    def item_vectors(self) -> NDArray[np.float32]:
        """Return the output weights W' of each item, shape (I, H)."""
        return numbers(self.output_IH)


def in_order(order_UI: csr_array) -> csr_array:
    """Return ones at the items of each row, which are stored from the oldest to the newest."""
    items_N, start_U = sequences_of(order_UI)
    return csr_array((np.ones(len(items_N), dtype=np.float32), items_N, start_U), order_UI.shape)
