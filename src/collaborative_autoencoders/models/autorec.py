"""AutoRec: item-based and user-based autoencoders of ratings (Sedhain et al., WWW 2015).

Dimension key: U users, I items, R encoded rows (items or users), C columns (users or items),
B rows of a batch, N their ratings, H units of the last hidden layer.
"""

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Annotated, Any, ClassVar, Literal, Self

import numpy as np
import torch
from annotated_types import Ge, Gt, Lt
from numpy.typing import NDArray
from pydantic import Field, model_validator
from scipy.sparse import csr_array
from scipy.special import expit
from torch import Tensor, nn

from collaborative_autoencoders.interactions import View
from collaborative_autoencoders.interactions.sparse import count_each, user_of_cells
from collaborative_autoencoders.options import Options

from .activations import ACTIVATIONS, Activation
from .batch import Batch, Rows, drop, thin_out
from .bias import dampings_of, item_biases, user_biases
from .fold_in import Curve, Values, fold_in
from .layers import Layer
from .model import Catalogue
from .network import MOST_ROWS, Network, Penalised, Units, numbers
from .penalty import Auto, Penalty, noise_of
from .sums import HeldRows

DAMPING = 3.0
"""Factor of the damping `auto` over that of the bias model."""

CENTRE, SPREAD = 3.5, 1.1
"""Mean and standard deviation of standardised ratings, about those of MovieLens. With ratings
far from 0, a rated item differs from one that is not rated; with a mean of 0 it does not."""


class AutoRecOptions(Options):
    """Options of AutoRec."""

    hidden_sizes: Annotated[tuple[Units, ...], Field(strict=False, min_length=1, max_length=100)]
    """Number of units of each hidden layer. The deep variant of the paper has three layers."""
    encoder_activation: Activation
    """Activation g, applied after every hidden layer."""
    decoder_activation: Literal["identity", "sigmoid"]
    """Activation f of the output layer. The sigmoid is scaled from (0, 1) to the rating scale."""
    input_dropout: Annotated[float, Ge(0), Lt(1)]
    """Probability of dropping a rating from the input; an extension of the paper."""
    hidden_dropout: Annotated[float, Ge(0), Lt(1)]
    """Probability of dropping a unit of the last hidden layer; an extension of the paper."""
    scale_input: bool
    """Whether to scale a row of n ratings by √(mean n / n); an extension of the paper."""
    standardize: bool
    """Whether the network reads and predicts ratings with mean 3.5 and standard deviation 1.1, so
    that the scale of the ratings changes nothing but the unit of a prediction; an extension."""
    penalty: Penalty
    """λ of equation 4, for the loss summed over the ratings. `auto` fits the data: 50 √n̄, with √n̄
    of `noise_of`, and 25 √n̄ in the user-based model. It needs `standardize: true`."""
    penalty_factor: Annotated[float, Gt(0)]
    """Factor of a penalty that is `auto`."""
    target: Literal["raw", "minus_biases"]
    """Target of the fit: the rating, or the rating minus μ + b_user + b_item (an extension)."""
    bias_damping: Annotated[float, Ge(0)] | Auto
    """Number of pseudo-ratings with deviation 0 that are added for each bias. `auto` fits the data:
    three times that of the bias model, as the network learns what biases leave."""
    fallback: float | Literal["biases"]
    """Prediction for users and items without ratings in training: a rating on the scale of the
    data, or the biases. The paper uses 3."""

    @model_validator(mode="after")
    def _output_fits_target(self) -> Self:
        if self.decoder_activation == "sigmoid" and self.target != "raw":
            raise ValueError(
                "decoder_activation: sigmoid outputs values on the rating scale, but target: "
                "minus_biases needs residuals: set target: raw"
            )
        if self.penalty == "auto" and not self.standardize:
            raise ValueError("penalty: auto needs standardize: true, or set penalty to a number")
        return self


class AutoRec(Network):
    """Item-based AutoRec (I-AutoRec): a row r is an item's ratings.

    h(r) = f(W g(V r + μ) + b) (equation 3), fitted on observed ratings only (equation 4).
    """

    by_item: ClassVar[bool] = True
    auto: ClassVar[float] = 50.0
    """Constant of the penalty `auto`."""
    reads_histories = False
    ranks_share: ClassVar[Literal["users", "items"] | None] = "items"
    learns_from: ClassVar[View] = "ratings"
    options_class = AutoRecOptions
    options: AutoRecOptions
    code_RH: Tensor
    """Code of each item, from which ratings are decoded. Empty in the user-based model."""
    mean: Tensor
    unit: Tensor
    """The rating that the network reads as `CENTRE`, and the width that it reads as 1."""
    penalty: Tensor
    """λ of the fit, also where it was `auto`."""
    mean_count: Tensor
    user_damping: Tensor
    """Damping of the users' biases, also where it was `auto`."""
    user_bias_U: Tensor
    item_bias_I: Tensor
    rated_U: Tensor
    """Whether each user has ratings in training."""
    rated_I: Tensor
    """Whether each item has ratings in training."""

    def __init__(self, options: AutoRecOptions, catalogue: Catalogue) -> None:
        """Create weights and buffers of zeros; `start` and `finish` set their values.

        Raises ValueError if `fallback` lies outside the rating scale of the catalogue.
        """
        super().__init__(options, catalogue)
        self._check_fallback()
        users, items = catalogue.users, catalogue.items
        n_columns = users if self.by_item else items
        sizes = (n_columns, *options.hidden_sizes)
        self.encoder = nn.ParameterList(torch.zeros(shape) for shape in pairwise(sizes))
        self.encoder_bias = nn.ParameterList(torch.zeros(size) for size in options.hidden_sizes)
        self.decoder_CH = nn.Parameter(torch.zeros(n_columns, sizes[-1]))
        self.decoder_bias_C = nn.Parameter(torch.zeros(n_columns))
        self.register_buffer("code_RH", torch.zeros(items * self.by_item, sizes[-1]))
        self.register_buffer("mean", torch.zeros(()))
        self.register_buffer("unit", torch.tensor([CENTRE, 1.0]))
        self.register_buffer("penalty", torch.zeros(()))
        self.register_buffer("mean_count", torch.ones(()))
        self.register_buffer("user_damping", torch.zeros(()))
        self.register_buffer("user_bias_U", torch.zeros(users))
        self.register_buffer("item_bias_I", torch.zeros(items))
        self.register_buffer("rated_U", torch.zeros(users, dtype=torch.bool))
        self.register_buffer("rated_I", torch.zeros(items, dtype=torch.bool))

    @classmethod
    def layers(cls, options: AutoRecOptions, catalogue: Catalogue) -> list[Layer]:
        """Return the ratings of a row, the hidden layers and the predicted ratings."""
        columns = catalogue.users if cls.by_item else catalogue.items
        return [
            Layer("ratings of an item" if cls.by_item else "ratings of a user", columns),
            *(Layer("hidden", n, options.encoder_activation) for n in options.hidden_sizes),
            Layer("predicted ratings", columns, options.decoder_activation),
        ]

    def rows(self, train_UI: csr_array) -> csr_array:
        """Return the matrix whose rows are items (item-based) or users (user-based)."""
        return train_UI.T.tocsr() if self.by_item else train_UI

    def most_rows(self) -> None:
        """Return None: a step computes the observed ratings only."""

    def start(self, train_UI: csr_array, generator: torch.Generator) -> None:
        """Initialise Glorot weights and compute means, biases and counts from the train part."""
        for weight in (*self.encoder, self.decoder_CH):
            nn.init.xavier_uniform_(weight, generator=generator)
        mean = float(np.float32(train_UI.data.mean(dtype=np.float64)))
        ratings = HeldRows(train_UI)
        damping = dampings_of(ratings, mean, self.options.bias_damping, DAMPING)
        if self.options.bias_damping == "auto":
            self.chosen |= damping.named()
        item_bias_I = item_biases(ratings, mean, damping.of_items)
        self._set_buffer("mean", mean)
        self._set_buffer("user_damping", damping.of_users)
        if self.options.standardize:
            spread = float(train_UI.data.std(dtype=np.float64)) / SPREAD
            self._set_buffer("unit", np.array([mean, spread or 1.0]))
        penalty = self.options.penalty
        if penalty == "auto":
            penalty = self.options.penalty_factor * self.auto * noise_of(train_UI)
            self.chosen["penalty"] = penalty
        self._set_buffer("penalty", penalty)
        self._set_buffer("item_bias_I", item_bias_I)
        self._set_buffer("user_bias_U", user_biases(train_UI, mean, item_bias_I, damping.of_users))
        self._set_buffer("rated_U", np.diff(train_UI.indptr) > 0)
        self._set_buffer("rated_I", count_each(train_UI.indices, train_UI.shape[1]) > 0)
        rated_R = self.rated_I if self.by_item else self.rated_U
        self._set_buffer("mean_count", train_UI.nnz / int(rated_R.sum()))

    def loss(self, batch: Batch, generator: torch.Generator) -> Tensor:
        """Return Σ over the observed ratings of (r − h(r))², divided by the rows of the batch."""
        code_BH = self._encode(batch, generator)
        code_BH = drop(code_BH, self.options.hidden_dropout, generator, batch.own_B)
        output_N = self._decode_observed(code_BH, batch)
        error_N = (batch.value_N - self._offset(batch)) / self.unit[1] - output_N
        return error_N.square().sum() / len(code_BH)

    def penalties(self, n_rows: int) -> Iterator[Penalised]:
        """Yield λ/2 (‖W‖² + ‖V‖²) divided by `n_rows`, since the loss is a mean over rows.

        Biases are not penalised.
        """
        yield Penalised([*self.encoder, self.decoder_CH], float(self.penalty) / n_rows)
        yield Penalised([*self.encoder_bias, self.decoder_bias_C], 0.0)

    @torch.inference_mode()
    def finish(self, rows: Rows) -> None:
        """Encode every item once (item-based), so that scoring only decodes."""
        if not self.by_item:
            return
        index_R = rows.index()
        n_blocks = 1 + len(index_R) // MOST_ROWS
        self.code_RH.zero_()  # of the rows of other ranks
        for first in range(n_blocks):  # every n-th row: neighbours may all be popular
            rows_B = torch.arange(first, len(index_R), n_blocks, device=self.device)
            self.code_RH[index_R[rows_B]] = self._encode(rows.batch(rows_B))

    @torch.inference_mode()
    def agree(self, total: Callable[[Tensor], Tensor]) -> None:
        """Take the codes of the items of all ranks (item-based)."""
        if self.by_item:
            self.code_RH.copy_(total(self.code_RH))

    @torch.inference_mode()
    def score(self, histories_UI: csr_array, users_U: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the predicted ratings before they are clipped to the scale, shape (U, I).

        In the item-based model, the decoder weights of unseen users are folded in from the history.
        The prediction is `fallback` for items without ratings in training and for users without
        ratings. Users with ratings in training are known to the item-based model, all other users
        need a history.
        """
        users_U, known_U = self._known(histories_UI, users_U)
        by_user_U, by_item_I = self._biases(histories_UI)
        unknown = np.s_[~known_U], np.s_[:, ~self.rated_I.cpu().numpy()]
        output_UI = self._output(histories_UI, users_U)
        return self._in_ratings(output_UI, by_user_U[:, None], by_item_I, *unknown)

    def predict(self, histories_UI: csr_array, users_U: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the predicted ratings, clipped to the scale, shape (U, I)."""
        return self.catalogue.on_scale(self.score(histories_UI, users_U))

    @torch.inference_mode()
    def predict_at(
        self, histories_UI: csr_array, users_U: NDArray[np.int64], wanted_UI: csr_array
    ) -> NDArray[np.float32]:
        """Return what `predict` returns at the cells that `wanted_UI` stores, shape (N,)."""
        users_U, known_U = self._known(histories_UI, users_U)
        user_N, item_N = user_of_cells(wanted_UI), wanted_UI.indices
        by_user_U, by_item_I = self._biases(histories_UI)
        unknown_N = ~(known_U[user_N] & self.rated_I.cpu().numpy()[item_N])
        output_N = self._output_at(histories_UI, users_U, Rows(wanted_UI, self.device).all())
        return self.catalogue.on_scale(
            self._in_ratings(output_N, by_user_U[user_N], by_item_I[item_N], unknown_N)
        )

    def item_vectors(self) -> NDArray[np.float32]:
        """Return the code of each item, or its decoder weights W if user-based, shape (I, H)."""
        return numbers(self.code_RH if self.by_item else self.decoder_CH)

    def _known(
        self, histories_UI: csr_array, users_U: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Return the users, −1 for those without ratings in the fit, and who has any ratings."""
        known_U = np.diff(histories_UI.indptr) > 0
        if self.by_item:
            is_fitted_U = (users_U >= 0) & self.rated_U.cpu().numpy()[users_U]
            users_U = np.where(is_fitted_U, users_U, -1)
            known_U |= is_fitted_U
        return users_U, known_U

    def _in_ratings(
        self,
        output: Tensor,
        by_user: NDArray[np.float32],
        by_item: NDArray[np.float32],
        *unknown: Any,
    ) -> NDArray[np.float32]:
        """Return an output of the network, which is changed, as ratings.

        They are `fallback` at the indices `unknown`, where the network knows nothing. The sum of
        `by_user` and `by_item`, which broadcast to the output, are the biases. All is in place: in
        a large catalogue a dense array takes longer to get than to fill.
        """
        ratings = numbers(output.mul_(self.unit[1]))
        if self.options.target == "minus_biases":
            ratings += by_user
            ratings += by_item
        else:
            ratings += float(self._origin())
        for cells in unknown:  # which may overlap
            if self.options.fallback == "biases":
                terms = (np.broadcast_to(each, ratings.shape)[cells] for each in (by_user, by_item))
                ratings[cells] = sum(terms)
            else:
                ratings[cells] = self.options.fallback
        return ratings

    def _set_buffer(self, buffer: str, value: Tensor | NDArray | float) -> None:
        getattr(self, buffer).copy_(torch.as_tensor(value))

    def _encode(self, batch: Batch, generator: torch.Generator | None = None) -> Tensor:
        """Return the codes of a batch, shape (B, H). A generator enables the input dropout."""
        activate = ACTIVATIONS[self.options.encoder_activation]
        batch = batch._replace(value_N=(batch.value_N - self._origin()) / self.unit[1])
        if self.options.scale_input:
            scale_B = (self.mean_count / batch.count_B.clamp(min=1)).sqrt()
            batch = batch._replace(value_N=batch.value_N * scale_B[batch.row_N])
        if generator is not None:
            batch = thin_out(batch, self.options.input_dropout, generator)
        hidden = activate(batch.times(self.encoder[0]) + self.encoder_bias[0])
        for weight, bias in zip(self.encoder[1:], self.encoder_bias[1:], strict=True):
            hidden = activate(torch.addmm(bias, hidden, weight))
        return hidden

    def _decode(self, rows_BH: Tensor, columns_CH: Tensor, bias: Tensor) -> Tensor:
        return self._activated(torch.addmm(bias, rows_BH, columns_CH.T))

    def _decode_observed(self, code_BH: Tensor, batch: Batch) -> Tensor:
        """Return the output of `_decode` at the observed ratings only, shape (N,)."""
        linear_N = batch.products_at(code_BH, self.decoder_CH)
        # the gradient of an index is summed by several threads, in an order that varies
        bias_N = self.decoder_bias_C.index_select(0, batch.column_N)
        return self._activated(linear_N + bias_N)

    def _activated(self, output: Tensor) -> Tensor:
        if self.options.decoder_activation == "identity":
            return output
        lowest, span = self._scale()
        return lowest.float() + span.float() * torch.sigmoid(output)

    def _check_fallback(self) -> None:
        lowest, highest = self.catalogue.lowest_rating, self.catalogue.highest_rating
        fallback = self.options.fallback
        if fallback == "biases" or lowest is None or highest is None:
            return
        if not lowest <= fallback <= highest:
            raise ValueError(
                f"model.fallback: {fallback:g} lies outside the scale of the ratings, "
                f"{lowest:g} to {highest:g}: set it to a rating on the scale, or to biases"
            )

    def _origin(self) -> Tensor:
        """Return the rating that the network reads as 0. It is 0 without `standardize`."""
        return self.unit[0] - CENTRE * self.unit[1]

    def _scale(self) -> tuple[Tensor, Tensor]:
        """Return the lowest rating and the width of the scale, as the network reads them.

        Tensors of float64 on the device: a number would be waited for in every step.
        """
        lowest, highest = self.catalogue.lowest_rating, self.catalogue.highest_rating
        assert lowest is not None and highest is not None, "AutoRec needs a rating scale"
        width = self.unit[1].double()
        return (lowest - self._origin().double()) / width, (highest - lowest) / width

    def _output(self, histories_UI: csr_array, users_U: NDArray[np.int64]) -> Tensor:
        """Return the output of the network for these users, shape (U, I)."""
        if self.by_item:
            decoder_UH, bias_U = self._decoder_of(histories_UI, users_U)
            return self._decode(decoder_UH, self.code_RH, bias_U[:, None])
        code_UH = self._encode(Rows(histories_UI, self.device).all())
        return self._decode(code_UH, self.decoder_CH, self.decoder_bias_C)

    def _output_at(
        self, histories_UI: csr_array, users_U: NDArray[np.int64], wanted: Batch
    ) -> Tensor:
        """Return the output of the network at the cells of a batch of these users, shape (N,)."""
        if self.by_item:
            decoder_UH, bias_U = self._decoder_of(histories_UI, users_U)
            linear_N = wanted.products_at(decoder_UH, self.code_RH)
            return self._activated(linear_N + bias_U[wanted.row_N])
        return self._decode_observed(self._encode(Rows(histories_UI, self.device).all()), wanted)

    def _decoder_of(
        self, histories_UI: csr_array, users_U: NDArray[np.int64]
    ) -> tuple[Tensor, Tensor]:
        """Return the users' rows of W and b (item-based). Rows of unseen users are folded in."""
        columns_U = torch.as_tensor(users_U, device=self.device)
        decoder_UH, bias_U = self.decoder_CH[columns_U], self.decoder_bias_C[columns_U]
        unseen_U = np.flatnonzero(users_U < 0)
        if len(unseen_U):
            folded_UH = torch.as_tensor(self._fold_in(histories_UI[unseen_U]), device=self.device)
            decoder_UH[unseen_U], bias_U[unseen_U] = folded_UH[:, :-1], folded_UH[:, -1]
        return decoder_UH, bias_U

    def _fold_in(self, histories_UI: csr_array) -> NDArray[np.float32]:
        """Return rows of W that minimise equation 4 for these histories; the last column is b."""
        code_IH = numbers(self.code_RH)
        ones_I1 = np.ones((len(code_IH), 1), dtype=np.float32)
        penalty_H = np.append(np.full(code_IH.shape[1], float(self.penalty) / 2), 0.0)
        targets_UI = histories_UI.astype(np.float64)
        if self.options.target == "minus_biases":
            by_user_U, by_item_I = self._biases(histories_UI)
            targets_UI.data -= by_user_U[user_of_cells(histories_UI)]
            targets_UI.data -= by_item_I[histories_UI.indices]
        else:
            targets_UI.data -= float(self._origin())
        targets_UI.data /= float(self.unit[1])
        return fold_in(targets_UI, np.hstack([code_IH, ones_I1]), penalty_H, self._curve())

    def _curve(self) -> Curve | None:
        """Return the decoder activation for `fold_in`; None for the identity."""
        if self.options.decoder_activation == "identity":
            return None
        lowest, span = map(float, self._scale())

        def slope(z: Values) -> Values:
            return span * expit(z) * expit(-z)

        return Curve(lambda z: lowest + span * expit(z), slope)

    def _offset(self, batch: Batch) -> Tensor | float:
        """Return what to subtract from each rating: the origin or the biases, shape (N,)."""
        if self.options.target == "raw":
            return self._origin()
        row_bias_R, column_bias_C = self.user_bias_U, self.item_bias_I
        if self.by_item:
            row_bias_R, column_bias_C = column_bias_C, row_bias_R
        return self.mean + row_bias_R[batch.rows_B][batch.row_N] + column_bias_C[batch.column_N]

    def _biases(self, histories_UI: csr_array) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return μ + b_user, computed from the histories, and b_item, shapes (U,) and (I,)."""
        mean, item_bias_I = float(self.mean), self.item_bias_I.cpu().numpy()
        user_bias_U = user_biases(histories_UI, mean, item_bias_I, float(self.user_damping))
        return (mean + user_bias_U).astype(np.float32), item_bias_I.astype(np.float32)


class UserAutoRec(AutoRec):
    """User-based AutoRec (U-AutoRec): a row r is a user's ratings.

    h(r) = f(W g(V r + μ) + b) (equation 3), fitted on observed ratings only (equation 4).
    """

    by_item = False
    auto = 25.0
    reads_histories = True
    ranks_share = "users"
