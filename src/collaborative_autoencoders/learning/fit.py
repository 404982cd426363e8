"""The training loop."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from inspect import unwrap
from itertools import count
from time import perf_counter
from typing import Any, NamedTuple, Protocol, cast

import torch
from scipy.sparse import csr_array
from torch import Tensor
from torch.optim.lr_scheduler import LambdaLR, LRScheduler
from torch.optim.swa_utils import AveragedModel, get_swa_multi_avg_fn

from collaborative_autoencoders.models.batch import Batch, Rows
from collaborative_autoencoders.models.network import Network, Penalised

from .best_epoch import BestEpoch
from .options import FittingOptions
from .ranks import ALONE, Ranks
from .validation import Validate


def without_compiler(kind: type[torch.optim.Optimizer]) -> Callable[..., torch.optim.Optimizer]:
    """Return an optimizer with the methods that torch has wrapped for its compiler.

    The wrappers import the compiler, which no fit here uses: 1.5 CPU seconds and 70 MB in each
    process that fits.
    """
    names = ("step", "zero_grad", "add_param_group", "state_dict", "load_state_dict")
    methods = {name: unwrap(getattr(kind, name)) for name in names}
    methods["step"] = torch.no_grad()(methods["step"])  # as the wrapper does
    return type(kind.__name__, (kind,), methods)


OPTIMIZERS: dict[str, Callable[..., torch.optim.Optimizer]] = {
    # fused: one pass over the weights instead of nine
    "adam": partial(without_compiler(torch.optim.Adam), fused=True),
    "sgd": without_compiler(torch.optim.SGD),
}


class Epoch(NamedTuple):
    """The record of one pass over the rows."""

    epoch: int
    train_loss: float
    learning_rate: float
    """Learning rate of the last step."""
    epoch_seconds: float
    """Seconds of fitting, without the validation."""
    validation: float | None


class Fit(NamedTuple):
    """The record of a fit."""

    history: list[Epoch]
    best_epoch: int | None
    """The first epoch with the best validation; None without a validation."""


OnEpoch = Callable[[Epoch], None]

OnStart = Callable[[Network], None]
"""Changes the weights of a started network before the first epoch."""


@dataclass
class FitState:
    """What the epochs of a fit change. With the data and the options, a fit goes on from it."""

    network: Network
    generator: torch.Generator
    optimizer: torch.optim.Optimizer
    scheduler: LRScheduler
    best: BestEpoch
    history: list[Epoch] = field(default_factory=list)
    average: AveragedModel | None = None
    """The mean of the weights of the last epochs (SWA, Izmailov et al., UAI 2018)."""
    ranks: Ranks = ALONE

    @classmethod
    def of(
        cls,
        network: Network,
        rows: Rows,
        options: FittingOptions,
        generator: torch.Generator,
        ranks: Ranks = ALONE,
    ) -> "FitState":
        """Return the state before the first epoch of a started network."""
        n_rows = len(rows.observed())
        if options.batch_size == "auto":
            n_batches = options.n_batches(n_rows, network.most_rows())
            network.chosen["batch_size"] = math.ceil(n_rows / n_batches)
        best = BestEpoch(options.higher_is_better, options.patience)
        optimizer, scheduler = make_optimizer(network, n_rows, options, ranks)
        return cls(network, generator, optimizer, scheduler, best, ranks=ranks)

    @property
    def candidate(self) -> Network:
        """The network to validate: itself or, once weights are averaged, a copy with their mean."""
        return cast(Network, self.average.module) if self.average else self.network

    def begin_average(self) -> AveragedModel:
        """Return the average of weights; if there is none yet, a new one."""
        average = self.average or AveragedModel(self.network, multi_avg_fn=get_swa_multi_avg_fn())
        self.average = average
        return average

    def is_over(self, epochs: int) -> bool:
        """Return whether so many epochs are done or, if they are validated, enough of them."""
        done, is_validated = len(self.history), self.best.epoch > 0
        return done >= epochs or (is_validated and self.best.is_enough(done))


class Keeper(Protocol):
    """Where a fit goes on from, and where it leaves its state."""

    def restore(self, state: FitState) -> None:
        """Set the state to that which was kept, if there is one."""

    def keep(self, state: FitState, is_over: bool) -> None:
        """Keep the state after an epoch, if it is time to; `is_over` after the last one."""


def fit(
    network: Network,
    train_UI: csr_array,
    options: FittingOptions,
    generator: torch.Generator,
    *,
    epochs: int,
    validate: Validate | None = None,
    on_start: OnStart = lambda network: None,
    on_epoch: OnEpoch = lambda epoch: None,
    keeper: Keeper | None = None,
) -> Fit:
    """Fit the network on its device and return the record of the fit.

    With a validation, the network gets the weights of the best epoch.
    `epochs` is the last epoch to run; the schedule depends on `options.epochs` alone.
    With a keeper, the fit goes on from the state that was kept, to the same bits.
    If weights are averaged, the average is validated and kept.
    Raises ValueError if the loss or the validation is not finite.
    """
    network.start(train_UI, generator)
    on_start(network)
    rows = Rows(network.rows(train_UI), network.device)
    state = FitState.of(network, rows, options, generator)
    return run(
        state, rows, options, epochs=epochs, validate=validate, on_epoch=on_epoch, keeper=keeper
    )


def run(
    state: FitState,
    rows: Rows,
    options: FittingOptions,
    *,
    epochs: int,
    validate: Validate | None,
    on_epoch: OnEpoch,
    keeper: Keeper | None,
) -> Fit:
    """Run the epochs of a fit from its state on, on every rank. The arguments are as in `fit`."""
    network, ranks = state.network, state.ranks
    if keeper is not None:
        keeper.restore(state)
    best, epochs_to_come = state.best, learn(state, rows, options)
    with ranks.memory():
        while not state.is_over(epochs):
            epoch, candidate = next(epochs_to_come)
            if validate is not None:
                ranks.finish(candidate, rows)
                validation = validate(candidate)
                check_finite(validation, "the validation", epoch)
                best.see(epoch.epoch, validation, candidate)
                epoch = epoch._replace(validation=validation)
            state.history.append(epoch)
            on_epoch(epoch)
            if keeper is not None:
                keeper.keep(state, state.is_over(epochs))
    network.load_state_dict(best.weights or state.candidate.state_dict())
    ranks.finish(network, rows)
    return Fit(state.history, best.epoch or None)


def learn(state: FitState, rows: Rows, options: FittingOptions) -> Iterator[tuple[Epoch, Network]]:
    """Yield the next epochs of a fit without end, each with the network to validate."""
    for number in count(len(state.history) + 1):
        started = perf_counter()
        loss, rate = one_epoch(state, rows, options)
        epoch = Epoch(number, loss, rate, perf_counter() - started, validation=None)
        check_finite(loss, "the loss", epoch)
        if options.average_last and number > options.horizon:
            state.begin_average().update_parameters(state.network)
        yield epoch, state.candidate


def one_epoch(state: FitState, rows: Rows, options: FittingOptions) -> tuple[float, float]:
    """Take a step on every batch and return the mean loss of a row and the last learning rate."""
    network, scheduler = state.network, state.scheduler
    total = torch.zeros((), device=rows.device)
    n_batches = options.n_batches(len(rows.observed()), network.most_rows())
    for batch in shuffled_batches(rows, n_batches, state.generator):
        network.done = (scheduler.last_epoch + 0.5) / (n_batches * options.epochs)
        loss = network.loss(batch, state.generator)
        state.ranks.step(loss, batch, state.optimizer)
        (rate, *_) = scheduler.get_last_lr()
        scheduler.step()
        if len(batch.rows_B):  # a rank may have no row of a batch, whose mean is no number
            total += loss.detach() * len(batch.rows_B)
    (of_all,) = state.ranks.sum(total.item())
    return of_all / len(rows.observed()), float(rate)


def shuffled_batches(rows: Rows, n_batches: int, generator: torch.Generator) -> Iterator[Batch]:
    """Yield every row that is not empty once, in a new order, in so many equal batches.

    A short last batch would move the weights as far as a full one, at the noise of a few rows. The
    order is drawn and the batches are made on the device of the rows.
    """
    observed = rows.observed()
    order = torch.randperm(len(observed), generator=generator, device=rows.device)
    yield from rows.batches(observed[order].tensor_split(n_batches))


def make_optimizer(
    network: Network, n_rows: int, options: FittingOptions, ranks: Ranks = ALONE
) -> tuple[torch.optim.Optimizer, LRScheduler]:
    """Return the named optimizer, each group of parameters with its penalty, and its schedule.

    The penalty is torch's `weight_decay`: it adds the gradient of strength/2 · ‖θ‖² to that of
    the loss. `weight_decay` is a number, so a strength with a factor is added by a hook, before the
    step, when the gradient is that of all ranks. A rank of several steps its share of the weights.
    """
    groups, with_factor = [], []
    for group in ranks.stepped(network.penalties(n_rows)):
        has_factor = group.factor is not None
        groups.append(
            {"params": group.parameters, "weight_decay": 0.0 if has_factor else group.strength}
        )
        if has_factor:
            with_factor.append(group)
    optimizer = OPTIMIZERS[options.optimizer](groups, lr=options.learning_rate)
    for group in with_factor:
        optimizer.register_step_pre_hook(penalty_of(group))
    n_steps = options.n_batches(n_rows, network.most_rows())
    return optimizer, make_scheduler(optimizer, n_steps, options)


def penalty_of(group: Penalised) -> Callable[..., None]:
    """Return a hook that adds the gradient of a penalty with a factor to that of the loss."""
    strength = group.strength * cast(Tensor, group.factor)

    def add(*_: Any) -> None:
        for weights in group.parameters:
            if weights.grad is not None:  # a rank of several steps one weight after the other
                weights.grad.addcmul_(strength, weights.detach())

    return add


def make_scheduler(
    optimizer: torch.optim.Optimizer, n_steps: int, options: FittingOptions
) -> LRScheduler:
    """Return the schedule of the learning rate for so many steps in each epoch.

    Each step has the rate of its middle.
    """

    def factor(step: int) -> float:
        epochs_done, step_of_epoch = divmod(step, n_steps)
        return learning_rate_factor(epochs_done + (step_of_epoch + 0.5) / n_steps, options)

    return LambdaLR(optimizer, factor)


def learning_rate_factor(epochs_done: float, options: FittingOptions) -> float:
    """Return the learning rate after these (fractions of) epochs, as a share of the highest.

    It rises linearly over `warmup_fraction` of the horizon. Then it stays constant or follows
    ½ (1 + cos πt) down to `final_rate` (Loshchilov & Hutter 2017, without restarts).
    """
    warmup = options.warmup_fraction * options.horizon
    if epochs_done < warmup:
        return epochs_done / warmup
    if options.schedule == "constant":
        return 1.0
    done = min(1.0, (epochs_done - warmup) / (options.horizon - warmup))
    return options.final_rate + (1 - options.final_rate) * 0.5 * (1 + math.cos(math.pi * done))


def check_finite(value: float, what: str, epoch: Epoch) -> None:
    """Raise ValueError, with epoch and learning rate, if the value is not finite."""
    if not math.isfinite(value):
        raise ValueError(
            f"{what} is {value} in epoch {epoch.epoch} at learning rate {epoch.learning_rate:.3g}: "
            "the fit has diverged; lower fitting.learning_rate"
        )
