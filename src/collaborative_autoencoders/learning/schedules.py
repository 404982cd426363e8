"""The learning rate over the epochs."""

import math
from typing import Literal


def learning_rate_factor(
    epochs_done: float,
    horizon: int,
    warmup_fraction: float,
    schedule: Literal["constant", "cosine"],
) -> float:
    """The share of the highest learning rate, in [0, 1], after this many (fractions of) epochs.

    It rises straight over `warmup_fraction` of the horizon; then it stays, or falls to 0 along
    ½ (1 + cos πt) (Loshchilov & Hutter 2017, without restarts).
    """
    warmup = warmup_fraction * horizon
    if epochs_done < warmup:
        return epochs_done / warmup
    if schedule == "constant":
        return 1.0
    return 0.5 * (1 + math.cos(math.pi * (epochs_done - warmup) / (horizon - warmup)))
