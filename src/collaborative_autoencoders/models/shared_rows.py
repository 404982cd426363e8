"""The rows of one rank of several that share every batch.

Dimension key: R rows of the whole matrix, B rows of a whole batch, N their non-zeros.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_array
from torch import Tensor

from .batch import Batch, Rows


class SharedRows(Rows):
    """Every n-th row of a matrix. Batches are drawn from all rows, and yield this rank's of them.

    rows 0 1 2 3 4 5, batch [4 1 2]   rank 0 of 2: rows 4, 2   rank 1 of 2: row 1
    """

    def __init__(
        self,
        matrix: csr_array,
        device: torch.device,
        count_R: NDArray[np.integer],
        rank: int,
        size: int,
        of_all: bool = False,
    ) -> None:
        """Take the rows `rank`, `rank + size`, … and the number of non-zeros of every row.

        `of_all`: the network of this rank has all rows; else it has those of this rank.
        """
        super().__init__(matrix, device)
        self.all_R = torch.as_tensor(count_R.astype(np.int64), device=device)
        self.rank, self.size, self.of_all = rank, size, of_all

    def observed(self) -> Tensor:
        """Return the indices of all rows that are not empty, of every rank."""
        return torch.nonzero(self.all_R).squeeze(1)

    def index(self) -> Tensor:
        """Return the index that each of these rows has in the network of this rank."""
        return self.in_network(super().index())

    def in_network(self, rows: Tensor) -> Tensor:
        """Return the indices that rows of this rank have in its network."""
        return self.rank + self.size * rows if self.of_all else rows

    def batches(self, places: Sequence[Tensor]) -> Iterator[Batch]:
        """Yield this rank's rows at each of these tensors of indices; a batch may be empty.

        The rows have the indices that they have in the network of this rank.
        """
        for rows_B in places:
            own_B = rows_B % self.size == self.rank
            own_N = own_B.repeat_interleave(self.all_R[rows_B])
            own = self.batch(rows_B[own_B] // self.size)
            yield own._replace(rows_B=self.in_network(own.rows_B), own_B=own_B, own_N=own_N)
