"""The softmax over the items, whole or estimated from a sample of items.

Dimension key: N positions, I items, H hidden units, Z hidden units and a
constant 1, M distinct items of a sample.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

MOST_CELLS = 2**20
"""Largest number of outputs (positions × sampled items) that are in memory at a time: 4 MB."""


class Sample(NamedTuple):
    """The items whose outputs stand for those of all items. The positions of a step share it."""

    item_M: Tensor
    """The items, each once."""
    shift_M: Tensor
    """Log of how many items each of them stands for. It is added to the item's output."""


def every_item(n_items: int, device: torch.device) -> Sample:
    """Return the sample of all items, whose softmax is exact."""
    return Sample(torch.arange(n_items, device=device), torch.zeros(n_items, device=device))


def draw(share_I: Tensor, n_draws: int, generator: torch.Generator) -> Sample:
    """Return items drawn with replacement. `share_I` holds the chances; their sum is 1.

    An item that is drawn c times stands for c / (n_draws · share) items. The sum of e^(ŷ + shift)
    over the sample is then an unbiased estimate of the sum of e^ŷ over all items (the logQ
    correction; Bengio & Senécal 2008).
    """
    drawn = torch.multinomial(share_I, n_draws, replacement=True, generator=generator)
    item_M, times_M = drawn.unique(return_counts=True)
    return Sample(item_M, torch.log(times_M / (n_draws * share_I[item_M])))


def sampled_softmax(
    hidden_NH: Tensor,
    decoder_IH: Tensor,
    bias_I: Tensor,
    target_N: Tensor,
    sample: Sample,
) -> Tensor:
    """Return −Σ log softmax(ŷ)[target] over the positions, for ŷ = W' h + b', a scalar.

    The target's output is always exact. It is left out of the sample, so it does not count twice.
    """
    loss: Tensor = SampledSoftmax.apply(hidden_NH, decoder_IH, bias_I, target_N, sample)
    return loss


class SampledSoftmax(torch.autograd.Function):
    """The loss of `sampled_softmax` with an explicit gradient.

    Both are computed for some positions at a time, and the slope p − y overwrites the outputs: at
    most `MOST_CELLS` of them are in memory, and they stay in the cache of a CPU. With a constant
    unit 1 appended to h and the bias as the last column of D, the output is D h.
    """

    @staticmethod
    def forward(
        ctx: Any,
        hidden_NH: Tensor,
        decoder_IH: Tensor,
        bias_I: Tensor,
        target_N: Tensor,
        sample: Sample,
    ) -> Tensor:
        """Return the loss, and keep the gradients."""
        decoder_IZ = torch.cat([decoder_IH, bias_I[:, None]], 1)
        decoder_MZ = decoder_IZ[sample.item_M]
        decoder_MZ[:, -1] += sample.shift_M
        place_I = torch.full_like(bias_I, -1, dtype=torch.int64)
        place_I[sample.item_M] = torch.arange(len(decoder_MZ), device=bias_I.device)
        loss, hidden_grad_NH = bias_I.new_zeros(()), torch.empty_like(hidden_NH)
        grad_IZ, grad_MZ = torch.zeros_like(decoder_IZ), torch.zeros_like(decoder_MZ)
        for some in spans(len(target_N), max(1, MOST_CELLS // len(decoder_MZ))):
            hidden, target = F.pad(hidden_NH[some], (0, 1), value=1.0), target_N[some]
            own_decoder = decoder_IZ[target]
            own_output = torch.linalg.vecdot(hidden, own_decoder)
            part, slope, own_slope = slopes(hidden @ decoder_MZ.T, own_output, place_I[target])
            loss += part
            own_decoder.mul_(own_slope[:, None]).addmm_(slope, decoder_MZ)
            hidden_grad_NH[some] = own_decoder[:, :-1]
            grad_MZ.addmm_(slope.T, hidden)
            grad_IZ.index_add_(0, target, hidden.mul_(own_slope[:, None]))
        grad_IZ[sample.item_M] += grad_MZ
        ctx.save_for_backward(hidden_grad_NH, grad_IZ[:, :-1], grad_IZ[:, -1])
        return loss

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        """Return the gradients of hidden, decoder and bias."""
        return *(gradient * grad for grad in ctx.saved_tensors), None, None


def slopes(output_NM: Tensor, own_N: Tensor, place_N: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the sum of the losses and its slope by each output and by the target's own output.

    `place_N` is the target's place in the sample, or −1. The slope overwrites the outputs.
    """
    row_N, column_N = torch.arange(len(place_N), device=place_N.device), place_N.clamp(min=0)
    # all rows are written, since a GPU would be waited for to know which
    output_NM[row_N, column_N] = torch.where(place_N < 0, output_NM[row_N, column_N], -torch.inf)
    highest_N = torch.maximum(output_NM.amax(1), own_N)
    own_share_N = (own_N - highest_N).exp()
    total_N = output_NM.sub_(highest_N[:, None]).exp_().sum(1) + own_share_N
    loss = (highest_N + total_N.log() - own_N).sum()
    return loss, output_NM.div_(total_N[:, None]), own_share_N / total_N - 1


def spans(length: int, size: int) -> Iterator[slice]:
    """Yield neighbouring slices of at most this size, which cover a length."""
    for first in range(0, length, size):
        yield slice(first, first + size)
