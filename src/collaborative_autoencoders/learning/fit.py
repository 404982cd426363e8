"""The loop: how any network learns."""

import math
from collections.abc import Callable
from time import perf_counter
from typing import NamedTuple

import torch
from scipy.sparse import csr_array

from collaborative_autoencoders.models.batch import Rows
from collaborative_autoencoders.models.network import Network

from .averaging import WeightAverage
from .batches import shuffled_batches
from .optimizers import make_optimizer
from .options import FittingOptions
from .schedules import learning_rate_factor
from .stopping import BestEpoch


class Epoch(NamedTuple):
    """What is recorded of one pass over the rows."""

    epoch: int
    train_loss: float
    learning_rate: float
    """Of the last step."""
    epoch_seconds: float
    """Learning alone, without the validation."""
    validation: float | None


class Fit(NamedTuple):
    """How a fit went."""

    history: list[Epoch]
    best_epoch: int | None
    """The first with the best validation; None without a validation."""


Validate = Callable[[Network], float]
OnEpoch = Callable[[Epoch], None]


def fit(
    network: Network,
    train_UI: csr_array,
    options: FittingOptions,
    generator: torch.Generator,
    *,
    epochs: int,
    validate: Validate | None = None,
    on_epoch: OnEpoch = lambda epoch: None,
) -> Fit:
    """Fit the network on its device; with a validation it ends with the best epoch's weights.

    `epochs` is where to stop at the latest; the schedule goes by `options.epochs` all the same.
    Where weights are averaged, the average is what is validated and what it ends with.
    Raises ValueError where the loss or the validation is not finite.
    """
    network.start(train_UI, generator)
    rows = Rows(network.rows(train_UI), network.device)
    optimizer = make_optimizer(network, len(rows.observed()), options)
    best = BestEpoch(higher_is_better(options), options.patience)
    average = WeightAverage(options.horizon if options.average_last else math.inf)
    history: list[Epoch] = []
    for number in range(1, epochs + 1):
        started = perf_counter()
        loss, rate = one_epoch(network, rows, optimizer, options, generator, number)
        seconds = perf_counter() - started
        validation, judged = None, average.after(number, network)
        if validate is not None:
            judged.finish(train_UI)
            validation = finite(validate(judged), "the validation", number, rate)
            best.see(number, validation, judged)
        history.append(Epoch(number, loss, rate, seconds, validation))
        on_epoch(history[-1])
        if validate is not None and best.is_enough(number):
            break
    network.load_state_dict(best.weights or judged.state_dict())
    network.finish(train_UI)
    return Fit(history, best.epoch or None)


def higher_is_better(options: FittingOptions) -> bool:
    """Whether the best epoch is the one with the highest validation."""
    return options.validation_metric != "rmse"


def one_epoch(
    network: Network,
    rows: Rows,
    optimizer: torch.optim.Optimizer,
    options: FittingOptions,
    generator: torch.Generator,
    number: int,
) -> tuple[float, float]:
    """A step on every batch; the mean loss of a row and the last step's learning rate."""
    n_rows = len(rows.observed())
    n_steps = math.ceil(n_rows / options.batch_size)
    total, rate = torch.zeros((), device=rows.device), 0.0
    for step, batch in enumerate(shuffled_batches(rows, options.batch_size, generator)):
        rate = set_learning_rate(optimizer, options, number - 1 + (step + 0.5) / n_steps)
        loss = network.loss(batch, generator)
        optimizer.zero_grad()
        loss.backward()
        if options.clip_norm is not None:
            torch.nn.utils.clip_grad_norm_(network.parameters(), options.clip_norm)
        optimizer.step()
        total += loss.detach() * len(batch.rows_B)
    return finite(total.item() / n_rows, "the loss", number, rate), rate


def set_learning_rate(
    optimizer: torch.optim.Optimizer, options: FittingOptions, epochs_done: float
) -> float:
    """Bring the optimizer to the schedule's learning rate, which is returned."""
    rate = options.learning_rate * learning_rate_factor(
        epochs_done, options.horizon, options.warmup_fraction, options.schedule, options.final_rate
    )
    for group in optimizer.param_groups:
        group["lr"] = rate
    return rate


def finite(value: float, what: str, epoch: int, rate: float) -> float:
    """The value; raises ValueError, with epoch and learning rate, where it is not finite."""
    if math.isfinite(value):
        return value
    raise ValueError(
        f"{what} is {value} in epoch {epoch} at learning rate {rate:.3g}: the fit has diverged; "
        "lower fitting.learning_rate or set fitting.clip_norm"
    )
