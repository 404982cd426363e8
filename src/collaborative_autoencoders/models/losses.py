"""Losses of a batch of likes: summed over the items of a user, averaged over the users.

Dimension key: B users of the batch, I items, J some of them, N likes, H hidden units, Z = H + 1.
"""

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from .batch import Batch

ITEMS_AT_ONCE = 1024
"""Number of items whose gradients are summed in the processor's cache, before they are copied."""

Pointwise = Callable[[Tensor, float], Tensor]


def square(output: Tensor, target: float) -> Tensor:
    """Return ½ (y − ŷ)² per element (Wu et al. 2016, table 1)."""
    return 0.5 * (output - target) ** 2


def logistic(logit: Tensor, target: float) -> Tensor:
    """Return −y log σ(ŷ) − (1 − y) log(1 − σ(ŷ)) per element, given the logit ŷ.

    Source: Wu et al. 2016, table 1.
    """
    return F.softplus(logit) - target * logit


def over_all_items(
    loss: Pointwise,
    output_BI: Tensor,
    batch: Batch,
    positive_weight: float,
    user_weight_B: Tensor | None = None,
    item_weight_I: Tensor | None = None,
) -> Tensor:
    """Return the weighted loss over all items, with target 1 for likes and 0 for other items.

    Likes have the weight `positive_weight`, other items `item_weight_I` (default 1), and the sum
    over the items of a user has the weight `user_weight_B` (default 1). The loss is computed with
    target 0 everywhere and then corrected at the likes, so no dense target is needed.
    """
    liked_N = output_BI[batch.row_N, batch.column_N]
    negative_BI, negative_N = loss(output_BI, 0.0), loss(liked_N, 0.0)
    if item_weight_I is not None:
        negative_BI, negative_N = (
            negative_BI * item_weight_I,
            negative_N * item_weight_I[batch.column_N],
        )
    correction_N = positive_weight * loss(liked_N, 1.0) - negative_N
    loss_B = negative_BI.sum(dim=1).index_add(0, batch.row_N, correction_N)
    return (loss_B if user_weight_B is None else loss_B * user_weight_B).mean()


def square_of_linear(
    hidden_BH: Tensor,
    decoder_HI: Tensor,
    bias_I: Tensor,
    batch: Batch,
    positive_weight: float,
    user_weight_B: Tensor | None = None,
    item_weight_I: Tensor | None = None,
) -> Tensor:
    """Return `over_all_items(square, …)` of hidden · decoder + bias, by the cheaper algorithm."""
    n_rows, n_hidden = hidden_BH.shape
    by_gram = is_by_gram(n_rows, n_hidden, len(bias_I))
    algorithm = SquareByGram if by_gram else SquareOfLinear
    loss_B = algorithm.apply(hidden_BH, decoder_HI, bias_I, batch, positive_weight, item_weight_I)
    return (loss_B if user_weight_B is None else loss_B * user_weight_B).mean()


def is_by_gram(n_rows: int, n_hidden: int, n_items: int) -> bool:
    """Return whether `SquareByGram` is cheaper for a batch of so many rows.

    Computing all outputs costs three products of B · I · H per step. The Gram matrix costs two
    products of H² · I and two of H² · B. It needs additional gathers, so it is used only if its
    products cost at most two thirds.
    """
    return n_hidden * (n_items + n_rows) < n_rows * n_items


class SquareOfLinear(torch.autograd.Function):
    """½ Σ c (y − ŷ)² of each user for ŷ = h W' + b', with an explicit gradient.

    c is `positive_weight` at a like and the item's weight elsewhere. Allocating memory is the main
    cost beside the products, so ŷ is the only array of shape (B, I): the slope c (ŷ − y) overwrites
    it, and the gradient of each user's loss multiplies smaller arrays.
    """

    @staticmethod
    def forward(
        ctx: Any,
        hidden_BH: Tensor,
        decoder_HI: Tensor,
        bias_I: Tensor,
        batch: Batch,
        positive_weight: float,
        item_weight_I: Tensor | None,
    ) -> Tensor:
        """Return the loss of each user, shape (B,)."""
        slope_BI = torch.addmm(bias_I, hidden_BH, decoder_HI)
        cell_N = batch.cells(len(bias_I))
        missing_N = slope_BI.view(-1).index_select(0, cell_N) - 1  # ŷ − 1
        root_I = 1 if item_weight_I is None else item_weight_I.sqrt()
        weighted_N = slope_BI.mul_(root_I).view(-1).index_select(0, cell_N)
        loss_B = torch.linalg.vector_norm(slope_BI, dim=1).square()
        correction_N = positive_weight * missing_N.square() - weighted_N.square()
        slope_BI.mul_(root_I).view(-1).scatter_(0, cell_N, positive_weight * missing_N)
        ctx.save_for_backward(hidden_BH, decoder_HI, slope_BI)
        return 0.5 * loss_B.index_add_(0, batch.row_N, correction_N)

    @staticmethod
    def backward(ctx: Any, gradient_B: Tensor) -> tuple[Tensor | None, ...]:
        """Return the gradients of hidden, decoder and bias."""
        hidden_BH, decoder_HI, slope_BI = ctx.saved_tensors
        factor_B1 = gradient_B[:, None]
        hidden_grad_BH = (slope_BI @ decoder_HI.T) * factor_B1
        decoder_grad_HI = (hidden_BH * factor_B1).T @ slope_BI
        return hidden_grad_BH, decoder_grad_HI, gradient_B @ slope_BI, None, None, None


class SquareByGram(torch.autograd.Function):
    """The same loss as `SquareOfLinear`, without computing outputs of items that are not liked.

    Let z be h with a constant unit 1 appended and D be W' with the bias as its last row, so that
    ŷ = z D. With target 0 everywhere, Σ c ŷ² is z G zᵀ with the Gram matrix G = D diag(c) Dᵀ, and
    its gradients are 2 z G and 2 zᵀz D diag(c) (Hu et al. 2008). Sparse products correct the likes.
    """

    @staticmethod
    def forward(
        ctx: Any,
        hidden_BH: Tensor,
        decoder_HI: Tensor,
        bias_I: Tensor,
        batch: Batch,
        positive_weight: float,
        item_weight_I: Tensor | None,
    ) -> Tensor:
        """Return the loss of each user, shape (B,)."""
        hidden_BZ = F.pad(hidden_BH, (0, 1), value=1.0)
        decoder_IZ = decoder_HI.new_empty(len(bias_I), len(decoder_HI) + 1)
        decoder_IZ[:, :-1], decoder_IZ[:, -1] = decoder_HI.T, bias_I
        weighted_IZ: Tensor = decoder_IZ
        weight_N: Tensor | float = 1.0
        if item_weight_I is not None:
            weighted_IZ = decoder_IZ * item_weight_I[:, None]
            weight_N = item_weight_I[batch.column_N]
        slope_BZ = hidden_BZ @ (weighted_IZ.T @ decoder_IZ)
        output_N = batch.products_at(hidden_BZ, decoder_IZ)
        correction_N = positive_weight * (output_N - 1).square() - weight_N * output_N.square()
        slope_correction_N = positive_weight * (output_N - 1) - weight_N * output_N
        ctx.correction = batch._replace(value_N=slope_correction_N)
        ctx.save_for_backward(hidden_BZ, decoder_IZ, weighted_IZ, slope_BZ)
        return 0.5 * (slope_BZ * hidden_BZ).sum(dim=1).index_add_(0, batch.row_N, correction_N)

    @staticmethod
    def backward(ctx: Any, gradient_B: Tensor) -> tuple[Tensor | None, ...]:
        """Return the gradients of hidden, decoder and bias."""
        hidden_BZ, decoder_IZ, weighted_IZ, slope_BZ = ctx.saved_tensors
        factored_BZ = hidden_BZ * gradient_B[:, None]
        hidden_grad_BZ = (slope_BZ + ctx.correction.times(decoder_IZ)) * gradient_B[:, None]
        by_item = ctx.correction.transposed(len(decoder_IZ))
        gram_ZZ = hidden_BZ.T @ factored_BZ
        decoder_grad_ZI = decoder_IZ.new_empty(decoder_IZ.shape[::-1])
        for items, of_items in by_item.pieces(ITEMS_AT_ONCE):
            gradient_JZ = weighted_IZ[items] @ gram_ZZ
            gradient_JZ += of_items.times(factored_BZ)
            decoder_grad_ZI[:, items] = gradient_JZ.T
        return (
            hidden_grad_BZ[:, :-1],
            decoder_grad_ZI[:-1],
            decoder_grad_ZI[-1],
            None,
            None,
            None,
        )


def multinomial(logit_BI: Tensor, batch: Batch, temperature: float) -> Tensor:
    """Return −Σ over the likes of log softmax(ŷ / temperature), averaged over the users.

    Source: Liang et al. 2018, equation 2.
    """
    log_share_BI = F.log_softmax(logit_BI / temperature, dim=1)
    return -log_share_BI[batch.row_N, batch.column_N].sum() / len(logit_BI)


def divergence_from_normal(mean_BH: Tensor, log_variance_BH: Tensor) -> Tensor:
    """Return KL(N(μ, σ²) ‖ N(0, 1)) = ½ Σ (μ² + σ² − 1 − log σ²), averaged over the users.

    Source: Kingma & Welling 2014, appendix B.
    """
    divergence_BH = mean_BH.square() + log_variance_BH.exp() - 1 - log_variance_BH
    return 0.5 * divergence_BH.sum(dim=1).mean()
