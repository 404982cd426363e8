"""The ranks of a fit: processes that share every batch, each with the rows of its users.

A fit is of one rank, `ALONE`. `learning.group` has the others.
"""

from torch import Tensor

from collaborative_autoencoders.models.batch import Batch, Rows
from collaborative_autoencoders.models.network import Network


class Ranks:
    """The only rank of a fit. What several ranks would exchange stays as it is."""

    rank = 0
    size = 1

    def backward(self, loss: Tensor, batch: Batch) -> None:
        """Compute the gradients of the mean loss of a whole batch, given that of its own rows."""
        loss.backward()

    def sum(self, *values: float) -> list[float]:
        """Return the sum of each number over the ranks, the same on every rank."""
        return [*values]

    def finish(self, network: Network, rows: Rows) -> None:
        """Call `finish`, and let the ranks agree on what depends on the users of all."""
        network.finish(rows)


ALONE = Ranks()
