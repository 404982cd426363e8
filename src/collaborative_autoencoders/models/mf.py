"""Biased matrix factorisation (Koren et al. 2009).

Dimension key: U users, I items, B users of a batch, N their ratings, H factors.
"""

from collections.abc import Iterator
from typing import Annotated, ClassVar

import numpy as np
import torch
from annotated_types import Ge, Gt
from numpy.typing import NDArray
from scipy.sparse import csr_array
from torch import Tensor, nn

from collaborative_autoencoders.interactions import View
from collaborative_autoencoders.options import Options

from .batch import Batch
from .fold_in import fold_in
from .model import Catalogue
from .network import Network, Penalised, Units, numbers


class MFOptions(Options):
    """Options of matrix factorisation."""

    factors: Units
    """Length of the vector of each user and item."""
    penalty: Annotated[float, Ge(0)]
    """λ of vectors and biases, defined per row of the data and independent of the batch size."""
    initial_scale: Annotated[float, Gt(0)]
    """Standard deviation of the initial values of the vectors."""


class MF(Network):
    """MF: r̂ = μ + b_u + b_i + p_u · q_i, fitted on observed ratings only (equations 4 and 5)."""

    learns_from: ClassVar[View] = "ratings"
    options_class = MFOptions
    reads_histories = False
    options: MFOptions
    mean: Tensor

    def __init__(self, options: MFOptions, catalogue: Catalogue) -> None:
        """Create vectors and biases of zeros; `start` initialises them."""
        super().__init__(options, catalogue)
        self.user_UH = nn.Parameter(torch.zeros(catalogue.users, options.factors))
        self.item_IH = nn.Parameter(torch.zeros(catalogue.items, options.factors))
        self.user_bias_U = nn.Parameter(torch.zeros(catalogue.users))
        self.item_bias_I = nn.Parameter(torch.zeros(catalogue.items))
        self.register_buffer("mean", torch.zeros(()))

    def rows(self, train_UI: csr_array) -> csr_array:
        """Return the train part: a row is a user's ratings."""
        return train_UI

    def start(self, train_UI: csr_array, generator: torch.Generator) -> None:
        """Initialise random vectors and compute the mean of the train part. Biases start at 0."""
        for vectors in (self.user_UH, self.item_IH):
            nn.init.normal_(vectors, std=self.options.initial_scale, generator=generator)
        self.mean.fill_(float(train_UI.data.mean(dtype=np.float64)))

    def loss(self, batch: Batch, generator: torch.Generator) -> Tensor:
        """Return Σ over the observed ratings of (r − r̂)², divided by the users of the batch."""
        user_N, item_N = batch.rows_B[batch.row_N], batch.column_N
        product_N = batch.products_at(self.user_UH[batch.rows_B], self.item_IH)
        expected_N = self.mean + self.user_bias_U[user_N] + self.item_bias_I[item_N] + product_N
        return (batch.value_N - expected_N).square().sum() / len(batch.rows_B)

    def penalties(self, n_rows: int) -> Iterator[Penalised]:
        """Yield λ/2 ‖θ‖² of vectors and biases, divided by `n_rows` as the loss is a mean."""
        parameters = [self.user_UH, self.item_IH, self.user_bias_U, self.item_bias_I]
        yield Penalised(parameters, self.options.penalty / n_rows)

    @torch.inference_mode()
    def score(self, histories_UI: csr_array, users_U: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the predicted ratings before they are clipped to the scale, shape (U, I).

        Vector and bias of an unseen user are folded in from the history. Without a history they are
        0, and the prediction is the mean plus the item's bias.
        """
        users_B = torch.as_tensor(users_U, device=self.device)
        user_BH, bias_B = self.user_UH[users_B], self.user_bias_U[users_B]
        unseen_B = np.flatnonzero(users_U < 0)
        if len(unseen_B):
            folded_BH = torch.as_tensor(self._fold_in(histories_UI[unseen_B]), device=self.device)
            user_BH[unseen_B], bias_B[unseen_B] = folded_BH[:, :-1], folded_BH[:, -1]
        own_BI = user_BH @ self.item_IH.T + bias_B[:, None]
        return numbers(self.mean + self.item_bias_I + own_BI)

    def _fold_in(self, histories_UI: csr_array) -> NDArray[np.float32]:
        """Return p_u for these histories with the item vectors fixed; the last column is b_u."""
        item_IH, ones_I1 = numbers(self.item_IH), np.ones((self.catalogue.items, 1))
        targets_UI = histories_UI.astype(np.float64)
        targets_UI.data -= float(self.mean) + numbers(self.item_bias_I)[histories_UI.indices]
        penalty_H = np.full(self.options.factors + 1, self.options.penalty / 2)
        return fold_in(targets_UI, np.hstack([item_IH, ones_I1]), penalty_H)

    def predict(self, histories_UI: csr_array, users_U: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the predicted ratings, clipped to the scale, shape (U, I)."""
        lowest, highest = self.catalogue.lowest_rating, self.catalogue.highest_rating
        return np.clip(self.score(histories_UI, users_U), lowest, highest)
