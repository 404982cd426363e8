"""Weight averaging: the mean of the weights that the last epochs end with."""

import copy

import torch

from collaborative_autoencoders.models.network import Network


class WeightAverage:
    """The running mean of a network's weights from some epoch on (Izmailov et al., UAI 2018)."""

    def __init__(self, first_epoch: float) -> None:
        """Epochs after `first_epoch` count; infinity: none does."""
        self.first_epoch = first_epoch
        self.averaged = 0
        self.network: Network | None = None

    @torch.no_grad()
    def after(self, epoch: int, network: Network) -> Network:
        """The network to judge after this epoch: the average, or itself until there is one."""
        if epoch <= self.first_epoch:
            return network
        self.averaged += 1
        if self.network is None:
            self.network = copy.deepcopy(network)
        for mean, value in zip(self.network.parameters(), network.parameters(), strict=True):
            mean.lerp_(value, 1 / self.averaged)
        return self.network
