"""Compare fits of EASE over all pairs whose inverse is in float32 with those in float64.

    python benchmarks/ease_inverse.py [--ratings 500000 2000000] [--factors 1 0.25]
        [--threads 2]

The likes are those of benchmarks/large_table.py, and the options those of conf/base with the
penalty times each factor. Printed are CPU seconds of both fits, in turn, the error of a weight that
the fit measures, and the share of users whose ten recommended items are the same in the same order.
Target: at least 1.5 times as fast where pairs of items are inverted, at the committed penalties,
with the same lists for at least 99.9 %.
"""

import argparse
import time
from typing import NamedTuple
from unittest.mock import patch

import numpy as np
import yaml
from inference_memory import TRAINING
from large_table import blocks
from numpy.typing import NDArray
from scipy.sparse import csr_array

from collaborative_autoencoders.models import ridge
from collaborative_autoencoders.models.ease import EASE, EASEOptions
from collaborative_autoencoders.models.model import Catalogue
from collaborative_autoencoders.threads import blas_threads

LIKE, LENGTH, COMPARED = 4, 10, 2_000
FLOAT32, FLOAT64 = ridge.FEW, 10**9
"""Values of `ridge.FEW`."""


class Fit(NamedTuple):
    """A fit: its cost, the error that it measured in float32, and lists of users."""

    seconds: float
    error: float | None
    lists_UK: NDArray[np.int64]


def likes_of(ratings: int) -> csr_array:
    """The likes of a fabricated table with about so many ratings, of the items that have one."""
    tables = [table.to_pandas() for table in blocks(ratings, seed=0)]
    liked = [table.loc[table["rating"] >= LIKE, ["userId", "movieId"]] for table in tables]
    users, items = (
        np.unique(np.concatenate([table[name] for table in liked]), return_inverse=True)[1]
        for name in ("userId", "movieId")
    )
    return csr_array((np.ones(len(users), dtype=np.float32), (users, items)))


def options_of(factor: float) -> EASEOptions:
    """The options of conf/base with one factor of the penalty, and room for all pairs."""
    block = yaml.safe_load(TRAINING.read_text(encoding="utf-8"))["ease"]["model"]
    changes = {"penalty_factor": factor, "memory_limit_gb": 12}
    return EASEOptions.model_validate(block | changes)


def fit_with(few: int, likes_UI: csr_array, options: EASEOptions) -> Fit:
    """Fit with float32 from more than so many rows on."""
    model, errors = EASE(options, Catalogue(*likes_UI.shape, None, None)), []
    measure = ridge.error_of_weights

    def keep(*given: object) -> float:
        errors.append(measure(*given))
        return errors[-1]

    with patch.object(ridge, "FEW", few), patch.object(ridge, "error_of_weights", keep):
        start = time.process_time()
        model.fit(likes_UI)
        seconds = time.process_time() - start
    users = np.linspace(0, likes_UI.shape[0] - 1, COMPARED).astype(np.int64)
    score_UI = model.score(likes_UI[users], users)
    score_UI[likes_UI[users].toarray() > 0] = -np.inf
    lists_UK = np.argsort(-score_UI, axis=1, kind="stable")[:, :LENGTH]
    return Fit(seconds, errors[0] if errors else None, lists_UK)


def compare(likes_UI: csr_array, factor: float, threads: int) -> tuple[Fit, Fit]:
    """The two fits, in float32 where it is harmless and in float64."""
    options = options_of(factor)
    with blas_threads(threads):
        return fit_with(FLOAT32, likes_UI, options), fit_with(FLOAT64, likes_UI, options)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--ratings", type=int, nargs="+", default=[500_000, 2_000_000])
    arguments.add_argument("--factors", type=float, nargs="+", default=[1, 0.25])
    arguments.add_argument("--threads", type=int, default=2)
    given = arguments.parse_args()
    for ratings in given.ratings:
        likes_UI = likes_of(ratings)
        users, items = likes_UI.shape
        print(f"{users:,} users, {items:,} items, {likes_UI.nnz:,} likes")
        for factor in given.factors:
            quick, exact = compare(likes_UI, factor, given.threads)
            same = (quick.lists_UK == exact.lists_UK).all(axis=1).mean()
            print(
                f"  penalty x {factor:g}: {exact.seconds:.1f} -> {quick.seconds:.1f} CPU s, "
                f"{exact.seconds / quick.seconds:.2f} times as fast, error "
                f"{quick.error:.1g} (limit {ridge.HARMLESS:g}), the same lists for {same:.2%}"
            )


if __name__ == "__main__":
    main()
