"""The best epoch of a fit, and its weights."""

import math
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from collaborative_autoencoders.models.network import Network


class BestEpoch:
    """The epoch with the best validation so far, and its weights."""

    def __init__(self, higher_is_better: bool, patience: int | None) -> None:
        """`patience`: epochs without improvement before stopping; None: no early stopping."""
        self.sign = 1 if higher_is_better else -1
        self.patience = patience
        self.epoch = 0
        self.score = -math.inf
        self._kept: dict[str, Tensor] = {}

    @property
    def weights(self) -> Mapping[str, Tensor]:
        """The weights of the epoch; empty before there is one."""
        return self._kept

    def see(self, epoch: int, validation: float, network: Network) -> None:
        """Keep this epoch if it is better than all earlier epochs. A tie keeps the earlier one."""
        if self.sign * validation > self.score:
            self.epoch, self.score = epoch, self.sign * validation
            self.keep(network.state_dict())

    def keep(self, weights: Mapping[str, Tensor]) -> None:
        """Copy these weights."""
        for name, value in weights.items():
            if name not in self._kept:
                self._kept[name] = torch.empty_like(value)
            self._kept[name].copy_(value)  # in place: one copy in memory, not two

    def is_enough(self, epoch: int) -> bool:
        """Return whether `patience` epochs have passed without improvement."""
        return self.patience is not None and epoch - self.epoch >= self.patience


class BestOnDisk(BestEpoch):
    """The best epoch, with its weights in a file: a copy less in memory."""

    def __init__(self, higher_is_better: bool, patience: int | None, path: Path) -> None:
        """Keep the weights in this file."""
        super().__init__(higher_is_better, patience)
        self.path = path

    @property
    def weights(self) -> Mapping[str, Tensor]:
        """The weights, which are the file itself: what is read of it is in memory."""
        return load_file(self.path) if self.path.exists() else {}

    def keep(self, weights: Mapping[str, Tensor]) -> None:
        """Write these weights."""
        save_file({name: value.cpu().contiguous() for name, value in weights.items()}, self.path)
