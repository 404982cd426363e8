"""Early stopping: the best epoch so far, its weights, and when to give up."""

from torch import Tensor

from collaborative_autoencoders.models.network import Network


class BestEpoch:
    """Remembers the weights of the epoch with the best validation."""

    def __init__(self, higher_is_better: bool, patience: int | None) -> None:
        """`patience` epochs without a better one are enough; None: never."""
        self.sign = 1 if higher_is_better else -1
        self.patience = patience
        self.epoch = 0
        self.score = -float("inf")
        self.weights: dict[str, Tensor] = {}

    def see(self, epoch: int, validation: float, network: Network) -> None:
        """Keep this epoch if it is better than all before it; of equals the first stays."""
        if self.sign * validation > self.score:
            self.epoch, self.score = epoch, self.sign * validation
            self.weights = {name: value.clone() for name, value in network.state_dict().items()}

    def is_enough(self, epoch: int) -> bool:
        """Whether `patience` epochs have gone by without a better one."""
        return self.patience is not None and epoch - self.epoch >= self.patience
