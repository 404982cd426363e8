"""Sparse rows on a device, and the batches made of them there.

Dimension key: R rows and C columns of the matrix, B rows of a batch, N non-zeros of a batch
in row order, H hidden units.
"""

from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from scipy.sparse import csr_array
from torch import Tensor


class Batch(NamedTuple):
    """Some rows of a sparse matrix. What is observed is its structure, whatever the values."""

    rows_B: Tensor
    """The rows' places in the whole matrix."""
    count_B: Tensor
    """Non-zeros of each row."""
    row_N: Tensor
    """Each non-zero's row within the batch."""
    column_N: Tensor
    value_N: Tensor

    def times(self, weight_CH: Tensor) -> Tensor:
        """The product of these rows with dense weights, shape (B, H).

        A gather and a sum, and so is its gradient: the cost is the non-zeros', not rows × columns.
        """
        return SparseProduct.apply(weight_CH, self)

    def cells(self, n_columns: int) -> Tensor:
        """Each non-zero's place in the batch's dense form (B, C), laid out flat.

        One flat index is several times as fast to read and write by as two.
        """
        return self.row_N * n_columns + self.column_N


class SparseProduct(torch.autograd.Function):
    """X W of sparse rows X, with its gradient Xᵀ G written by hand; none goes to the values of X.

    torch's own gradient of an embedding bag takes twice as long. Each sum runs in a fixed order, so
    repeats are exact.
    """

    @staticmethod
    def forward(ctx: Any, weight_CH: Tensor, batch: Batch) -> Tensor:
        """Row b is the sum of the weights of its columns, each times the row's value there."""
        ctx.batch, ctx.n_columns = batch, len(weight_CH)
        return gather_and_sum(weight_CH, batch.column_N, batch.value_N, batch.count_B)

    @staticmethod
    def backward(ctx: Any, gradient_BH: Tensor) -> tuple[Tensor, None]:
        """The same sum column by column."""
        batch = ctx.batch
        by_column_N = torch.argsort(batch.column_N, stable=True)
        count_C = torch.bincount(batch.column_N, minlength=ctx.n_columns)
        row_N, value_N = batch.row_N[by_column_N], batch.value_N[by_column_N]
        return gather_and_sum(gradient_BH, row_N, value_N, count_C), None


def gather_and_sum(weight: Tensor, place_N: Tensor, value_N: Tensor, count: Tensor) -> Tensor:
    """Sums of `value · weight[place]` over runs of `count` entries each; an empty run gives 0."""
    first = count.cumsum(0) - count
    return F.embedding_bag(
        place_N, weight.contiguous(), first, mode="sum", per_sample_weights=value_N
    )


class Rows:
    """A sparse matrix kept on a device, whose rows are handed out as batches."""

    def __init__(self, matrix: csr_array, device: torch.device) -> None:
        """Copy the matrix (R, C) to the device."""

        def on_device(values: np.ndarray, dtype: torch.dtype) -> Tensor:
            return torch.as_tensor(values, dtype=dtype, device=device)

        self.device = device
        self.start_R = on_device(matrix.indptr[:-1], torch.int64)
        self.count_R = on_device(np.diff(matrix.indptr), torch.int64)
        self.column = on_device(matrix.indices, torch.int64)
        self.value = on_device(matrix.data, torch.float32)

    def batch(self, rows_B: Tensor) -> Batch:
        """The rows at these places, in this order."""
        count_B = self.count_R[rows_B]
        row_N = torch.repeat_interleave(torch.arange(len(rows_B), device=self.device), count_B)
        first_B = self.start_R[rows_B] - (count_B.cumsum(0) - count_B)
        place_N = torch.arange(len(row_N), device=self.device) + first_B[row_N]
        return Batch(rows_B, count_B, row_N, self.column[place_N], self.value[place_N])

    def all(self) -> Batch:
        """Every row, in order."""
        return self.batch(torch.arange(len(self.count_R), device=self.device))

    def observed(self) -> Tensor:
        """The places of the rows that hold anything: from an empty row nothing can be learned."""
        return torch.nonzero(self.count_R).squeeze(1)


def thin_out(batch: Batch, probability: float, generator: torch.Generator) -> Batch:
    """The batch without the non-zeros that are dropped, each with this probability.

    The others are scaled by 1 / (1 − probability). What is dropped costs nothing from here on.
    """
    if probability == 0:
        return batch
    kept_N = _kept(batch.value_N, probability, generator).nonzero().squeeze(1)
    row_N = batch.row_N[kept_N]
    return Batch(
        batch.rows_B,
        torch.bincount(row_N, minlength=len(batch.rows_B)),
        row_N,
        batch.column_N[kept_N],
        batch.value_N[kept_N] / (1 - probability),
    )


def drop(values: Tensor, probability: float, generator: torch.Generator) -> Tensor:
    """Each value set to 0 with this probability, the others scaled by 1 / (1 − probability)."""
    if probability == 0:
        return values
    return values * _kept(values, probability, generator) / (1 - probability)


def _kept(values: Tensor, probability: float, generator: torch.Generator) -> Tensor:
    return torch.rand(values.shape, generator=generator, device=values.device) >= probability
