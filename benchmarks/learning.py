"""How fast networks learn: against the textbook's loop, the processor, and RecBole's CDAE.

    python benchmarks/learning.py [--epochs 20] [--threads 2] [--recbole /path/to/bin/python]

MovieLens 1M from data/01_raw, prepared by the project; `kedro run --env cdae-article` downloads it.

1. P1 (conf/cdae-article), hidden 200, batches of 512, the paper's plain square loss: an epoch of
   ours and one of `textbook_cdae.py` in turn, medians. The textbook draws its own order and
   dropout; run once more with our draws it must give our validation curve.
2. The same epochs against the decoder's three matrix products alone (forward, gradient of the
   weights, gradient of the hidden units), which every loop pays that computes all outputs. Ours
   does not if the hidden layer is small compared with the batch (`losses.SquareByGram`). The
   products are those of MKL or of oneDNN, whichever is quicker on this processor at the error of
   float32. All other products are by the one that `running.matrix_products: auto` takes.
3. AutoRec as in conf/autorec: CPU seconds of fitting until validation RMSE is at most .8290.
4. P2 (conf/recbole) as committed: seconds of fitting and validating until validation NDCG@10 passes
   the best that RecBole's CDAE reaches with its best published settings, against RecBole's own
   seconds until then. RecBole needs older numpy and pandas, so an environment of its own:

    python3 -m venv ENV
    ENV/bin/pip install torch==2.13.0 recbole==1.2.1 "numpy<2" "pandas<2" "scipy<1.13"
    python benchmarks/learning.py --recbole ENV/bin/python
"""

from collaborative_autoencoders.threads import let_waiting_threads_sleep

let_waiting_threads_sleep()  # as in settings.py: before torch is imported

import argparse
import json
import math
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from scipy.sparse import csr_array
from textbook_cdae import Way, ours, textbook

from collaborative_autoencoders.config_loader import ProjectConfigLoader
from collaborative_autoencoders.datasets.movielens import MovieLensDataset
from collaborative_autoencoders.interactions import cleaning, core, ids, splitting
from collaborative_autoencoders.learning import products
from collaborative_autoencoders.learning.fit import FitState, learn
from collaborative_autoencoders.learning.options import Library, TrainingOptions
from collaborative_autoencoders.learning.validation import validation_of
from collaborative_autoencoders.memory import kept_memory
from collaborative_autoencoders.models.autorec import AutoRec
from collaborative_autoencoders.models.batch import Rows
from collaborative_autoencoders.models.model import Catalogue

ROOT = Path(__file__).parents[1]
METRIC = "ndcg_at_10"
RMSE = 0.8290
"""The validation RMSE of row 3."""
PLAIN = {
    "hidden_size": 200,
    "positive_weight": 1,
    "activity_exponent": 0,
    "popularity_exponent": 0,
}
SAME_CURVE = 1e-4
"""Largest difference of NDCG for curves from the same draws: sums in another order differ in the
last bits, and steps carry that on."""


def parameters_of(env: str) -> dict[str, Any]:
    """All parameters of an environment."""
    loader = ProjectConfigLoader(
        str(ROOT / "conf"),
        env=env,
        base_env="base",
        default_run_env=env,
        merge_strategy={"parameters": "soft"},
    )
    return loader["parameters"]


def parts_of(parameters: dict[str, Any], folder: Path = ROOT / "data/01_raw") -> splitting.Split:
    """MovieLens 1M, prepared and split as the environment says."""
    raw = MovieLensDataset(name="ml-1m", path=str(folder), table="ratings").load()
    return split_of(raw, parameters)


def split_of(raw: pd.DataFrame, parameters: dict[str, Any]) -> splitting.Split:
    """A table of ratings, prepared and split as the environment says."""
    clean = cleaning.clean_ratings(
        raw, cleaning.CleaningOptions.model_validate(parameters["cleaning"])
    )
    core_options = core.CoreOptions.model_validate(parameters["core"])
    ratings = core.keep_core(clean, core_options).core
    split_options = splitting.SplitOptions.model_validate(parameters["split"])
    return splitting.split_interactions(
        ratings, ids.index_ids(ratings), split_options, core_options.like_threshold
    )


def options_of(parameters: dict[str, Any], **changes: Any) -> TrainingOptions:
    """The CDAE of the environment, changed."""
    block = parameters["cdae"]
    return TrainingOptions.of("cdae").model_validate(block | {"model": block["model"] | changes})


def decoder_products(options: TrainingOptions, likes_UI: csr_array) -> Way:
    """The three products of every batch of an epoch, on random numbers."""
    (n_users, n_items), hidden = likes_UI.shape, options.model.hidden_size
    decoder_HI = torch.randn(hidden, n_items)
    batches = torch.arange(n_users).tensor_split(options.fitting.n_batches(n_users))
    sizes = {len(users) for users in batches}
    hidden_of = {size: torch.randn(size, hidden) for size in sizes}
    gradient_of = {size: torch.randn(size, n_items) for size in sizes}

    def epoch(number: int) -> None:
        for users in batches:
            hidden_BH, gradient_BI = hidden_of[len(users)], gradient_of[len(users)]
            hidden_BH @ decoder_HI
            hidden_BH.T @ gradient_BI
            gradient_BI @ decoder_HI.T

    return Way(epoch, None)


def quickest_library(options: TrainingOptions, likes_UI: csr_array) -> Library:
    """Name the library with the quickest products in float32, and print what each of them does.

    One batch of the epoch, forward. The least CPU seconds of twenty.
    """
    (n_users, n_items), hidden = likes_UI.shape, options.model.hidden_size
    n_rows = math.ceil(n_users / options.fitting.n_batches(n_users))
    hidden_BH, decoder_HI = torch.randn(n_rows, hidden), torch.randn(hidden, n_items)
    exact_BI, seconds = hidden_BH.double() @ decoder_HI.double(), {}
    for name in products.PRECISION:
        with products_of(name):
            error = (hidden_BH @ decoder_HI - exact_BI).norm() / exact_BI.norm()
            least = min(cpu_seconds_of(torch.mm, hidden_BH, decoder_HI) for _ in range(20))
        seconds |= {name: least} if error < products.FLOAT32 else {}
        speed = 2 * n_rows * hidden * n_items / least / 1e9
        print(f"  {name}: {speed:.0f} GFLOP per CPU second, relative error {error:.1e}")
    return min(seconds, key=lambda name: seconds[name])


@contextmanager
def products_of(library: Library) -> Iterator[None]:
    """Let this library compute the matrix products of torch."""
    before = products.library_in_use()
    products.use(library)
    try:
        yield
    finally:
        products.use(before)


def cpu_seconds_of(way: Callable[..., Any], *arguments: Any) -> float:
    start = time.process_time()
    way(*arguments)
    return time.process_time() - start


def seconds_of(way: Callable[..., Any], *arguments: Any) -> float:
    start = time.perf_counter()
    way(*arguments)
    return time.perf_counter() - start


def compare_with_textbook(epochs: int) -> None:
    """Rows 1 and 2."""
    parameters = parameters_of("cdae-article")
    split, options = parts_of(parameters), options_of(parameters, **PLAIN)
    likes_UI = split.train.likes
    ways = {
        "ours": ours(options, likes_UI),
        "textbook": textbook(options, likes_UI, same_draws=False),
        "textbook, our draws": textbook(options, likes_UI, same_draws=True),
        "decoder's products": decoder_products(options, likes_UI),
    }
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    curves: dict[str, list[float]] = {name: [] for name, way in ways.items() if way.network}
    print(f"P1, hidden 200, batches of 512: {likes_UI.shape}, {likes_UI.nnz} likes in train")
    library = quickest_library(options, likes_UI)
    validate = validation_of(METRIC, train=split.train, validation=split.validation)
    print("epoch  validation NDCG@10: " + ", ".join(curves))
    for number in range(1, epochs + 1):
        for name, way in ways.items():
            with products_of(library if way.network is None else products.library_for("auto")):
                seconds[name].append(cpu_seconds_of(way.epoch, number))
        for name, curve in curves.items():
            curve.append(validate(ways[name].network))
        print(f"{number:5}  " + "  ".join(f"{curve[-1]:.5f}" for curve in curves.values()))
    report(seconds, curves)


def report(seconds: dict[str, list[float]], curves: dict[str, list[float]]) -> None:
    """Medians, ratios, and how far the curves are apart."""
    medians = {name: median(values) for name, values in seconds.items()}
    mine = np.array(curves["ours"])
    apart = {name: np.abs(mine - curve).max() for name, curve in curves.items() if name != "ours"}
    for name, difference in apart.items():
        print(f"largest difference of the curves, {name}: {difference:.5f}")
    assert apart["textbook, our draws"] < SAME_CURVE, "not the same computation"
    for name, value in medians.items():
        print(f"  {name:<20} {value:.3f} CPU s an epoch")
    faster = medians["textbook"] / medians["ours"]
    print(f"1. ours is {faster:.1f} x as fast as the textbook (target 3 x)")
    longer = medians["ours"] / medians["decoder's products"]
    print(f"2. ours takes {longer:.2f} x the decoder's products (target 1.5 x at the most)")


def time_autorec() -> None:
    """Row 3."""
    parameters = parameters_of("autorec")
    split = parts_of(parameters)
    options = TrainingOptions.of("autorec").model_validate(parameters["autorec"])
    validate = validation_of("rmse", train=split.train, validation=split.validation)
    network = AutoRec(options.model, Catalogue(*split.train.ratings.shape, 1, 5))
    generator = torch.Generator().manual_seed(options.fitting.seed)
    started = time.process_time()
    network.start(split.train.ratings, generator)
    rows = Rows(network.rows(split.train.ratings), network.device)
    spent = time.process_time() - started
    state = FitState.of(network, rows, options.fitting, generator)
    epochs = learn(state, rows, options.fitting)
    for _ in range(options.fitting.epochs):
        started = time.process_time()
        epoch, candidate = next(epochs)
        spent += time.process_time() - started
        candidate.finish(rows)
        reached = validate(candidate)
        if reached <= RMSE:
            break
    print(
        f"3. AutoRec has RMSE {reached:.4f} after {epoch.epoch} epochs and {spent:.1f} CPU s of "
        f"fitting (target {RMSE:.4f} in 20 CPU s, which are 10 s of two cores)"
    )


def compare_with_recbole(python: str, threads: int) -> None:
    """Row 4."""
    parameters = parameters_of("recbole")
    split, options = parts_of(parameters), options_of(parameters)
    theirs = recbole_epochs(python, split, threads)
    best = max(theirs, key=lambda epoch: epoch.validation)
    until = theirs[: theirs.index(best) + 1]
    passed = epochs_until(best.validation, options, split)
    for name, epochs in (("RecBole", until), ("ours", passed)):
        fitting, validating = (sum(epoch[field] for epoch in epochs) for field in (0, 1))
        print(
            f"  {name:<8} {epochs[-1].validation:.4f} after {len(epochs)} epochs: "
            f"{fitting:.1f} s of fitting, {validating:.1f} s of validating"
        )
    theirs_s, ours_s = (
        sum(epoch.fitting + epoch.validating for epoch in e) for e in (until, passed)
    )
    print(f"4. ours passes RecBole's best {theirs_s / ours_s:.1f} x sooner (target 10 x)")


class TimedEpoch(NamedTuple):
    """Seconds of fitting and of validating, and validation NDCG@10."""

    fitting: float
    validating: float
    validation: float


def recbole_epochs(python: str, split: splitting.Split, threads: int) -> list[TimedEpoch]:
    """Every epoch of RecBole's CDAE on our train and validation parts, in the given environment."""
    with TemporaryDirectory() as folder:
        (Path(folder) / "parts").mkdir()
        for name, part in (("train", split.train), ("valid", split.validation)):
            users, items = part.likes.nonzero()
            lines = (f"{user}\t{item}\n" for user, item in zip(users, items, strict=True))
            text = "user_id:token\titem_id:token\n" + "".join(lines)
            (Path(folder) / "parts" / f"parts.{name}.inter").write_text(text)
        script = Path(__file__).with_name("recbole_cdae.py").resolve()
        command = [python, "-W", "ignore", str(script), folder, str(threads)]
        done = subprocess.run(command, capture_output=True, text=True, cwd=folder)
    if done.returncode:
        raise SystemExit(done.stdout + done.stderr)
    lines = [line for line in done.stdout.splitlines() if line.startswith("[")]
    return [TimedEpoch(*json.loads(line)) for line in lines]


def epochs_until(
    validation: float, options: TrainingOptions, split: splitting.Split
) -> list[TimedEpoch]:
    """Our epochs up to the first above this validation; SystemExit if there is none."""
    way, passed = ours(options, split.train.likes), []
    validate = validation_of(METRIC, train=split.train, validation=split.validation)
    for number in range(1, options.fitting.epochs + 1):
        fitting, started = seconds_of(way.epoch, number), time.perf_counter()
        reached = validate(way.network)
        passed.append(TimedEpoch(fitting, time.perf_counter() - started, reached))
        if reached > validation:
            return passed
    raise SystemExit(f"ours never passed {validation}: its last validation is {reached}")


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--epochs", type=int, default=20, help="of rows 1 and 2")
    options.add_argument("--threads", type=int, default=parameters_of("base")["running"]["threads"])
    options.add_argument("--recbole", metavar="PYTHON", help="python of RecBole's environment")
    chosen = options.parse_args()
    torch.set_num_threads(chosen.threads)
    products.compute_products_by("auto")
    print(f"products by {products.library_in_use()}: {products.measured_here()}")
    with kept_memory():
        compare_with_textbook(chosen.epochs)
        time_autorec()
    if chosen.recbole is None:
        print("4. left out: --recbole takes the python of an environment with RecBole")
    else:
        compare_with_recbole(chosen.recbole, chosen.threads)


if __name__ == "__main__":
    main()
