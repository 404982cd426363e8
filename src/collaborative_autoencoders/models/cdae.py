"""CDAE, the Collaborative Denoising Auto-Encoder (Wu et al., WSDM 2016).

Dimension key: U users, I items, B users of a batch, N their likes, H hidden units.
"""

from collections.abc import Iterator
from typing import Annotated, ClassVar, Literal, Self

import numpy as np
import torch
from annotated_types import Ge, Gt, Lt
from numpy.typing import NDArray
from pydantic import model_validator
from scipy.sparse import csr_array
from torch import Tensor, nn

from . import losses
from .activations import ACTIVATIONS, Activation
from .batch import Batch, Rows, thin_out
from .model import Catalogue, View
from .network import Network, Penalised, numbers
from .options import ModelOptions


class CDAEOptions(ModelOptions):
    """What a CDAE is."""

    hidden_size: Annotated[int, Gt(0)]
    """Hidden units K."""
    corruption: Annotated[float, Ge(0), Lt(1)]
    """Probability q with which a like is dropped from the input."""
    user_node: bool
    """Whether each user has a node V_u of their own; without it this is a plain DAE."""
    unseen_user_node: Literal["mean", "zero"]
    """The node of a user whom the fit has not met: the mean of all nodes, or 0."""
    hidden_activation: Activation
    output_activation: Activation
    loss: Literal["square", "logistic", "multinomial"]
    """`multinomial` is an extension of the paper (Liang et al. 2018)."""
    negatives: Annotated[int, Gt(0)] | None
    """Items drawn per like for the loss; null: the loss runs over all items."""
    positive_weight: Annotated[float, Gt(0)]
    """How often a like counts in the square and logistic loss; 1 is the paper's."""
    temperature: Annotated[float, Gt(0)]
    """Divides the logits of the multinomial loss."""
    activity_exponent: Annotated[float, Ge(0)]
    """a: a user's loss counts (n / mean n)^−a times, so that users of few likes weigh more; 0 is
    the paper's."""
    popularity_exponent: Annotated[float, Ge(0)]
    """b: an item that is not liked counts ((likes + 1) / mean)^b times, so that what is popular
    and not liked says more; 0 is the paper's."""
    start_at_frequency: bool
    """Whether the output bias starts at what an item's share of likes asks for, instead of 0."""
    normalize_input: bool
    """Whether each input row is divided by its L2 norm; an extension of the paper."""
    input_scale: Annotated[float, Gt(0)]
    """Multiplies the input; 1 is the paper's."""
    encoder_penalty: Annotated[float, Ge(0)]
    """λ of W: λ/2 ‖W‖² is added to the mean loss of a user (equation 5)."""
    user_penalty: Annotated[float, Ge(0)]
    """λ of V; every step takes it from all nodes, also from those of users not in the batch."""
    decoder_penalty: Annotated[float, Ge(0)]
    """λ of W'."""

    @model_validator(mode="after")
    def _output_fits_loss(self) -> Self:
        wanted = {"logistic": "sigmoid", "multinomial": "identity"}.get(self.loss)
        if wanted and self.output_activation != wanted:
            raise ValueError(f"loss: {self.loss} needs output_activation: {wanted}")
        if self.loss == "multinomial" and self.negatives is not None:
            raise ValueError("loss: multinomial runs over all items: set negatives: null")
        weighted = self.activity_exponent or self.popularity_exponent
        if weighted and (self.loss == "multinomial" or self.negatives is not None):
            raise ValueError(
                "activity_exponent and popularity_exponent weigh the square and the logistic loss "
                "over all items: set them to 0"
            )
        return self


class CDAE(Network):
    """ŷ = f(W'ᵀ h(Wᵀ ỹ + V_u + b) + b') (equations 9 and 10): likes in, a score per item out."""

    learns_from: ClassVar[View] = "likes"
    options_class = CDAEOptions
    options: CDAEOptions
    mean_count: Tensor
    """Likes of a user of the train part, on the average."""
    item_weight_I: Tensor

    def __init__(self, options: CDAEOptions, catalogue: Catalogue) -> None:
        """Weights without values yet: `start` draws them."""
        super().__init__(options, catalogue)
        hidden = options.hidden_size
        self.encoder_IH = nn.Parameter(torch.zeros(catalogue.items, hidden))
        self.user_UH = nn.Parameter(torch.zeros(catalogue.users * options.user_node, hidden))
        self.hidden_bias_H = nn.Parameter(torch.zeros(hidden))
        self.decoder_HI = nn.Parameter(torch.zeros(hidden, catalogue.items))
        self.output_bias_I = nn.Parameter(torch.zeros(catalogue.items))
        # of the fit alone, so they are not part of the state
        self.register_buffer("mean_count", torch.ones(()), persistent=False)
        self.register_buffer("item_weight_I", torch.ones(catalogue.items), persistent=False)

    def rows(self, train_UI: csr_array) -> csr_array:
        """A row is a user's likes."""
        return train_UI

    def start(self, train_UI: csr_array, generator: torch.Generator) -> None:
        """Glorot weights; user nodes start at 0, so that users start alike."""
        for weight in (self.encoder_IH, self.decoder_HI):
            nn.init.xavier_uniform_(weight, generator=generator)
        likes_I = torch.from_numpy(np.bincount(train_UI.indices, minlength=train_UI.shape[1]))
        users = max(1, int(np.count_nonzero(np.diff(train_UI.indptr))))
        self.mean_count.fill_(train_UI.nnz / users)
        weight_I = ((likes_I + 1) / (likes_I + 1.0).mean()) ** self.options.popularity_exponent
        self.item_weight_I.copy_(weight_I)
        if self.options.start_at_frequency:
            share_I = (likes_I + 0.5) / (users + 1)  # never 0 or 1
            start_of = {"square": lambda p: p, "logistic": torch.logit, "multinomial": torch.log}
            with torch.no_grad():
                self.output_bias_I.copy_(start_of[self.options.loss](share_I))

    def loss(self, batch: Batch, generator: torch.Generator) -> Tensor:
        """The reconstruction of all likes from those that the corruption left."""
        left = thin_out(self._input(batch), self.options.corruption, generator)
        hidden_BH = self._encode(left, self._user_nodes(batch.rows_B))
        return self._reconstruction_loss(hidden_BH, batch, generator)

    def penalties(self, n_rows: int) -> Iterator[Penalised]:
        """Departs from the paper: biases go free, a penalty would only pull popular items down."""
        yield Penalised([self.encoder_IH], self.options.encoder_penalty)
        yield Penalised([self.user_UH], self.options.user_penalty)
        yield Penalised([self.decoder_HI], self.options.decoder_penalty)
        yield Penalised([self.hidden_bias_H, self.output_bias_I], 0.0)

    @torch.inference_mode()
    def score(self, histories_UI: csr_array, users_U: NDArray[np.int64]) -> NDArray[np.float32]:
        """What the network gives out before the output activation.

        The activation only rises, so the order is the same, without the ties of a saturated
        sigmoid. An unseen user gets the node that `unseen_user_node` says.
        """
        rows = self._input(Rows(histories_UI, self.device).all())
        users_B = torch.as_tensor(users_U, device=self.device)
        return numbers(self._decode(self._encode(rows, self._user_nodes(users_B))))

    def _input(self, batch: Batch) -> Batch:
        scale_B = torch.full(batch.count_B.shape, self.options.input_scale, device=self.device)
        if self.options.normalize_input:
            scale_B = scale_B / batch.count_B.clamp(min=1).sqrt()
        return batch._replace(value_N=scale_B[batch.row_N])

    def _encode(self, rows: Batch, user_BH: Tensor | float) -> Tensor:
        activate = ACTIVATIONS[self.options.hidden_activation]
        return activate(rows.times(self.encoder_IH) + user_BH + self.hidden_bias_H)

    def _user_nodes(self, users_B: Tensor) -> Tensor | float:
        if not self.options.user_node:
            return 0.0
        if (users_B >= 0).all():
            return self.user_UH[users_B]
        unseen_H = self.user_UH.mean(0) * (self.options.unseen_user_node == "mean")
        return torch.where(users_B[:, None] >= 0, self.user_UH[users_B], unseen_H)

    def _decode(self, hidden_BH: Tensor) -> Tensor:
        return torch.addmm(self.output_bias_I, hidden_BH, self.decoder_HI)

    def _reconstruction_loss(
        self, hidden_BH: Tensor, batch: Batch, generator: torch.Generator
    ) -> Tensor:
        options = self.options
        over_all = (batch, options.positive_weight, self._user_weights(batch), self._item_weights())
        pure = options.output_activation == "identity" and options.negatives is None
        if options.loss == "square" and pure:
            return losses.square_of_linear(
                hidden_BH, self.decoder_HI, self.output_bias_I, *over_all
            )
        output_BI = self._decode(hidden_BH)
        if options.loss == "multinomial":
            return losses.multinomial(output_BI, batch, options.temperature)
        pointwise: losses.Pointwise = losses.logistic  # it takes the logit, before the sigmoid
        if options.loss == "square":
            pointwise = losses.square
            output_BI = ACTIVATIONS[options.output_activation](output_BI)
        if options.negatives is None:
            return losses.over_all_items(pointwise, output_BI, *over_all)
        return losses.over_sampled_items(
            pointwise, output_BI, batch, options.positive_weight, options.negatives, generator
        )

    def _user_weights(self, batch: Batch) -> Tensor | None:
        if not self.options.activity_exponent:
            return None
        return (batch.count_B / self.mean_count) ** -self.options.activity_exponent

    def _item_weights(self) -> Tensor | None:
        return self.item_weight_I if self.options.popularity_exponent else None
