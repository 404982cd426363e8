"""Measure the memory that the lists of all users take, by the number of users.

    python benchmarks/inference_memory.py [--users 20000 200000]

A recommender with random histories (50 of 2,000 items each) and the weights of an EASE answers for
all its users and writes the file of `recommendations`, as `kedro run --pipelines inference` does.
The printed number is how much the peak memory grows beyond the recommender itself, which holds the
history of every user. Each number of users runs in its own process.
"""

import argparse
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
import yaml
from scipy.sparse import csr_array

from collaborative_autoencoders.datasets.table_batches import TableBatchesDataset
from collaborative_autoencoders.evaluation.known import Known
from collaborative_autoencoders.interactions.lookup import Lookup
from collaborative_autoencoders.memory import peak_memory
from collaborative_autoencoders.models import model_class
from collaborative_autoencoders.models.model import Catalogue, Fitted
from collaborative_autoencoders.serving.batches import InferenceOptions, RecommendationBatches
from collaborative_autoencoders.serving.recommender import Recommender

TRAINING = Path(__file__).resolve().parents[1] / "conf/base/parameters_training.yml"
ITEMS, HISTORY = 2000, 50
"""Linux reports the peak memory in kilobytes."""


def main() -> None:
    """Measure each number of users and print the growth of memory beside that of users."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--users", type=int, nargs="+", default=[20_000, 200_000])
    arguments.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    options = arguments.parse_args()
    if options.here:
        print(grown_mb(options.users[0]))
        return
    found = {users: grown_mb_in_new_process(users) for users in options.users}
    first = next(iter(found))
    for users, grown in found.items():
        print(
            f"{users:>9,} users: {grown:6.1f} MB beyond the recommender; "
            f"{users / first:.1f} x the users, {grown / found[first]:.2f} x the memory"
        )


def grown_mb_in_new_process(users: int) -> float:
    """Return the result of `grown_mb` in a process that has done nothing before."""
    command = [sys.executable, __file__, "--here", "--users", str(users)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return float(done.stdout.split()[-1])


def grown_mb(users: int) -> float:
    """Return how much the peak memory grows while the lists of all users are written."""
    recommender = recommender_of(users)
    options = InferenceOptions(
        task="lists",
        model="ease",
        users="all",
        n=10,
        exclude_seen=True,
        diversify=0,
        batch_size=1024,
        engine="one_machine",
    )
    with TemporaryDirectory() as folder:
        dataset = TableBatchesDataset(filepath=str(Path(folder) / "lists.parquet"))
        few = recommender.users["user_id"].head(1)
        dataset.save(RecommendationBatches(recommender, few, options, 1))  # imports, caches
        before = peak()
        dataset.save(RecommendationBatches(recommender, recommender.users["user_id"], options, 1))
        return peak() - before


def peak() -> float:
    """Return the peak memory of this process in MB."""
    return (peak_memory() or 0) / 2**20


def recommender_of(users: int) -> Recommender:
    """Return a recommender of this many users with random histories."""
    rng = np.random.default_rng(0)
    first = rng.integers(0, ITEMS - HISTORY, size=(users, 1))
    indices = (first + np.arange(HISTORY)).astype(np.int32).ravel()
    ones = np.ones(len(indices), dtype=np.float32)
    history_UI = csr_array(
        (ones, indices, np.arange(0, len(indices) + 1, HISTORY)), shape=(users, ITEMS)
    )
    kind = model_class("ease")
    committed = yaml.safe_load(TRAINING.read_text())["ease"]["model"]
    options = kind.options_class.model_validate(committed)
    model = kind(options, Catalogue(users, ITEMS, 1.0, 5.0))
    model.load_state({"weight_II": rng.normal(size=(ITEMS, ITEMS)).astype(np.float32)})
    titles = pd.DataFrame({"item_id": np.arange(ITEMS), "title": "a title"})
    data = {"rated": False, "lowest_rating": None, "highest_rating": None}
    known = Known(history_UI, history_UI)
    user_ids = pd.DataFrame({"user_id": np.arange(users)})
    return Recommender.of(Fitted("ease", model), Lookup(user_ids, titles, data, 4), known)


if __name__ == "__main__":
    main()
