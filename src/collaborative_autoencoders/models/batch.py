"""Sparse rows on a device, and the batches made of them there.

Dimension key: R rows and C columns of the matrix, B rows of a batch, N non-zeros of a batch
in row order, H hidden units.
"""

from typing import NamedTuple

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

    def times(self, weight_CH: Tensor, value_N: Tensor) -> Tensor:
        """The product of these rows, their values replaced by `value_N`, with dense weights.

        Shape (B, H). A gather and a sum, so the cost is the non-zeros', not rows × columns.
        """
        offsets_B = self.count_B.cumsum(0) - self.count_B
        return F.embedding_bag(
            self.column_N, weight_CH, offsets_B, mode="sum", per_sample_weights=value_N
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


def drop(value_N: Tensor, probability: float, generator: torch.Generator) -> Tensor:
    """Each value set to 0 with this probability, the others scaled by 1 / (1 − probability)."""
    if probability == 0:
        return value_N
    keep_N = torch.rand(value_N.shape, generator=generator, device=value_N.device) >= probability
    return value_N * keep_N / (1 - probability)
