"""The optimizers that options may name."""

from collections.abc import Callable
from functools import partial

import torch

from collaborative_autoencoders.models.network import Network

from .options import FittingOptions

OPTIMIZERS: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "adam": partial(torch.optim.Adam, fused=True),  # one pass instead of nine
    "adamw": partial(torch.optim.AdamW, fused=True),
    "sgd": torch.optim.SGD,
    "adagrad": torch.optim.Adagrad,
}


def make_optimizer(network: Network, n_rows: int, options: FittingOptions) -> torch.optim.Optimizer:
    """The named optimizer over the network's parameters, each group with its penalty.

    The penalty is torch's `weight_decay`: its gradient is added to the loss's, which is
    strength/2 · ‖θ‖² in the loss; AdamW takes it off the weights apart from the gradient.
    """
    groups = [
        {"params": group.parameters, "weight_decay": group.strength}
        for group in network.penalties(n_rows)
    ]
    return OPTIMIZERS[options.optimizer](groups, lr=options.learning_rate)
