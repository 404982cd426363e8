"""The ranks of a fit: processes that share every batch, each with rows of its own.

A fit is of one rank, `ALONE`. `learning.group` has the others.
"""

from collections.abc import Iterator

from torch import Tensor
from torch.optim import Optimizer

from collaborative_autoencoders.memory import kept_memory
from collaborative_autoencoders.models.batch import Batch, Rows
from collaborative_autoencoders.models.network import Network, Penalised


class Ranks:
    """The only rank of a fit. What several ranks would exchange stays as it is."""

    rank = 0
    size = 1
    memory = staticmethod(kept_memory)
    """How memory is allocated in the epochs."""

    def stepped(self, penalties: Iterator[Penalised]) -> Iterator[Penalised]:
        """Yield the parameters that the optimizer of this rank steps, with their penalties."""
        return penalties

    def step(self, loss: Tensor, batch: Batch, optimizer: Optimizer) -> None:
        """Take a step on the mean loss of a whole batch, given that of its own rows."""
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()  # after the step: a validation has the memory of the gradients

    def sum(self, *values: float) -> list[float]:
        """Return the sum of each number over the ranks, the same on every rank."""
        return [*values]

    def finish(self, network: Network, rows: Rows) -> None:
        """Call `finish`, and let the ranks agree on what depends on the rows of all."""
        network.finish(rows)


ALONE = Ranks()
