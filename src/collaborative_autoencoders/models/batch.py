"""Sparse rows on a device, and batches of them.

Dimension key: R rows and C columns of the matrix, B rows of a batch, N non-zeros of a batch
in row order, H hidden units.
"""

import warnings
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import DTypeLike, NDArray
from scipy.sparse import csr_array
from torch import Tensor

from collaborative_autoencoders.interactions.sparse import user_of_cells


class Batch(NamedTuple):
    """Some rows of a sparse matrix. Stored entries are non-zeros, even if their value is 0."""

    rows_B: Tensor
    """Index of each row in the whole matrix."""
    count_B: Tensor
    """Number of non-zeros of each row."""
    row_N: Tensor
    """Row of each non-zero within the batch."""
    column_N: Tensor
    """Column of each non-zero."""
    value_N: Tensor
    """Value of each non-zero."""
    first_B: Tensor | None = None
    """Where the non-zeros of each row begin, if that is known without a sum of the counts."""
    own_B: Tensor | None = None
    """Which rows of a batch that several ranks share are these; None: all of them."""
    own_N: Tensor | None = None
    """Which non-zeros of such a batch are these; None: all of them."""

    def times(self, weight_CH: Tensor) -> Tensor:
        """Return the product of these rows with dense weights, shape (B, H).

        The product and its gradient cost O(N · H), not O(B · C · H).
        """
        if not torch.is_grad_enabled():
            return gather_and_sum(self, weight_CH)
        return SparseProduct.apply(weight_CH, self)

    def products_at(self, left_BH: Tensor, right_CH: Tensor) -> Tensor:
        """Return `(left @ right.T)[row, column]` at each non-zero, shape (N,). Ignores values."""
        return SampledProduct.apply(left_BH, right_CH, self)

    def transposed(self, n_columns: int) -> "Batch":
        """Return the transposed batch, whose rows are all columns of the matrix."""
        on_cpu = self.column_N.device.type == "cpu"
        return self.counted(n_columns) if on_cpu else self.sorted(n_columns)

    def counted(self, n_columns: int) -> "Batch":
        """Return the transposed batch. SciPy counts instead of sorting: a tenth of the time."""
        start_B = F.pad(self.count_B.cumsum(0), (1, 0))
        arrays = (self.value_N.numpy(), self.column_N.numpy(), start_B.numpy())
        by_column = csr_array(arrays, shape=(len(self.count_B), n_columns)).tocsc()
        columns, count_C = torch.arange(n_columns), np.diff(by_column.indptr).astype(np.int64)
        return Batch(
            columns,
            torch.from_numpy(count_C),
            columns.repeat_interleave(torch.from_numpy(count_C)),
            torch.from_numpy(by_column.indices).long(),
            torch.from_numpy(by_column.data),
        )

    def sorted(self, n_columns: int) -> "Batch":
        """Return the transposed batch, on any device and without waiting for it."""
        by_column_N = torch.argsort(self.column_N, stable=True)
        column_N = self.column_N[by_column_N]
        return Batch(
            torch.arange(n_columns, device=column_N.device),
            count_sorted(column_N, n_columns),
            column_N,
            self.row_N[by_column_N],
            self.value_N[by_column_N],
        )

    def only(self, is_kept_N: Tensor) -> "Batch":
        """Return the same rows with these non-zeros only. The others leave the structure."""
        kept_N = is_kept_N.nonzero().squeeze(1)
        row_N = self.row_N[kept_N]
        count_B = count_sorted(row_N, len(self.rows_B))
        return Batch(self.rows_B, count_B, row_N, self.column_N[kept_N], self.value_N[kept_N])

    def pieces(self, n_rows: int) -> Iterator[tuple[slice, "Batch"]]:
        """Yield so many rows after each other with their places; on a GPU, all, without waiting."""
        if self.column_N.device.type != "cpu":
            yield slice(len(self.rows_B)), self
            return
        places = [*range(0, len(self.rows_B), n_rows), len(self.rows_B)]
        starts = F.pad(self.count_B.cumsum(0), (1, 0))[places].tolist()
        for (first, end), of_rows in zip(pairwise(places), pairwise(starts), strict=True):
            rows, cells = slice(first, end), slice(*of_rows)
            yield (
                rows,
                Batch(
                    self.rows_B[rows],
                    self.count_B[rows],
                    self.row_N[cells] - first,
                    self.column_N[cells],
                    self.value_N[cells],
                ),
            )

    def cells(self, n_columns: int) -> Tensor:
        """Return the flat index of each non-zero in the dense form (B, C) of the batch, shape (N,).

        Reading and writing by one flat index is several times faster than by two indices.
        """
        return self.row_N * n_columns + self.column_N


class SparseProduct(torch.autograd.Function):
    """The product X W with sparse rows X and the explicit gradient Xᵀ G for W. X has no gradient.

    The gradient of torch's embedding bag takes twice as long. Sums have a fixed order, so results
    are reproducible.
    """

    @staticmethod
    def forward(ctx: Any, weight_CH: Tensor, batch: Batch) -> Tensor:
        """Return X W, shape (B, H)."""
        ctx.batch, ctx.n_columns = batch, len(weight_CH)
        return gather_and_sum(batch, weight_CH)

    @staticmethod
    def backward(ctx: Any, gradient_BH: Tensor) -> tuple[Tensor, None]:
        """Return Xᵀ G, shape (C, H)."""
        return gather_and_sum(ctx.batch.transposed(ctx.n_columns), gradient_BH), None


class RowsAt(torch.autograd.Function):
    """Some rows of dense weights, none of them twice.

    The gradient of an index would add up what is there twice, which takes several times as long.
    """

    @staticmethod
    def forward(ctx: Any, weight_RH: Tensor, rows_B: Tensor) -> Tensor:
        """Return the rows, shape (B, H)."""
        ctx.rows, ctx.n_rows = rows_B, len(weight_RH)
        return weight_RH[rows_B]

    @staticmethod
    def backward(ctx: Any, gradient_BH: Tensor) -> tuple[Tensor, None]:
        """Return the gradient of all rows, shape (R, H)."""
        gradient_RH = gradient_BH.new_zeros(ctx.n_rows, gradient_BH.shape[1])
        gradient_RH[ctx.rows] = gradient_BH
        return gradient_RH, None


class SampledProduct(torch.autograd.Function):
    """Dot products of rows of two dense matrices, for each (row, column) of a batch.

    The gradients are explicit sparse products.
    """

    @staticmethod
    def forward(ctx: Any, left_BH: Tensor, right_CH: Tensor, batch: Batch) -> Tensor:
        """Return the dot products, shape (N,)."""
        ctx.batch = batch
        ctx.save_for_backward(left_BH, right_CH)
        start_B = F.pad(batch.count_B.cumsum(0), (1, 0))
        with warnings.catch_warnings(action="ignore"):  # torch warns that CSR is in beta
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
        """Return G · right and Gᵀ · left, where G holds the gradient at the batch's non-zeros."""
        left_BH, right_CH = ctx.saved_tensors
        gradient = ctx.batch._replace(value_N=gradient_N)
        right_gradient_CH = gather_and_sum(gradient.transposed(len(right_CH)), left_BH)
        return gather_and_sum(gradient, right_CH), right_gradient_CH, None


def gather_and_sum(batch: Batch, weight: Tensor) -> Tensor:
    """Return Σ `value · weight[column]` over the non-zeros of each row, shape (B, H)."""
    first_B = batch.first_B
    if first_B is None:
        first_B = batch.count_B.cumsum(0) - batch.count_B
    return F.embedding_bag(
        batch.column_N,
        weight.contiguous(),
        first_B,
        mode="sum",
        per_sample_weights=batch.value_N.contiguous(),
    )


def sum_of_rows(matrix: csr_array, value_N: NDArray[np.float32], weight_CH: Tensor) -> Tensor:
    """Return Σ `value · weight[column]` over the stored cells of each row, shape (R, H).

    It is `gather_and_sum` without a batch: for one served user, each tensor less is time.
    """
    arrays = (matrix.indices.astype(np.int64), matrix.indptr[:-1].astype(np.int64), value_N)
    column_N, first_R, value = (torch.from_numpy(array).to(weight_CH.device) for array in arrays)
    return F.embedding_bag(column_N, weight_CH, first_R, mode="sum", per_sample_weights=value)


def count_sorted(index_N: Tensor, n: int) -> Tensor:
    """Return how often each index from 0 to n − 1 occurs in a sorted tensor, shape (n,).

    `bincount` would wait for a GPU, to ask for the largest index.
    """
    bounds = torch.arange(n + 1, device=index_N.device)
    return torch.searchsorted(index_N, bounds).diff()


class Rows:
    """A sparse matrix on a device that returns batches of its rows."""

    def __init__(self, matrix: csr_array, device: torch.device) -> None:
        """Take a matrix, shape (R, C)."""
        self.matrix, self.device = matrix, device
        self.count_R = self._on_device(np.diff(matrix.indptr))

    @cached_property
    def start_R(self) -> Tensor:
        """Where the non-zeros of each row begin."""
        return self._on_device(self.matrix.indptr[:-1])

    @cached_property
    def column(self) -> Tensor:
        """The column of each non-zero, copied to the device when it is first read."""
        return self._on_device(self.matrix.indices)

    @cached_property
    def value(self) -> Tensor:
        """The value of each non-zero."""
        return self._on_device(self.matrix.data, np.float32)

    def index(self) -> Tensor:
        """Return the index that each of these rows has in the network."""
        return torch.arange(self.matrix.shape[0], device=self.device)

    def batch(self, rows_B: Tensor) -> Batch:
        """Return the rows at these indices, in this order."""
        return self.copied(rows_B) if self.device.type == "cpu" else self.gathered(rows_B)

    def batches(self, places: Sequence[Tensor]) -> Iterator[Batch]:
        """Yield the rows at each of these tensors of indices.

        A GPU is asked for the sizes of all batches at once, so that no step waits for it.
        """
        if self.device.type == "cpu":
            yield from map(self.copied, places)
            return
        sizes = torch.stack([self.count_R[rows_B].sum() for rows_B in places]).cpu().tolist()
        yield from map(self.gathered, places, sizes)

    def copied(self, rows_B: Tensor) -> Batch:
        """Return these rows. SciPy copies whole rows: a tenth of the time of gathering."""
        return Rows(self.matrix[rows_B.numpy()], self.device).all()._replace(rows_B=rows_B)

    def gathered(self, rows_B: Tensor, size: int | None = None) -> Batch:
        """Return these rows, on any device. With their number of non-zeros it never waits."""
        count_B = self.count_R[rows_B]
        row_B = torch.arange(len(rows_B), device=self.device)
        row_N = torch.repeat_interleave(row_B, count_B, output_size=size)
        first_B = self.start_R[rows_B] - (count_B.cumsum(0) - count_B)
        index_N = torch.arange(len(row_N), device=self.device) + first_B[row_N]
        return Batch(rows_B, count_B, row_N, self.column[index_N], self.value[index_N])

    def all(self) -> Batch:
        """Return all rows, in order."""
        rows_R = self._on_device(np.arange(self.matrix.shape[0]))
        row_N = self._on_device(user_of_cells(self.matrix))
        return Batch(rows_R, self.count_R, row_N, self.column, self.value, self.start_R)

    def observed(self) -> Tensor:
        """Return the indices of the rows that are not empty."""
        return torch.nonzero(self.count_R).squeeze(1)

    def _on_device(self, values: NDArray[Any], dtype: DTypeLike = np.int64) -> Tensor:
        # NumPy converts the few values of one served user in a tenth of the time of torch
        return torch.as_tensor(values.astype(dtype, copy=False), device=self.device)


def thin_out(batch: Batch, probability: float, generator: torch.Generator) -> Batch:
    """Return the batch after dropping each non-zero with this probability.

    The remaining values are scaled by 1 / (1 − probability). On a CPU, dropped entries are removed
    from the structure, so later products are cheaper. On a GPU they are zeros, as their number
    would have to be waited for.
    """
    if probability == 0:
        return batch
    if batch.value_N.device.type != "cpu":
        return batch._replace(value_N=drop(batch.value_N, probability, generator, batch.own_N))
    kept = batch.only(_keep_mask(batch.value_N, probability, generator, batch.own_N))
    return kept._replace(value_N=kept.value_N / (1 - probability))


def drop(
    values: Tensor, probability: float, generator: torch.Generator, own: Tensor | None = None
) -> Tensor:
    """Set each value to 0 with this probability; scale the others by 1 / (1 − probability).

    `own`: see `noise_like`.
    """
    if probability == 0:
        return values
    return values * _keep_mask(values, probability, generator, own) / (1 - probability)


def noise_like(
    values: Tensor, draw: Callable[..., Tensor], generator: torch.Generator, own: Tensor | None
) -> Tensor:
    """Return random numbers of `draw`, such as `torch.rand`, in the shape of the values.

    `own` marks which rows of a batch that several ranks share the values are of; None: all. Every
    rank draws the numbers of the whole batch, so that a row has the same ones on any rank.
    """
    n_rows = len(values) if own is None else len(own)
    shape = (n_rows, *values.shape[1:])
    drawn = draw(shape, generator=generator, device=values.device)
    return drawn if own is None else drawn[own]


def _keep_mask(
    values: Tensor, probability: float, generator: torch.Generator, own: Tensor | None
) -> Tensor:
    return noise_like(values, torch.rand, generator, own) >= probability
