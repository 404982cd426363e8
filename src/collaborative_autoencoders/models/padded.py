"""Sequences of items in dense form, for networks that read them in order.

A sequence is a row of a batch whose items are in their order.
Dimension key: B sequences of a batch or a piece, N their items, T items of the longest, H hidden
units.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from .batch import Batch

ROWS_OF_A_PIECE = 16
"""Sequences that are padded to one length. Few of them have little padding."""


def offset_of(batch: Batch) -> Tensor:
    """Return how many items of its sequence are before each item, shape (N,)."""
    first_B = batch.count_B.cumsum(0) - batch.count_B
    return torch.arange(len(batch.row_N), device=first_B.device) - first_B[batch.row_N]


def left_of(batch: Batch) -> Tensor:
    """Return how many items of its sequence are after each item, shape (N,)."""
    return batch.count_B[batch.row_N] - 1 - offset_of(batch)


def with_start(batch: Batch, start: int) -> Batch:
    """Return the sequences with the item `start` before all others."""
    count_B = batch.count_B + 1
    rows = torch.arange(len(count_B), device=count_B.device)
    size = len(batch.row_N) + len(count_B)  # known, so a GPU is not waited for
    row_N = torch.repeat_interleave(rows, count_B, output_size=size)
    place_N = torch.arange(len(batch.row_N), device=count_B.device) + batch.row_N + 1
    column_N = torch.full_like(row_N, start).index_copy_(0, place_N, batch.column_N)
    return Batch(
        batch.rows_B, count_B, row_N, column_N, torch.ones_like(row_N, dtype=torch.float32)
    )


def newest(batch: Batch, most: int) -> Batch:
    """Return the sequences without all but their newest items, at most so many of each."""
    return batch.only(left_of(batch) < most)


def take(batch: Batch, rows_B: Tensor, size: int | None = None) -> Batch:
    """Return these sequences of a batch, in this order; `size` is the number of their items."""
    count_B = batch.count_B[rows_B]
    row_B = torch.arange(len(rows_B), device=rows_B.device)
    row_N = torch.repeat_interleave(row_B, count_B, output_size=size)
    first_B = (batch.count_B.cumsum(0) - batch.count_B)[rows_B] - (count_B.cumsum(0) - count_B)
    index_N = torch.arange(len(row_N), device=rows_B.device) + first_B[row_N]
    return Batch(
        batch.rows_B[rows_B], count_B, row_N, batch.column_N[index_N], batch.value_N[index_N]
    )


def by_length(batch: Batch) -> tuple[Batch, Tensor]:
    """Return the sequences from short to long, and where each of them was, shape (B,)."""
    order_B = torch.argsort(batch.count_B, stable=True)
    return take(batch, order_B, len(batch.row_N)), order_B


class Piece(NamedTuple):
    """Neighbouring sequences of a batch, padded at their end to one length."""

    first: int
    """Number of the items before those of the piece."""
    place_N: Tensor
    """Place of each item of the piece among the B · T places."""
    shape: tuple[int, int]
    """B and T."""

    def padded(self, value_NH: Tensor) -> Tensor:
        """Return the values of the piece, of those of the batch, shape (B, T, H)."""
        n_rows, longest = self.shape
        own_NH = value_NH[self.first : self.first + len(self.place_N)]
        width = value_NH.shape[1]
        empty = value_NH.new_zeros(n_rows * longest, width)
        return empty.index_copy(0, self.place_N, own_NH).view(n_rows, longest, width)

    def flat(self, value_BTH: Tensor) -> Tensor:
        """Return the values without the padding, shape (N, H)."""
        return value_BTH.flatten(0, 1).index_select(0, self.place_N)


def pieces_of(batch: Batch) -> list[Piece]:
    """Return all sequences of a batch, some at a time. Best if they are sorted by length."""
    offset_N, lengths = offset_of(batch), batch.count_B.cpu().tolist()
    pieces, first = [], 0
    for row in range(0, len(lengths), ROWS_OF_A_PIECE):
        own = lengths[row : row + ROWS_OF_A_PIECE]
        n_rows, longest, end = len(own), max(own), first + sum(own)
        place_N = (batch.row_N[first:end] - row) * longest + offset_N[first:end]
        pieces.append(Piece(first, place_N, (n_rows, longest)))
        first = end
    return pieces
