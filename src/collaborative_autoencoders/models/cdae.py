"""CDAE, the Collaborative Denoising Auto-Encoder (Wu et al., WSDM 2016).

Dimension key: U users, I items, B users of a batch, N their likes, H hidden units.
"""

from collections.abc import Callable, Iterator
from typing import Annotated, Any, ClassVar, Literal, NamedTuple, Self, TypeVar

import numpy as np
import torch
from annotated_types import Ge, Gt, Lt
from numpy.typing import NDArray
from pydantic import model_validator
from scipy.sparse import csr_array
from torch import Tensor, nn

from collaborative_autoencoders.interactions import View
from collaborative_autoencoders.interactions.sparse import count_each
from collaborative_autoencoders.options import Options

from . import losses
from .activations import ACTIVATIONS, Activation
from .batch import Batch, Rows, RowsAt, sum_of_rows, thin_out
from .layers import Layer
from .model import Catalogue
from .network import MOST_ROWS, Network, Penalised, Units, numbers
from .penalty import Penalty, item_noise, noise_of

POINTWISE: dict[str, losses.Pointwise] = {"square": losses.square, "logistic": losses.logistic}
START_AT = {"square": lambda p: p, "logistic": torch.logit, "multinomial": torch.log}
"""The output whose expected loss is lowest if a share p of the users likes the item."""


AUTO = {"encoder_penalty": 0.64, "user_penalty": 2.87, "decoder_penalty": 41.0}
"""Constants of the penalties `auto`, for a loss that is summed over the users."""


class CDAEOptions(Options):
    """Options of CDAE."""

    hidden_size: Units
    """Number of hidden units K."""
    corruption: Annotated[float, Ge(0), Lt(1)]
    """Probability q of dropping a like from the input."""
    user_node: bool
    """Whether each user has a node V_u. Without it the model is a plain denoising autoencoder."""
    unseen_user_node: Literal["mean", "zero"]
    """Node of a user who was not in the fit: the mean of the users who were, or 0."""
    hidden_activation: Activation
    output_activation: Literal["identity", "sigmoid"]
    loss: Literal["square", "logistic", "multinomial"]
    """`multinomial` is an extension of the paper (Liang et al. 2018)."""
    positive_weight: Annotated[float, Gt(0)]
    """Weight of a like in the square and logistic loss. The paper uses 1."""
    temperature: Annotated[float, Gt(0)]
    """Divides the logits of the multinomial loss."""
    activity_exponent: Annotated[float, Ge(0)]
    """a: the loss of a user with n likes has the weight (n / mean n)^−a. Positive values increase
    the weight of users with few likes. The paper uses 0."""
    popularity_exponent: Annotated[float, Ge(0)]
    """b: an item that a user does not like has the weight ((likes + 1) / mean(likes + 1))^b.
    Positive values increase the weight of popular items. The paper uses 0."""
    start_at_frequency: bool
    """Whether the output bias starts at the value that predicts each item's share of likes."""
    normalize_input: bool
    """Whether to divide each input row by its L2 norm; an extension of the paper."""
    input_scale: Annotated[float, Gt(0)]
    """Factor that multiplies the input. The paper uses 1."""
    encoder_penalty: Penalty
    """λ of W: λ/2 ‖W‖² is added to the mean loss per user (equation 5). `auto` fits the data: with
    U users and √n̄ of `noise_of`, it is 0.64 √n̄ / U."""
    user_penalty: Penalty
    """λ of V. Every step penalises the nodes of all users, not only those of the batch. `auto` is
    2.87 √n̄ / U."""
    decoder_penalty: Penalty
    """λ of W', the decoder weights. `auto` is 41 √(n (1 − n / U)) / U for an item with n likes, so
    that popular items have a stronger penalty than rare ones. A number is the λ of all items."""
    penalty_factor: Annotated[float, Gt(0)]
    """Factor of the penalties that are `auto`."""

    @model_validator(mode="after")
    def _output_fits_loss(self) -> Self:
        required = {"logistic": "sigmoid", "multinomial": "identity"}.get(self.loss)
        if required and self.output_activation != required:
            raise ValueError(f"loss: {self.loss} needs output_activation: {required}")
        weighted = self.activity_exponent or self.popularity_exponent
        if weighted and self.loss == "multinomial":
            raise ValueError(
                "activity_exponent and popularity_exponent apply only to the square and logistic "
                "losses: set them to 0"
            )
        return self


Counts = TypeVar("Counts", Tensor, NDArray[np.float32])


class Nodes(NamedTuple):
    """What a score reads of the nodes of all users. Computing it takes longer than a score."""

    is_fitted: NDArray[np.bool_]
    """Whether each user has a fitted node; the last, at index −1, is an unseen user."""
    unseen_H: Tensor
    """The node of a user without one."""


class CDAE(Network):
    """CDAE: ŷ = f(W'ᵀ h(Wᵀ ỹ + V_u + b) + b') (equations 9 and 10), from likes to scores."""

    learns_from: ClassVar[View] = "likes"
    options_class: ClassVar[type[CDAEOptions]] = CDAEOptions
    ranks_share = "users"
    options: CDAEOptions
    noise: Tensor
    """`noise_of` the train part, of which automatic penalties are made."""
    mean_count: Tensor
    """Mean number of likes of the users with likes in the train part."""
    item_weight_I: Tensor
    """Weight of each item in the loss of users who do not like it."""
    item_noise_I: Tensor
    """Factor of the automatic decoder penalty for each item."""

    def __init__(self, options: CDAEOptions, catalogue: Catalogue) -> None:
        """Create weights of zeros; `start` initialises them."""
        super().__init__(options, catalogue)
        hidden = options.hidden_size
        self.encoder_IH = nn.Parameter(torch.zeros(catalogue.items, hidden))
        self.user_UH = nn.Parameter(torch.zeros(catalogue.users * options.user_node, hidden))
        self.hidden_bias_H = nn.Parameter(torch.zeros(hidden))
        self.decoder_HI = nn.Parameter(torch.zeros(hidden, catalogue.items))
        self.output_bias_I = nn.Parameter(torch.zeros(catalogue.items))
        # only used in the fit, so not part of the state
        self.register_buffer("noise", torch.zeros((), dtype=torch.float64), persistent=False)
        self.register_buffer("mean_count", torch.ones(()), persistent=False)
        self.register_buffer("item_weight_I", torch.ones(catalogue.items), persistent=False)
        self.register_buffer("item_noise_I", torch.ones(catalogue.items), persistent=False)
        self.nodes: Nodes | None = None
        """Kept from the first score until the weights move."""

    @classmethod
    def layers(cls, options: CDAEOptions, catalogue: Catalogue) -> list[Layer]:
        """Return the likes of a user, the hidden layer and the scores of all items."""
        return [
            Layer("likes of a user", catalogue.items),
            Layer(
                "hidden" + ", with user node" * options.user_node,
                options.hidden_size,
                options.hidden_activation,
            ),
            Layer("scores of items", catalogue.items, options.output_activation),
        ]

    def rows(self, train_UI: csr_array) -> csr_array:
        """Return the train part: a row is a user's likes."""
        return train_UI

    def most_rows(self) -> int | None:
        """Return None if the loss of large batches is computed without all outputs."""
        sizes = self.options.hidden_size, self.catalogue.items
        by_gram = self._is_square_of_linear() and losses.is_by_gram(MOST_ROWS, *sizes)
        return None if by_gram else MOST_ROWS

    def start(self, train_UI: csr_array, generator: torch.Generator) -> None:
        """Initialise Glorot weights and loss weights. User nodes start at 0."""
        self.noise.fill_(noise_of(train_UI))
        for weight in (self.encoder_IH, self.decoder_HI):
            nn.init.xavier_uniform_(weight, generator=generator)
        likes_I = torch.from_numpy(count_each(train_UI.indices, train_UI.shape[1]))
        users = max(1, int(np.count_nonzero(np.diff(train_UI.indptr))))
        self.mean_count.fill_(train_UI.nnz / users)
        weight_I = ((likes_I + 1) / (likes_I + 1.0).mean()) ** self.options.popularity_exponent
        self.item_weight_I.copy_(weight_I)
        self.item_noise_I.copy_(torch.from_numpy(item_noise(likes_I.numpy(), users)))
        if self.options.start_at_frequency:
            share_I = (likes_I + 0.5) / (users + 1)  # never 0 or 1
            with torch.no_grad():
                self.output_bias_I.copy_(START_AT[self.options.loss](share_I))

    def loss(self, batch: Batch, generator: torch.Generator) -> Tensor:
        """Return the loss of reconstructing all likes from the corrupted input."""
        corrupted = thin_out(self._input(batch), self.options.corruption, generator)
        hidden_BH = self._encode(corrupted, self._fitted_nodes(batch.rows_B))
        return self._reconstruction_loss(hidden_BH, batch)

    def penalties(self, n_rows: int) -> Iterator[Penalised]:
        """Yield the penalties of W, V and W'.

        Departs from the paper: biases are not penalised, because a penalty would only lower the
        scores of popular items.
        """
        for name, weights in (
            ("encoder_penalty", self.encoder_IH),
            ("user_penalty", self.user_UH),
            ("decoder_penalty", self.decoder_HI),
        ):
            penalty, factor = getattr(self.options, name), None
            if penalty == "auto":
                penalty = self.options.penalty_factor * AUTO[name] * self.noise.item() / n_rows
                self.chosen[name] = penalty
                factor = self.item_noise_I if weights is self.decoder_HI else None
            yield Penalised([weights], penalty, factor)
        yield Penalised([self.hidden_bias_H, self.output_bias_I], 0.0)

    def finish(self, rows: Rows) -> None:
        """Forget what was computed from earlier weights."""
        self.nodes = None

    @torch.no_grad()
    def agree(self, total: Callable[[Tensor], Tensor]) -> None:
        """Compute the node of an unseen user from the nodes of all ranks."""
        if self.options.user_node:
            self.nodes = self._nodes(total)

    def load_state(self, state: dict[str, NDArray[Any]]) -> None:
        """Load the weights; see `Network.load_state`."""
        super().load_state(state)
        self.nodes = None

    @torch.inference_mode()
    def score(self, histories_UI: csr_array, users_U: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the output of the network before the output activation, shape (U, I).

        The activation is monotonic, so the ranking is the same, but a saturated sigmoid would
        create ties. `unseen_user_node` defines the node of an unseen user.
        """
        # NumPy scales the few likes of one served user in a tenth of the time of torch
        count_U = np.diff(histories_UI.indptr)
        value_N = np.repeat(self._scale(count_U.astype(np.float32)), count_U)
        code_UH = sum_of_rows(histories_UI, value_N, self.encoder_IH)
        code_UH += self._user_nodes(users_U)
        code_UH += self.hidden_bias_H
        return numbers(self._decode(self._activate(code_UH)))

    def item_vectors(self) -> NDArray[np.float32]:
        """Return the decoder weights W' of each item, shape (I, H)."""
        return numbers(self.decoder_HI.T)

    def _input(self, batch: Batch) -> Batch:
        return batch._replace(value_N=self._scale(batch.count_B.float())[batch.row_N])

    def _scale(self, count_B: Counts) -> Counts:
        """Return the value of each like of a row with so many likes, in float32."""
        count_B = count_B.clip(1)  # a row without likes reads no scale
        return self.options.input_scale / count_B ** (0.5 * self.options.normalize_input)

    def _encode(self, rows: Batch, user_BH: Tensor | float) -> Tensor:
        return self._activate(self._code(rows, user_BH))

    def _code(self, rows: Batch, user_BH: Tensor | float) -> Tensor:
        return rows.times(self.encoder_IH) + user_BH + self.hidden_bias_H

    def _activate(self, code_BH: Tensor) -> Tensor:
        return ACTIVATIONS[self.options.hidden_activation](code_BH)

    def _fitted_nodes(self, users_B: Tensor) -> Tensor | float:
        self.nodes = None  # the step that follows moves them
        return RowsAt.apply(self.user_UH, users_B) if self.options.user_node else 0.0

    def _user_nodes(self, users_U: NDArray[np.int64]) -> Tensor | float:
        """Return the nodes of users who may be unseen."""
        if not self.options.user_node:
            return 0.0
        nodes = self.nodes = self.nodes or self._nodes()
        is_fitted_U, device = nodes.is_fitted[users_U], self.user_UH.device
        if not is_fitted_U.any():
            return nodes.unseen_H
        user_UH = self.user_UH[torch.as_tensor(users_U, device=device)]
        if is_fitted_U.all():
            return user_UH
        is_fitted_U1 = torch.as_tensor(is_fitted_U[:, None], device=device)
        return torch.where(is_fitted_U1, user_UH, nodes.unseen_H)

    def _nodes(self, total: Callable[[Tensor], Tensor] = lambda of_users: of_users) -> Nodes:
        # the node of a user without likes in the fit has no gradient, so it is still 0
        is_fitted_U = self.user_UH.any(1)
        mean_H = total(self.user_UH.sum(0)) / total(is_fitted_U.sum()).clamp(min=1)
        unseen_H = mean_H * (self.options.unseen_user_node == "mean")
        return Nodes(np.append(numbers(is_fitted_U), False), unseen_H)

    def _decode(self, hidden_BH: Tensor) -> Tensor:
        return torch.addmm(self.output_bias_I, hidden_BH, self.decoder_HI)

    def _reconstruction_loss(self, hidden_BH: Tensor, batch: Batch) -> Tensor:
        options = self.options
        over_all = (batch, options.positive_weight, self._user_weights(batch), self._item_weights())
        if self._is_square_of_linear():
            return losses.square_of_linear(
                hidden_BH, self.decoder_HI, self.output_bias_I, *over_all
            )
        output_BI = self._decode(hidden_BH)
        if options.loss == "multinomial":
            return losses.multinomial(output_BI, batch, options.temperature)
        if options.loss != "logistic":  # which takes the logit
            output_BI = ACTIVATIONS[options.output_activation](output_BI)
        return losses.over_all_items(POINTWISE[options.loss], output_BI, *over_all)

    def _is_square_of_linear(self) -> bool:
        return self.options.loss == "square" and self.options.output_activation == "identity"

    def _user_weights(self, batch: Batch) -> Tensor | None:
        if not self.options.activity_exponent:
            return None
        return (batch.count_B / self.mean_count) ** -self.options.activity_exponent

    def _item_weights(self) -> Tensor | None:
        return self.item_weight_I if self.options.popularity_exponent else None
