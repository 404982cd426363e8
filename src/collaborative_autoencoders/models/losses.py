"""Losses of a batch of likes, each the sum over a user's items, averaged over the users.

Dimension key: B users of the batch, I items, N likes, M sampled items nobody has liked.
"""

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from .batch import Batch

Pointwise = Callable[[Tensor, float], Tensor]


def square(output: Tensor, target: float) -> Tensor:
    """½ (y − ŷ)² per element (Wu et al. 2016, table 1)."""
    return 0.5 * (output - target) ** 2


def logistic(logit: Tensor, target: float) -> Tensor:
    """−y log σ(ŷ) − (1 − y) log(1 − σ(ŷ)) per element, from the logit (Wu et al. 2016, table 1)."""
    return F.softplus(logit) - target * logit


def over_all_items(
    loss: Pointwise,
    output_BI: Tensor,
    batch: Batch,
    positive_weight: float,
    user_weight_B: Tensor | None = None,
    item_weight_I: Tensor | None = None,
) -> Tensor:
    """Likes count `positive_weight` times towards 1, every other item once towards 0.

    An item that is not liked counts `item_weight_I` times instead of once, a user's whole loss
    `user_weight_B` times. Summed as if nothing were liked, then mended at the likes: no dense
    target is made.
    """
    liked_N = output_BI[batch.row_N, batch.column_N]
    nothing_BI, nothing_N = loss(output_BI, 0.0), loss(liked_N, 0.0)
    if item_weight_I is not None:
        nothing_BI, nothing_N = (
            nothing_BI * item_weight_I,
            nothing_N * item_weight_I[batch.column_N],
        )
    mended_N = positive_weight * loss(liked_N, 1.0) - nothing_N
    loss_B = nothing_BI.sum(dim=1).index_add(0, batch.row_N, mended_N)
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
    """`over_all_items(square, …)` of hidden · decoder + bias, by the way that costs less.

    Over all outputs a step costs three products of B · I · H; by the Gram matrix two of H² · I, and
    two of H² · B. It also gathers, so it is taken where its products cost two thirds at the most.
    """
    (n_rows, n_hidden), n_items = hidden_BH.shape, len(bias_I)
    by_gram = n_hidden * (n_items + n_rows) < n_rows * n_items
    way = SquareByGram if by_gram else SquareOfLinear
    loss_B = way.apply(hidden_BH, decoder_HI, bias_I, batch, positive_weight, item_weight_I)
    return (loss_B if user_weight_B is None else loss_B * user_weight_B).mean()


class SquareOfLinear(torch.autograd.Function):
    """Each user's ½ Σ c (y − ŷ)² for ŷ = h W' + b', with its gradient written by hand.

    c is `positive_weight` at a like and the item's weight elsewhere. The slope c (ŷ − y) is written
    over ŷ, the only array of shape (B, I), and a user's factor goes into what is small: next to the
    products, what costs time here is memory that is touched for the first time.
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
        """The losses, shape (B,): as if nothing were liked, then mended at the likes."""
        slope_BI = torch.addmm(bias_I, hidden_BH, decoder_HI)
        cell_N = batch.cells(len(bias_I))
        missing_N = slope_BI.view(-1).index_select(0, cell_N) - 1  # ŷ − 1
        root_I = 1 if item_weight_I is None else item_weight_I.sqrt()
        weighted_N = slope_BI.mul_(root_I).view(-1).index_select(0, cell_N)
        loss_B = torch.linalg.vector_norm(slope_BI, dim=1).square()
        mended_N = positive_weight * missing_N.square() - weighted_N.square()
        slope_BI.mul_(root_I).view(-1).scatter_(0, cell_N, positive_weight * missing_N)
        ctx.save_for_backward(hidden_BH, decoder_HI, slope_BI)
        return 0.5 * loss_B.index_add_(0, batch.row_N, mended_N)

    @staticmethod
    def backward(ctx: Any, gradient_B: Tensor) -> tuple[Tensor | None, ...]:
        """Of hidden, decoder and bias."""
        hidden_BH, decoder_HI, slope_BI = ctx.saved_tensors
        factor_B1 = gradient_B[:, None]
        of_hidden_BH = (slope_BI @ decoder_HI.T) * factor_B1
        of_decoder_HI = (hidden_BH * factor_B1).T @ slope_BI
        return of_hidden_BH, of_decoder_HI, gradient_B @ slope_BI, None, None, None


class SquareByGram(torch.autograd.Function):
    """As `SquareOfLinear`, without ever working out what is not liked.

    With a last hidden unit of 1 and the bias as its row of D, ŷ = z D. As if nothing were liked,
    Σ c ŷ² is z G zᵀ with the Gram matrix G = D diag(c) Dᵀ, and its gradients are 2 z G and
    2 zᵀz D diag(c) (the trick of Hu et al. 2008). The likes are mended by sparse products.
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
        """The losses, shape (B,)."""
        hidden_BZ = F.pad(hidden_BH, (0, 1), value=1.0)
        decoder_IZ = torch.cat([decoder_HI, bias_I[None]]).T.contiguous()
        weight_I = torch.ones_like(bias_I) if item_weight_I is None else item_weight_I
        weighted_IZ = decoder_IZ * weight_I[:, None]
        slope_BZ = hidden_BZ @ (weighted_IZ.T @ decoder_IZ)
        output_N = batch.products_at(hidden_BZ, decoder_IZ)
        weight_N = weight_I[batch.column_N]
        mended_N = positive_weight * (output_N - 1).square() - weight_N * output_N.square()
        mend_N = positive_weight * (output_N - 1) - weight_N * output_N
        ctx.mend = batch._replace(value_N=mend_N)
        ctx.save_for_backward(hidden_BZ, decoder_IZ, weighted_IZ, slope_BZ)
        return 0.5 * (slope_BZ * hidden_BZ).sum(dim=1).index_add_(0, batch.row_N, mended_N)

    @staticmethod
    def backward(ctx: Any, gradient_B: Tensor) -> tuple[Tensor | None, ...]:
        """Of hidden, decoder and bias."""
        hidden_BZ, decoder_IZ, weighted_IZ, slope_BZ = ctx.saved_tensors
        factored_BZ = hidden_BZ * gradient_B[:, None]
        of_hidden_BZ = (slope_BZ + ctx.mend.times(decoder_IZ)) * gradient_B[:, None]
        by_item = ctx.mend.transposed(len(decoder_IZ))
        of_decoder_IZ = weighted_IZ @ (hidden_BZ.T @ factored_BZ) + by_item.times(factored_BZ)
        of_decoder_ZI = of_decoder_IZ.T
        return of_hidden_BZ[:, :-1], of_decoder_ZI[:-1], of_decoder_ZI[-1], None, None, None


def over_sampled_items(
    loss: Pointwise,
    output_BI: Tensor,
    batch: Batch,
    positive_weight: float,
    negatives: int,
    generator: torch.Generator,
) -> Tensor:
    """Likes towards 1 and, for each like, `negatives` items drawn uniformly towards 0.

    A draw that hits one of the user's likes is void (Wu et al. 2016, section 3.3, draw from the
    unobserved only: the same but for the few void draws).
    """
    liked_N = output_BI[batch.row_N, batch.column_N]
    row_M = batch.row_N.repeat_interleave(negatives)
    column_M = torch.randint(
        output_BI.shape[1], row_M.shape, generator=generator, device=row_M.device
    )
    is_like_BI = torch.zeros(output_BI.shape, dtype=torch.bool, device=row_M.device)
    is_like_BI[batch.row_N, batch.column_N] = True
    drawn_M = loss(output_BI[row_M, column_M], 0.0) * ~is_like_BI[row_M, column_M]
    return (positive_weight * loss(liked_N, 1.0).sum() + drawn_M.sum()) / len(output_BI)


def multinomial(logit_BI: Tensor, batch: Batch, temperature: float) -> Tensor:
    """−Σ over the likes of log softmax(ŷ / temperature) (Liang et al. 2018, equation 2)."""
    log_share_BI = F.log_softmax(logit_BI / temperature, dim=1)
    return -log_share_BI[batch.row_N, batch.column_N].sum() / len(logit_BI)
