"""Biased matrix factorisation: the comparison that the textbook draws (Koren et al. 2009).

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

from collaborative_autoencoders.models.batch import Batch
from collaborative_autoencoders.models.fold_in import fold_in
from collaborative_autoencoders.models.model import Catalogue, View
from collaborative_autoencoders.models.network import Network, Penalised, numbers
from collaborative_autoencoders.models.options import ModelOptions


class MFOptions(ModelOptions):
    """What a factorisation is."""

    factors: Annotated[int, Gt(0)]
    """Length of a user's and an item's vector."""
    penalty: Annotated[float, Ge(0)]
    """λ of vectors and biases; per row of the data, so it means the same at every batch size."""
    initial_scale: Annotated[float, Gt(0)]
    """Standard deviation of the vectors' first values."""


class MF(Network):
    """r̂ = μ + b_u + b_i + p_u · q_i, fitted on observed ratings only (equations 4 and 5)."""

    learns_from: ClassVar[View] = "ratings"
    options_class = MFOptions
    reads_histories = False
    options: MFOptions
    mean: Tensor

    def __init__(self, options: MFOptions, catalogue: Catalogue) -> None:
        """Vectors and biases without values yet: `start` draws them."""
        super().__init__(options, catalogue)
        self.user_UH = nn.Parameter(torch.zeros(catalogue.users, options.factors))
        self.item_IH = nn.Parameter(torch.zeros(catalogue.items, options.factors))
        self.user_bias_U = nn.Parameter(torch.zeros(catalogue.users))
        self.item_bias_I = nn.Parameter(torch.zeros(catalogue.items))
        self.register_buffer("mean", torch.zeros(()))

    def rows(self, train_UI: csr_array) -> csr_array:
        """A row is a user's ratings."""
        return train_UI

    def start(self, train_UI: csr_array, generator: torch.Generator) -> None:
        """Small random vectors, biases of 0, and the mean of the train part."""
        for vectors in (self.user_UH, self.item_IH):
            nn.init.normal_(vectors, std=self.options.initial_scale, generator=generator)
        self.mean.fill_(float(train_UI.data.mean(dtype=np.float64)))

    def loss(self, batch: Batch, generator: torch.Generator) -> Tensor:
        """Σ over the observed ratings of (r − r̂)², per user of the batch."""
        user_N, item_N = batch.rows_B[batch.row_N], batch.column_N
        product_N = batch.products_at(self.user_UH[batch.rows_B], self.item_IH)
        expected_N = self.mean + self.user_bias_U[user_N] + self.item_bias_I[item_N] + product_N
        return (batch.value_N - expected_N).square().sum() / len(batch.rows_B)

    def penalties(self, n_rows: int) -> Iterator[Penalised]:
        """λ/2 of the whole sum, so λ / n_rows of a row's mean, on vectors and biases alike."""
        every = [self.user_UH, self.item_IH, self.user_bias_U, self.item_bias_I]
        yield Penalised(every, self.options.penalty / n_rows)

    @torch.inference_mode()
    def score(self, histories_UI: csr_array, users_U: NDArray[np.int64]) -> NDArray[np.float32]:
        """The expected rating before it is cut to the scale, shape (U, I).

        Vector and bias of a user never seen are folded in from the history; without one they are
        0, so that the mean and the item's bias answer.
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
        """p_u, and in the last column b_u, as the fit would give them to these histories."""
        item_IH, ones_I1 = numbers(self.item_IH), np.ones((self.catalogue.items, 1))
        targets_UI = histories_UI.astype(np.float64)
        targets_UI.data -= float(self.mean) + numbers(self.item_bias_I)[histories_UI.indices]
        penalty_H = np.full(self.options.factors + 1, self.options.penalty / 2)
        return fold_in(targets_UI, np.hstack([item_IH, ones_I1]), penalty_H)

    def predict(self, histories_UI: csr_array, users_U: NDArray[np.int64]) -> NDArray[np.float32]:
        """The expected rating within the scale, shape (U, I)."""
        lowest, highest = self.catalogue.lowest_rating, self.catalogue.highest_rating
        return np.clip(self.score(histories_UI, users_U), lowest, highest)
