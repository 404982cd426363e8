"""Losses of a batch of likes, each the sum over a user's items, averaged over the users.

Dimension key: B users of the batch, I items, N likes, M sampled items nobody has liked.
"""

from collections.abc import Callable

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
