"""AutoRec, autoencoders of ratings (Sedhain et al., WWW 2015), item- or user-based.

Dimension key: U users, I items, R rows that are encoded (items or users), C columns (the other),
B rows of a batch, N their ratings, H units of the last hidden layer.
"""

from collections.abc import Iterator
from itertools import pairwise
from typing import Annotated, ClassVar, Literal, Self

import numpy as np
import torch
from annotated_types import Ge, Gt, Lt, MinLen
from numpy.typing import NDArray
from pydantic import model_validator
from scipy.sparse import csr_array
from scipy.special import expit
from torch import Tensor, nn

from .activations import ACTIVATIONS, Activation
from .batch import Batch, Rows, drop, thin_out
from .bias import item_biases, user_biases
from .fold_in import Curve, Values, fold_in
from .model import Catalogue, View
from .network import Network, Penalised, numbers
from .options import ModelOptions


class AutoRecOptions(ModelOptions):
    """What an AutoRec is."""

    orientation: Literal["item", "user"]
    """Whether a row is an item's ratings (I-AutoRec) or a user's (U-AutoRec)."""
    hidden_sizes: Annotated[tuple[Annotated[int, Gt(0)], ...], MinLen(1)]
    """Units of each hidden layer; the paper's deep form has three."""
    encoder_activation: Activation
    """g, after every hidden layer."""
    decoder_activation: Literal["identity", "sigmoid"]
    """f, after the output layer; the sigmoid's 0 to 1 is stretched to the scale of the ratings."""
    input_dropout: Annotated[float, Ge(0), Lt(1)]
    """Probability with which a rating is dropped from the input; an extension of the paper."""
    hidden_dropout: Annotated[float, Ge(0), Lt(1)]
    """Probability with which a unit of the last hidden layer is dropped; likewise."""
    scale_input: bool
    """Whether a row of n ratings is scaled by √(mean n / n); an extension of the paper."""
    penalty: Annotated[float, Ge(0)]
    """λ of equation 4; per row of the data, so it means the same at every batch size."""
    target: Literal["raw", "minus_biases"]
    """What is learned: the rating, or what μ + b_user + b_item leave over (an extension)."""
    bias_damping: Annotated[float, Ge(0)]
    """Ratings at the mean that every user and item is given before its bias is taken."""
    fallback: float | Literal["biases"]
    """The prediction for users or items without ratings in training; the paper's is 3."""

    @model_validator(mode="after")
    def _output_fits_target(self) -> Self:
        if self.decoder_activation == "sigmoid" and self.target != "raw":
            raise ValueError(
                "decoder_activation: sigmoid gives ratings of the scale, and target: minus_biases "
                "is what is left of them: set target: raw"
            )
        return self


class AutoRec(Network):
    """h(r) = f(W g(V r + μ) + b) (equation 3), fitted on observed ratings only (equation 4)."""

    learns_from: ClassVar[View] = "ratings"
    options_class = AutoRecOptions
    options: AutoRecOptions
    code_RH: Tensor
    """Item-based: every item's code, from which users' ratings are decoded."""
    mean: Tensor
    mean_count: Tensor
    user_bias_U: Tensor
    item_bias_I: Tensor
    rated_U: Tensor
    """Whether training gave the user any rating."""
    rated_I: Tensor

    def __init__(self, options: AutoRecOptions, catalogue: Catalogue) -> None:
        """Weights and buffers without values yet: `start` and `finish` give them."""
        super().__init__(options, catalogue)
        users, items = catalogue.users, catalogue.items
        self.by_item = options.orientation == "item"
        self.reads_histories = not self.by_item
        n_columns = users if self.by_item else items
        sizes = (n_columns, *options.hidden_sizes)
        self.encoder = nn.ParameterList(torch.zeros(shape) for shape in pairwise(sizes))
        self.encoder_bias = nn.ParameterList(torch.zeros(size) for size in options.hidden_sizes)
        self.decoder_CH = nn.Parameter(torch.zeros(n_columns, sizes[-1]))
        self.decoder_bias_C = nn.Parameter(torch.zeros(n_columns))
        self.register_buffer("code_RH", torch.zeros(items * self.by_item, sizes[-1]))
        self.register_buffer("mean", torch.zeros(()))
        self.register_buffer("mean_count", torch.ones(()))
        self.register_buffer("user_bias_U", torch.zeros(users))
        self.register_buffer("item_bias_I", torch.zeros(items))
        self.register_buffer("rated_U", torch.zeros(users, dtype=torch.bool))
        self.register_buffer("rated_I", torch.zeros(items, dtype=torch.bool))

    def rows(self, train_UI: csr_array) -> csr_array:
        """A row is an item's ratings, or a user's."""
        return train_UI.T.tocsr() if self.by_item else train_UI

    def start(self, train_UI: csr_array, generator: torch.Generator) -> None:
        """Glorot weights; means, biases and counts of the train part."""
        for weight in (*self.encoder, self.decoder_CH):
            nn.init.xavier_uniform_(weight, generator=generator)
        damping, mean = self.options.bias_damping, float(train_UI.data.mean(dtype=np.float64))
        item_bias_I = item_biases(train_UI, mean, damping)
        self._keep("mean", mean)
        self._keep("item_bias_I", item_bias_I)
        self._keep("user_bias_U", user_biases(train_UI, mean, item_bias_I, damping))
        self._keep("rated_U", np.diff(train_UI.indptr) > 0)
        self._keep("rated_I", np.bincount(train_UI.indices, minlength=train_UI.shape[1]) > 0)
        rated_R = self.rated_I if self.by_item else self.rated_U
        self._keep("mean_count", train_UI.nnz / int(rated_R.sum()))

    def loss(self, batch: Batch, generator: torch.Generator) -> Tensor:
        """Σ over the observed ratings of (r − h(r))², per row of the batch."""
        code_BH = drop(self._encode(batch, generator), self.options.hidden_dropout, generator)
        output_N = self._decode_observed(code_BH, batch)
        error_N = batch.value_N - self._base(batch) - output_N
        return error_N.square().sum() / len(code_BH)

    def penalties(self, n_rows: int) -> Iterator[Penalised]:
        """λ/2 (‖W‖² + ‖V‖²) of the whole sum, so λ / n_rows of a row's mean; none on biases."""
        yield Penalised([*self.encoder, self.decoder_CH], self.options.penalty / n_rows)
        yield Penalised([*self.encoder_bias, self.decoder_bias_C], 0.0)

    @torch.inference_mode()
    def finish(self, train_UI: csr_array) -> None:
        """Item-based: encode every item once, so that scoring decodes only the users asked for."""
        if self.by_item:
            self._keep("code_RH", self._encode(Rows(self.rows(train_UI), self.device).all()))

    @torch.inference_mode()
    def score(self, histories_UI: csr_array, users_U: NDArray[np.int64]) -> NDArray[np.float32]:
        """The expected rating before it is cut to the scale, shape (U, I).

        Item-based, what an unseen user would have in the decoder is folded in from the history.
        The fallback answers where there is nothing to go by: for items without ratings in
        training, and for users without any (user-based, or unseen: without a history).
        """
        known_U = np.diff(histories_UI.indptr) > 0
        if self.by_item:
            known_U = np.where(users_U >= 0, self.rated_U.cpu().numpy()[users_U], known_U)
        known_UI = known_U[:, None] & self.rated_I.cpu().numpy()
        biases_UI = self._biases(histories_UI)
        output_UI = numbers(self._output(histories_UI, users_U))
        if self.options.target == "minus_biases":
            output_UI = output_UI + biases_UI
        fallback = self.options.fallback
        return np.where(
            known_UI, output_UI, biases_UI if fallback == "biases" else fallback
        ).astype(np.float32)

    def predict(self, histories_UI: csr_array, users_U: NDArray[np.int64]) -> NDArray[np.float32]:
        """The expected rating within the scale, shape (U, I)."""
        lowest, highest = self.catalogue.lowest_rating, self.catalogue.highest_rating
        return np.clip(self.score(histories_UI, users_U), lowest, highest)

    def _keep(self, buffer: str, value: Tensor | NDArray | float) -> None:
        getattr(self, buffer).copy_(torch.as_tensor(value))

    def _encode(self, batch: Batch, generator: torch.Generator | None = None) -> Tensor:
        """Codes of a batch of rows, shape (B, H); a generator draws the input dropout."""
        activate = ACTIVATIONS[self.options.encoder_activation]
        if self.options.scale_input:
            scale_B = (self.mean_count / batch.count_B.clamp(min=1)).sqrt()
            batch = batch._replace(value_N=batch.value_N * scale_B[batch.row_N])
        if generator is not None:
            batch = thin_out(batch, self.options.input_dropout, generator)
        hidden = activate(batch.times(self.encoder[0]) + self.encoder_bias[0])
        for weight, bias in zip(self.encoder[1:], self.encoder_bias[1:], strict=True):
            hidden = activate(torch.addmm(bias, hidden, weight))
        return hidden

    def _decode(self, code_BH: Tensor, decoder_CH: Tensor, bias_C: Tensor) -> Tensor:
        return self._activated(torch.addmm(bias_C, code_BH, decoder_CH.T))

    def _decode_observed(self, code_BH: Tensor, batch: Batch) -> Tensor:
        """`_decode` at the observed ratings alone, as the loss asks for no others."""
        linear_N = batch.products_at(code_BH, self.decoder_CH)
        return self._activated(linear_N + self.decoder_bias_C[batch.column_N])

    def _activated(self, output: Tensor) -> Tensor:
        if self.options.decoder_activation == "identity":
            return output
        lowest, span = self._scale()
        return lowest + span * torch.sigmoid(output)

    def _scale(self) -> tuple[float, float]:
        """The lowest rating, and how far the highest is above it."""
        lowest, highest = self.catalogue.lowest_rating, self.catalogue.highest_rating
        assert lowest is not None and highest is not None, "only ratings are learned"
        return lowest, highest - lowest

    def _output(self, histories_UI: csr_array, users_U: NDArray[np.int64]) -> Tensor:
        """What the network gives out for these users, shape (U, I)."""
        if self.by_item:
            return self._decode(self.code_RH, *self._decoder_of(histories_UI, users_U)).T
        code_UH = self._encode(Rows(histories_UI, self.device).all())
        return self._decode(code_UH, self.decoder_CH, self.decoder_bias_C)

    def _decoder_of(
        self, histories_UI: csr_array, users_U: NDArray[np.int64]
    ) -> tuple[Tensor, Tensor]:
        """Item-based: the users' rows of W and b; those of unseen users are folded in."""
        columns_U = torch.as_tensor(users_U, device=self.device)
        decoder_UH, bias_U = self.decoder_CH[columns_U], self.decoder_bias_C[columns_U]
        unseen_U = np.flatnonzero(users_U < 0)
        if len(unseen_U):
            folded_UH = torch.as_tensor(self._fold_in(histories_UI[unseen_U]), device=self.device)
            decoder_UH[unseen_U], bias_U[unseen_U] = folded_UH[:, :-1], folded_UH[:, -1]
        return decoder_UH, bias_U

    def _fold_in(self, histories_UI: csr_array) -> NDArray[np.float32]:
        """The rows of W, and in the last column b, that equation 4 gives to these histories."""
        code_IH = numbers(self.code_RH)
        ones_I1 = np.ones((len(code_IH), 1), dtype=np.float32)
        penalty_H = np.append(np.full(code_IH.shape[1], self.options.penalty / 2), 0.0)
        targets_UI = histories_UI.astype(np.float64)
        if self.options.target == "minus_biases":
            user_N = np.repeat(np.arange(histories_UI.shape[0]), np.diff(histories_UI.indptr))
            targets_UI.data -= self._biases(histories_UI)[user_N, histories_UI.indices]
        return fold_in(targets_UI, np.hstack([code_IH, ones_I1]), penalty_H, self._curve())

    def _curve(self) -> Curve | None:
        """The decoder's activation, as `fold_in` takes it."""
        if self.options.decoder_activation == "identity":
            return None
        lowest, span = self._scale()

        def slope(z: Values) -> Values:
            return span * expit(z) * expit(-z)

        return Curve(lambda z: lowest + span * expit(z), slope)

    def _base(self, batch: Batch) -> Tensor | float:
        """What is taken off each rating of a batch before it is learned, shape (N,)."""
        if self.options.target == "raw":
            return 0.0
        row_bias_R, column_bias_C = self.user_bias_U, self.item_bias_I
        if self.by_item:
            row_bias_R, column_bias_C = column_bias_C, row_bias_R
        return self.mean + row_bias_R[batch.rows_B][batch.row_N] + column_bias_C[batch.column_N]

    def _biases(self, histories_UI: csr_array) -> NDArray[np.float32]:
        """μ + b_user + b_item, the users' biases read off their histories, shape (U, I)."""
        mean, item_bias_I = float(self.mean), self.item_bias_I.cpu().numpy()
        user_bias_U = user_biases(histories_UI, mean, item_bias_I, self.options.bias_damping)
        return (mean + user_bias_U[:, None] + item_bias_I).astype(np.float32)
