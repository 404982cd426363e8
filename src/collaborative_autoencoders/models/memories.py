"""Memories of a sequence: sums of its items, each with a weight that decays with every later item.

Dimension key: B sequences of a batch, N their items, G chunks of C items, H hidden units, D decays.
"""

from collections.abc import Sequence
from math import log
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from .batch import Batch
from .padded import offset_of

CHUNK = 32
"""Items of a chunk. The products within chunks grow with it, those between them shrink."""

NEGLIGIBLE = 1e-8
"""Weight, as a share of the latest item's, that no float32 sum shows."""


class Chunks(NamedTuple):
    """Sequences cut into chunks of C items. The last chunk of a sequence is padded."""

    column_GC: Tensor
    """The items; 0 in the padding."""
    value_GC: Tensor
    """The value of each item; 0 in the padding."""
    is_item_GC: Tensor
    """1 for an item, 0 in the padding."""
    number_G: Tensor
    """Number of each chunk in its sequence, from 0."""
    place_N: Tensor
    """Place of each item among the G · C places."""

    @classmethod
    def of(cls, batch: Batch) -> "Chunks":
        """Return the chunks of the sequences of a batch."""
        chunks_B = (batch.count_B + CHUNK - 1) // CHUNK
        first_B = chunks_B.cumsum(0) - chunks_B
        rows = torch.arange(len(chunks_B), device=first_B.device)
        row_G = torch.repeat_interleave(rows, chunks_B)
        number_G = torch.arange(len(row_G), device=first_B.device) - first_B[row_G]
        place_N = first_B[batch.row_N] * CHUNK + offset_of(batch)

        def filled(value_N: Tensor) -> Tensor:
            empty = value_N.new_zeros(len(row_G) * CHUNK)
            return empty.index_copy_(0, place_N, value_N).view(-1, CHUNK)

        ones_N = torch.ones_like(batch.value_N)
        filled_in = filled(batch.column_N), filled(batch.value_N), filled(ones_N)
        return cls(*filled_in, number_G, place_N)

    def memories(self, bias_H: Tensor, encoders: Sequence[tuple[float, Tensor]]) -> Tensor:
        """Return b + Σ_γ √(1 − γ) Σ_l γ^l W_γ[item] over the items before each item, shape (N, H).

        l counts from 0 at the item before, and `encoders` are γ and W_γ. Items have their value as
        a factor, save in the memory γ = 0. The sum within a chunk is a product with a triangular
        matrix, to which the sum up to the chunk is added: products instead of a loop over items.
        """
        sum_GCH, until_GDH = bias_H.expand(len(self.number_G), CHUNK, -1), []
        most = int(self.number_G.max()) if len(self.number_G) else 0
        for decay, encoder_IH in encoders:
            item_GCH = F.embedding(self.column_GC, encoder_IH)
            value_GC = (self.value_GC if decay else self.is_item_GC) * scale_of(decay)
            sum_GCH = torch.baddbmm(sum_GCH, within(decay, value_GC), item_GCH)
            until_GDH.append(self._until(decay, value_GC, item_GCH, most))
        age_C = torch.arange(CHUNK, device=bias_H.device)
        fading_CD = torch.stack([powers(decay, age_C) for decay, _ in encoders], 1)
        fading_GCD = fading_CD.expand(len(self.number_G), -1, -1)
        sum_GCH = torch.baddbmm(sum_GCH, fading_GCD, torch.stack(until_GDH, 1))
        return sum_GCH.flatten(0, 1).index_select(0, self.place_N)

    def _until(self, decay: float, value_GC: Tensor, item_GCH: Tensor, most: int) -> Tensor:
        """Return the memory before the first item of each chunk, shape (G, H).

        It is the sum over the chunks before it, at most `most`, as far back as they have a weight
        that counts.
        """
        left_C = torch.arange(CHUNK, device=value_GC.device).flip(0)
        at_end_GH = ((powers(decay, left_C) * value_GC)[:, None] @ item_GCH).squeeze(1)
        until_GH = torch.zeros_like(at_end_GH)
        for back in range(1, 1 + min(most, chunks_that_count(decay))):
            earlier_GH = F.pad(at_end_GH[:-back], (0, 0, back, 0))
            weight_G1 = decay ** (CHUNK * (back - 1)) * (self.number_G >= back)[:, None]
            until_GH = until_GH + weight_G1 * earlier_GH
        return until_GH


def chunks_that_count(decay: float) -> int:
    """Return after how many chunks the weight of an item is below the precision of a float32."""
    return 1 + int(log(NEGLIGIBLE) / (CHUNK * log(decay))) if decay else 1


def within(decay: float, value_GC: Tensor) -> Tensor:
    """Return the weight of each item of a chunk before each item of it, shape (G, C, C)."""
    age_C = torch.arange(CHUNK, device=value_GC.device)
    return powers(decay, age_C[:, None] - age_C - 1) * value_GC[:, None]


def powers(decay: float, exponent: Tensor) -> Tensor:
    """Return decay^exponent, and 0 where the exponent is below 0. 0^0 is 1."""
    base = torch.full((), float(decay), device=exponent.device)
    return torch.pow(base, exponent.clamp(min=0)) * (exponent >= 0)


def scale_of(decay: float) -> float:
    """Return √(1 − γ), which gives long and short memories about the same spread."""
    return float((1 - decay) ** 0.5)
