"""Sparse rows on a device, and the batches made of them there.

Dimension key: R rows and C columns of the matrix, B rows of a batch, N non-zeros of a batch
in row order, H hidden units.
"""

import warnings
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

    def products_at(self, left_BH: Tensor, right_CH: Tensor) -> Tensor:
        """`(left @ right.T)[row, column]` at the non-zeros alone, whatever their values; (N,)."""
        return SampledProduct.apply(left_BH, right_CH, self)

    def transposed(self, n_columns: int) -> "Batch":
        """The same non-zeros column by column: the rows of the result are all the columns."""
        by_column_N = torch.argsort(self.column_N, stable=True)
        return Batch(
            torch.arange(n_columns, device=self.column_N.device),
            torch.bincount(self.column_N, minlength=n_columns),
            self.column_N[by_column_N],
            self.row_N[by_column_N],
            self.value_N[by_column_N],
        )

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
        return gather_and_sum(batch, weight_CH)

    @staticmethod
    def backward(ctx: Any, gradient_BH: Tensor) -> tuple[Tensor, None]:
        """The same sum column by column."""
        return gather_and_sum(ctx.batch.transposed(ctx.n_columns), gradient_BH), None


class SampledProduct(torch.autograd.Function):
    """Dot products of rows of two dense matrices, for the pairs that a batch holds.

    With its gradients written by hand: each is a sparse product.
    """

    @staticmethod
    def forward(ctx: Any, left_BH: Tensor, right_CH: Tensor, batch: Batch) -> Tensor:
        """(N,)."""
        ctx.batch = batch
        ctx.save_for_backward(left_BH, right_CH)
        start_B = F.pad(batch.count_B.cumsum(0), (1, 0))
        with warnings.catch_warnings(action="ignore"):  # of torch, that CSR is in beta
            zeros_BC = torch.sparse_csr_tensor(
                start_B,
                batch.column_N,
                torch.zeros_like(batch.value_N),
                (len(left_BH), len(right_CH)),
                check_invariants=False,
            )
        return torch.sparse.sampled_addmm(zeros_BC, left_BH, right_CH.T).values()

    @staticmethod
    def backward(ctx: Any, gradient_N: Tensor) -> tuple[Tensor, Tensor, None]:
        """G · right and Gᵀ · left, with the gradient G in the batch's places."""
        left_BH, right_CH = ctx.saved_tensors
        gradient = ctx.batch._replace(value_N=gradient_N)
        of_right_CH = gather_and_sum(gradient.transposed(len(right_CH)), left_BH)
        return gather_and_sum(gradient, right_CH), of_right_CH, None


def gather_and_sum(batch: Batch, weight: Tensor) -> Tensor:
    """For each row the sum of `value · weight[column]` over its non-zeros; 0 for an empty one."""
    first_B = batch.count_B.cumsum(0) - batch.count_B
    return F.embedding_bag(
        batch.column_N,
        weight.contiguous(),
        first_B,
        mode="sum",
        per_sample_weights=batch.value_N.contiguous(),
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
