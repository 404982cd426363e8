"""A group of ranks: what they exchange, by torch.distributed.

Every rank has all shared weights and, where rows are users, the weights of its users. The gradients
of the shared weights are summed in every step, each rank's by its share of the batch, so a step is
that of one process on the whole batch. A rank steps a share of the shared weights and sends it to
the others, so that the moments of an optimizer are in memory once and not on every rank (stage 1 of
ZeRO, Rajbhandari et al., SC 2020). DistributedDataParallel is not used: it averages over ranks,
which is wrong for shares that differ in size, and waits for ever for a rank that has no row of a
batch.

Imported by the processes of a group only.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import cast

import torch
import torch.distributed as dist
from safetensors import SafetensorError
from torch import Tensor, nn
from torch.optim import Optimizer

from collaborative_autoencoders.memory import returned_memory
from collaborative_autoencoders.models.batch import Batch, Rows
from collaborative_autoencoders.models.model import Model
from collaborative_autoencoders.models.network import Network, Penalised

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

    memory = staticmethod(returned_memory)

    optimizer: Optimizer
    """That of the step that is taken."""

    def __init__(self, shared: list[nn.Parameter], own: list[nn.Parameter]) -> None:
        """Take the weights of which every rank has the same, and those of this rank's users."""
        self.rank, self.size = dist.get_rank(), dist.get_world_size()
        self.shared, self.own = shared, own
        # the same memory as the weights, so that a step of a part is one of the weights
        self.part_of = {weights: nn.Parameter(self.part(weights.detach())) for weights in shared}
        self.own_to_come: dict[nn.Parameter, bool] = {}
        self.shared_to_come: list[nn.Parameter] = []
        for weights in (*shared, *own):
            weights.register_post_accumulate_grad_hook(self._has_come)

    def part(self, tensor: Tensor) -> Tensor:
        """Return the rows of a tensor of which this rank has the step."""
        return tensor.tensor_split(self.size)[self.rank]

    def stepped(self, penalties: Iterator[Penalised]) -> Iterator[Penalised]:
        """Yield this rank's parts of the shared weights, and the weights of its users."""
        for group in penalties:
            for weights in group.parameters:
                factor = group.factor
                if weights in self.part_of and factor is not None and factor.ndim == weights.ndim:
                    factor = self.part(factor.expand_as(weights))
                yield Penalised([self.part_of.get(weights, weights)], group.strength, factor)

    def step(self, loss: Tensor, batch: Batch, optimizer: Optimizer) -> None:
        """Take a step on the mean loss of a whole batch, given that of its own rows.

        Weights are stepped as their gradients come, so that one gradient is in memory and not all.
        """
        assert batch.own_B is not None, "the batch is of one rank"
        self.optimizer = optimizer
        self.own_to_come, self.shared_to_come = dict.fromkeys(self.own, True), [*self.shared]
        if len(batch.rows_B):
            (loss * (len(batch.rows_B) / len(batch.own_B))).backward()
        # what no row of this rank has reached
        while waiting := [*self.own_to_come, *self.shared_to_come]:
            waiting[-1].grad = torch.zeros_like(waiting[-1])
            self._has_come(waiting[-1])

    def _has_come(self, weights: Tensor) -> None:
        """Step weights whose gradient has come: the shared ones in an order that all ranks have."""
        if self.own_to_come.pop(cast(nn.Parameter, weights), False):
            self._step()
        while self.shared_to_come and self.shared_to_come[-1].grad is not None:
            self._step_part(self.shared_to_come.pop())

    def _step_part(self, weights: nn.Parameter) -> None:
        """Sum a gradient over the ranks, step this rank's part, and take those of the others."""
        self.part_of[weights].grad = self._sum_of_part(cast(Tensor, weights.grad))
        weights.grad = None  # with the parts of the others
        self._step()
        with exchange():
            parts = enumerate(weights.data.tensor_split(self.size))
            sent = [dist.broadcast(part, n, async_op=True) for n, part in parts if len(part)]
            for pending in sent:
                pending.wait()

    def _sum_of_part(self, gradient: Tensor) -> Tensor:
        """Return the sum over the ranks of this rank's part of a gradient.

        Each rank sends each part to its rank. `reduce` of Gloo sends them twice.
        """
        sizes = [len(part) for part in gradient.tensor_split(self.size)]
        own = (self.size, sizes[self.rank], *gradient.shape[1:])
        received = gradient.new_empty(own)
        with exchange():
            dist.all_to_all_single(
                received.flatten(0, 1), gradient.contiguous(), [own[1]] * self.size, sizes
            )
        return received.sum(0)

    def _step(self) -> None:
        self.optimizer.step()
        self.optimizer.zero_grad()

    def each(self, value: float) -> list[float]:
        """Return the number of each rank, the same list on every rank."""
        device = self.shared[0].device
        values = torch.empty(self.size, 1, dtype=torch.float64, device=device)
        own = torch.full((1,), value, dtype=torch.float64, device=device)
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
        """Call `finish`, and let the ranks agree on what depends on the rows of all."""
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
