"""Fit every network on a GPU, and compare losses, metrics, lists and seconds with the CPU's.

    python benchmarks/gpu.py [--movielens data/01_raw] [--ratings 32000000] [--device cuda]
        [--models cdae autorec ...] [--epochs 3]

The tables are MovieLens 1M, where the folder has it (`kedro run --env ml-1m` downloads it), and a
table of benchmarks/large_table.py with so many ratings (0: none). Both have the options of
conf/base. **No card has run this yet**: its authors had none. With `--device cpu --ratings 200000`
all of it runs without one and compares the CPU with itself, so it shows that the script runs and
nothing about a card.

A card draws other random numbers than a CPU. So both fits begin with the weights that the CPU
draws, and the order, dropout and noise of each step are drawn on the CPU and copied: what is left
is the arithmetic, whose sums have another order. The seconds are of another fit, which draws on the
card as `kedro run` does. For each network:

- *loss*: largest difference of the mean loss of an epoch, relative to the CPU's. Target: 0.001.
- *metric*: difference of the validation metric (NDCG@10 or RMSE) after these epochs. Target: 0.002.
- *TF32*: the same difference with matrix products in TF32 (`torch.backends.cuda.matmul`), which the
  project does not use. It is for you to judge, and not a target. bf16 is not measured.
- *seconds*: median of the epochs but the first, which also warms up.
- *peak*: the most memory of the card that torch had allocated in a fit, in GB.
- *lists*: share of users whose 10 best unseen items are the same, scored on the card and on the CPU
  with the same weights. Target: 99 %; scores that are equal but for rounding may change places.
- *ranking*: seconds of these lists as the project makes them, which scores on the card, copies each
  batch of scores and takes the best on the CPU; and of `torch.topk` on the card, seen items left
  out, for the same scores. Models of ratings have no lists.

The exit status is 1 if a target is missed.
"""

from collaborative_autoencoders.threads import let_waiting_threads_sleep

let_waiting_threads_sleep()  # as in settings.py: before torch is imported

import argparse
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple
from unittest.mock import patch

import numpy as np
import torch
from numpy.typing import NDArray

from collaborative_autoencoders.evaluation.known import Known
from collaborative_autoencoders.evaluation.ranking import rank_items
from collaborative_autoencoders.interactions import Interactions
from collaborative_autoencoders.interactions.sparse import user_of_cells
from collaborative_autoencoders.learning.fit import FitState, learn
from collaborative_autoencoders.learning.options import RunningOptions, TrainingOptions
from collaborative_autoencoders.learning.running import running_on
from collaborative_autoencoders.learning.validation import validation_of
from collaborative_autoencoders.models import MODELS, model_class, networks
from collaborative_autoencoders.models.batch import Rows
from collaborative_autoencoders.models.bytes import model_from_bytes, model_to_bytes
from collaborative_autoencoders.models.model import Catalogue, Fitted
from collaborative_autoencoders.models.network import Network

ROOT = Path(__file__).parents[1]
MOST_LOSS, MOST_METRIC, LEAST_EQUAL = 1e-3, 2e-3, 0.99
K, USERS_AT_ONCE, MOST_USERS = 10, 512, 20_000
DRAWS = ("rand", "randn", "randperm", "multinomial")
"""The functions of torch that a step draws with."""


class Table(NamedTuple):
    """The parts that networks are fitted and validated on."""

    name: str
    train: Interactions
    validation: Interactions
    catalogue: Catalogue


class Done(NamedTuple):
    """A fit of some epochs."""

    network: Network
    losses: list[float]
    metric: float
    seconds: float
    """Median seconds of an epoch but the first."""
    peak_gb: float | None
    """Most memory of the card; None on a CPU."""


class Line(NamedTuple):
    """What is printed of a network."""

    model: str
    loss: float
    metric: float
    tf32: float
    cpu_seconds: float
    card_seconds: float
    peak_gb: float | None
    equal_lists: float | None
    product_seconds: float | None
    topk_seconds: float | None

    @property
    def holds(self) -> bool:
        """Whether it meets the targets."""
        equal = self.equal_lists is None or self.equal_lists >= LEAST_EQUAL
        return equal and self.loss <= MOST_LOSS and self.metric <= MOST_METRIC

    def text(self) -> str:
        """The line of the table."""
        lists = ["–"] * 3
        if self.equal_lists is not None:
            lists = [f"{self.equal_lists:.2%}"]
            lists += [f"{self.product_seconds:.2f}", f"{self.topk_seconds:.2f}"]
        peak = "–" if self.peak_gb is None else f"{self.peak_gb:.2f}"
        cells = [self.model, f"{self.loss:.1e}", f"{self.metric:.1e}", f"{self.tf32:.1e}"]
        cells += [f"{self.cpu_seconds:.2f}", f"{self.card_seconds:.2f}", peak, *lists]
        return f"| {' | '.join(cells)} | {'yes' if self.holds else '**no**'} |"


HEAD = (
    "| model | loss | metric | metric, TF32 | s/epoch, CPU | s/epoch, card | peak, GB "
    "| equal lists | ranking, s | topk on the card, s | holds |\n|---|" + "---:|" * 9 + "---|"
)


@contextmanager
def draws_of_the_cpu() -> Iterator[None]:
    """Draw every random number with a generator of the CPU, and copy it to the wanted device."""

    def on_cpu(draw: Callable[..., torch.Tensor]) -> Callable[..., torch.Tensor]:
        def drawn(first: Any, *arguments: Any, device: Any = None, **named: Any) -> torch.Tensor:
            if isinstance(first, torch.Tensor):
                first, device = first.cpu(), first.device
            return draw(first, *arguments, **named).to(device)

        return drawn

    with patch.multiple(torch, **{name: on_cpu(getattr(torch, name)) for name in DRAWS}):
        yield


@contextmanager
def tf32() -> Iterator[None]:
    """Let the card compute matrix products in TF32."""
    backend, before = torch.backends.cuda.matmul, torch.backends.cuda.matmul.fp32_precision
    backend.fp32_precision = "tf32"
    try:
        yield
    finally:
        backend.fp32_precision = before


def fit_on(
    device: torch.device,
    options: TrainingOptions,
    table: Table,
    epochs: int,
    own_draws: bool = False,
) -> Done:
    """Fit from the CPU's first weights, with a generator of the CPU or of the device."""
    assert options.fitting is not None and options.fitting.validation_metric is not None
    train, validation = table.train, table.validation
    network: Network = model_class(options.name)(options.model, table.catalogue)
    part_UI = train.view(network.learns_from)
    generator = torch.Generator().manual_seed(options.fitting.seed)
    network.start(part_UI, generator)
    network.to(device)
    if own_draws:
        generator = torch.Generator(device).manual_seed(options.fitting.seed)
    is_card = device.type == "cuda"
    if is_card:
        torch.cuda.reset_peak_memory_stats()
    rows = Rows(network.rows(part_UI), network.device)
    state = FitState.of(network, rows, options.fitting, generator)
    done = list(islice(learn(state, rows, options.fitting), epochs))
    history, candidate = [epoch for epoch, _ in done], done[-1][1]
    candidate.finish(rows)
    metric = validation_of(options.fitting.validation_metric, train=train, validation=validation)
    return Done(
        candidate,
        [epoch.train_loss for epoch in history],
        metric(candidate),
        median([epoch.epoch_seconds for epoch in history[1:] or history]),
        torch.cuda.max_memory_allocated() / 1e9 if is_card else None,
    )


def difference(one: Sequence[float], other: Sequence[float]) -> float:
    """Return the largest difference of two curves, relative to the first."""
    return max(abs(a - b) / abs(a) for a, b in zip(one, other, strict=True))


def compare(options: TrainingOptions, running: RunningOptions, table: Table, epochs: int) -> Line:
    """Return what a network does on the device of `running` and on the CPU."""
    given = (options, table, epochs)
    with running_on(running) as device:
        with draws_of_the_cpu():
            on_cpu, same = fit_on(torch.device("cpu"), *given), fit_on(device, *given)
            with tf32():
                in_tf32 = fit_on(device, *given)
        timed = fit_on(device, *given, own_draws=True)
        lists = (None, None, None)
        if MODELS[options.name].task == "ranking":
            lists = compare_lists(options.name, same.network, table)
    return Line(
        options.name,
        difference(on_cpu.losses, same.losses),
        abs(on_cpu.metric - same.metric),
        abs(on_cpu.metric - in_tf32.metric),
        on_cpu.seconds,
        timed.seconds,
        timed.peak_gb,
        *lists,
    )


def compare_lists(name: str, network: Network, table: Table) -> tuple[float, float, float]:
    """Return the share of equal lists of card and CPU, and the seconds of both ways to make them.

    Of the first 20,000 users, or of all if they are fewer.
    """
    train = table.train
    known = Known(train.view(network.learns_from), train.seen_by(network.learns_from).ratings)
    users = np.arange(min(MOST_USERS, known.histories_UI.shape[0]))
    at_home = model_from_bytes(model_to_bytes(Fitted(name, network))).model
    assert at_home is not None
    expected_UK, _ = rank_items(at_home, known, K, USERS_AT_ONCE, users)
    started = time.perf_counter()
    found_UK, _ = rank_items(network, known, K, USERS_AT_ONCE, users)
    product = time.perf_counter() - started
    seconds = [
        topk_seconds(network, known, users[first : first + USERS_AT_ONCE])
        for first in range(0, len(users), USERS_AT_ONCE)
    ]
    return float((expected_UK == found_UK).all(axis=1).mean()), product, sum(seconds)


def topk_seconds(network: Network, known: Known, users_B: NDArray[np.int64]) -> float:
    """Return the seconds in which the card takes the best items of its scores of some users."""
    own = known.of_users(users_B)
    scores_BI = torch.as_tensor(network.score(own.histories_UI, users_B), device=network.device)
    rows_N = torch.as_tensor(user_of_cells(own.seen_UI), device=network.device)
    items_N = torch.as_tensor(own.seen_UI.indices, device=network.device).long()
    wait_for(network.device)
    started = time.perf_counter()
    scores_BI[rows_N, items_N] = -torch.inf
    torch.topk(scores_BI, K)
    wait_for(network.device)
    return time.perf_counter() - started


def wait_for(device: torch.device) -> None:
    """Return when the device has done all that it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize()


def tables(movielens: Path, ratings: int) -> Iterator[tuple[Table, dict[str, Any]]]:
    """Yield each table with the parameters of its environment."""
    import pandas as pd
    from large_table import write
    from learning import parameters_of, parts_of, split_of

    if (movielens / "ml-1m" / "ratings.dat").exists():
        parameters = parameters_of("ml-1m")
        yield table_of("MovieLens 1M", parts_of(parameters, movielens), 1.0), parameters
    else:
        print(f"MovieLens 1M is left out: {movielens / 'ml-1m' / 'ratings.dat'} is not there")
    if ratings:
        parameters = parameters_of("ml-32m")
        columns = {"user_id": "userId", "item_id": "movieId"}
        parameters["cleaning"]["columns"] = parameters["cleaning"].get("columns", {}) | columns
        with TemporaryDirectory() as folder:
            write(Path(folder) / "ratings.parquet", ratings)
            raw = pd.read_parquet(Path(folder) / "ratings.parquet")
        yield table_of(f"{len(raw):,} fabricated", split_of(raw, parameters), 0.5), parameters


def table_of(name: str, split: Any, lowest_rating: float) -> Table:
    """Return the parts of a split, with the sizes of its core."""
    catalogue = Catalogue(*split.train.ratings.shape, lowest_rating, 5.0)
    return Table(name, split.train, split.validation, catalogue)


def main() -> None:
    """Compare every network on every table, and end with 1 if a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--movielens", type=Path, default=ROOT / "data/01_raw")
    parser.add_argument("--ratings", type=int, default=32_000_000)
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--models", nargs="+", choices=networks(), default=networks())
    parser.add_argument("--epochs", type=int, default=3)
    given = parser.parse_args()
    if given.device == "cuda" and not torch.cuda.is_available():
        raise SystemExit("torch finds no GPU: --device cpu compares the CPU with itself")
    holds = True
    print(torch.cuda.get_device_name() if given.device == "cuda" else "the CPU with itself")
    for table, parameters in tables(given.movielens, given.ratings):
        users, items = table.train.ratings.shape
        print(f"\n{table.name}: {users:,} users, {items:,} items, {given.epochs} epochs\n\n{HEAD}")
        here = {"device": given.device, "checkpoint_seconds": None}
        running = RunningOptions.model_validate(parameters["running"] | here)
        for name in given.models:
            options = TrainingOptions.of(name).model_validate(parameters[name])
            line = compare(options, running, table, given.epochs)
            print(line.text(), flush=True)
            holds &= line.holds
    sys.exit(0 if holds else 1)


if __name__ == "__main__":
    main()
