"""A group of ranks: what they exchange, by torch.distributed.

Every rank has all shared weights and the weights of its users. The gradients of the shared weights
are summed in every step, each rank's by its share of the batch, so a step is that of one process on
the whole batch. DistributedDataParallel is not used: it averages over ranks, which is wrong for
shares that differ in size, and waits for ever for a rank that has no row of a batch.

Imported by the processes of a group only.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import torch
import torch.distributed as dist
from safetensors import SafetensorError
from torch import Tensor, nn

from collaborative_autoencoders.models.batch import Batch, Rows
from collaborative_autoencoders.models.model import Model
from collaborative_autoencoders.models.network import Network

from .checkpoints import Phase, logger, written_beside
from .fit import FitState
from .ranks import Ranks
from .validation import Validate, Validation


class RankLost(RuntimeError):
    """An exchange has failed, because another rank has ended or cannot be reached."""


@contextmanager
def exchange() -> Iterator[None]:
    """Raise RankLost instead of the error of an exchange."""
    try:
        yield
    except RuntimeError as error:
        raise RankLost(str(error)) from error


class Group(Ranks):
    """The ranks of this process's group, which `torch.distributed` must have begun."""

    def __init__(self, shared: list[nn.Parameter], own: list[nn.Parameter]) -> None:
        """Take the weights of which every rank has the same, and those of this rank's users."""
        self.rank, self.size = dist.get_rank(), dist.get_world_size()
        self.shared, self.own = shared, own

    def backward(self, loss: Tensor, batch: Batch) -> None:
        """Compute the gradients of the mean loss of a whole batch, given that of its own rows."""
        assert batch.own_B is not None, "the batch is of one rank"
        if len(batch.rows_B):
            (loss * (len(batch.rows_B) / len(batch.own_B))).backward()
        for weights in (*self.shared, *self.own):
            if weights.grad is None:
                weights.grad = torch.zeros_like(weights)
        with exchange():
            sums = [dist.all_reduce(weights.grad, async_op=True) for weights in self.shared]
            for pending in sums:
                pending.wait()

    def each(self, value: float) -> list[float]:
        """Return the number of each rank, the same list on every rank."""
        device = self.shared[0].device
        values = torch.empty(self.size, 1, dtype=torch.float64, device=device)
        own = torch.tensor([value], dtype=torch.float64, device=device)
        with exchange():
            dist.all_gather(list(values), own)
        return [float(each) for each in values]

    def sum(self, *values: float) -> list[float]:
        """Return the sum of each number over the ranks, the same on every rank."""
        return [sum(self.each(value)) for value in values]

    def total(self, tensor: Tensor) -> Tensor:
        """Return the sum of a tensor over the ranks."""
        summed = tensor.clone()
        with exchange():
            dist.all_reduce(summed)
        return summed

    def finish(self, network: Network, rows: Rows) -> None:
        """Call `finish`, and let the ranks agree on what depends on the users of all."""
        network.finish(rows)
        network.agree(self.total)

    def validated(self, validation: Validation) -> Validate:
        """Return a function that validates a model on the users of all ranks."""

        def validate(model: Model) -> float:
            values = validation.values(model)
            is_value = ~torch.from_numpy(values).isnan().numpy()
            total, n_values = self.sum(float(values[is_value].sum()), int(is_value.sum()))
            return validation.metric_of(total / n_values)

        return validate


@dataclass(frozen=True)
class SharedPhase(Phase):
    """The checkpoints of a phase, one file of each rank, all after the same epoch."""

    ranks: Group

    def restore(self, state: FitState) -> None:
        """Set the state to that of the checkpoint, if every rank has one of the same epoch."""
        found = self.read(state.network.device)
        epochs = self.ranks.each(0 if found is None else len(found[0]["history"]))
        if found is not None and len({*epochs}) == 1:
            self.go_on(state, *found)
        elif any(epochs):
            logger.warning(
                "%s: starts anew; the ranks have checkpoints of the epochs %s", self.title, epochs
            )

    def keep(self, state: FitState, is_over: bool) -> None:
        """Write the state of each rank if it is time to on the first one.

        No file replaces an older one before all are written.
        """
        is_wanted, *_ = self.ranks.each(self.is_time(is_over))
        if not is_wanted:
            return
        written = None
        with ExitStack() as files:
            try:
                written = files.enter_context(written_beside(self.path, state))
            except (SafetensorError, OSError) as error:
                logger.warning("the fit goes on without a new checkpoint: %s", error)
            if all(self.ranks.each(written is not None)) and written is not None:
                written.replace(self.path)
        self.checkpoints.begin_again()
