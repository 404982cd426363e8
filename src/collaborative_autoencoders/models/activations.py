"""Activation functions that options can select."""

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor

Activation = Literal["identity", "sigmoid", "tanh", "relu"]

ACTIVATIONS: dict[Activation, Callable[[Tensor], Tensor]] = {
    "identity": lambda x: x,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "relu": torch.relu,
}
