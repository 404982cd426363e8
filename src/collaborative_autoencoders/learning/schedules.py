"""The learning rate over the epochs."""

import math
from typing import Literal


def learning_rate_factor(
    epochs_done: float,
    horizon: float,
    warmup_fraction: float,
    schedule: Literal["constant", "cosine"],
    final: float = 0.0,
) -> float:
    """The share of the highest learning rate, in [0, 1], after this many (fractions of) epochs.

    It rises straight over `warmup_fraction` of the horizon; then it stays, or falls to the share
    `final` along ½ (1 + cos πt) (Loshchilov & Hutter 2017, without restarts), where it stays.
    """
    warmup = warmup_fraction * horizon
    if epochs_done < warmup:
        return epochs_done / warmup
    if schedule == "constant":
        return 1.0
    done = min(1.0, (epochs_done - warmup) / (horizon - warmup))
    return final + (1 - final) * 0.5 * (1 + math.cos(math.pi * done))
