"""Compare clean, core, split and matrices with the same steps written with pandas group-bys.

    python benchmarks/data_engineering.py --ratings 20000000
    python benchmarks/data_engineering.py --ratings 20000000 --read

Both get the same fabricated table: as many users and items as MovieLens 25M, a long tail, and one
rating in a hundred changed later. Both must give the same nine matrices (ratings, likes and times
of train, validation and test), which is asserted. Both use the project's hash of a row, because the
hash defines the split. CPU seconds are compared, as the machine may do other work.

With --read, the table is written as CSV and read by `pandas.CSVDataset`, which guesses the types of
ids, and by the dataset that a run puts in its place, which does not. Each reads in a process of its
own, in turn; seconds and peak memory are the least of the repeats. Target: a ratio of at most 1.3.
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy.sparse import coo_array, csr_array

from collaborative_autoencoders.columns import ITEM, RATING, TIMESTAMP, USER
from collaborative_autoencoders.datasets.fabricated import fabricate_ratings
from collaborative_autoencoders.interactions import core, splitting
from collaborative_autoencoders.interactions.cleaning import CleaningOptions, clean_ratings
from collaborative_autoencoders.interactions.ids import index_ids
from collaborative_autoencoders.interactions.row_hash import digests_of, hash_rows
from collaborative_autoencoders.interactions.split_options import floor_share
from collaborative_autoencoders.memory import peak_memory

N_USERS, N_ITEMS = 160_000, 60_000
LIKE_THRESHOLD, K, TEST_FRACTION, VALIDATION_FRACTION, SEED = 4, 5, 0.2, 0.2, 42

CLEANING = CleaningOptions.model_validate(
    {
        "columns": {name: name for name in (USER, ITEM, RATING, TIMESTAMP)} | {"part": None},
        "rating_scale": {"lowest": 1, "highest": 5},
        "duplicates": "refuse",
    }
)
CORE = core.CoreOptions(
    min_rating=None,
    counts=False,
    like_threshold=LIKE_THRESHOLD,
    k=K,
    user_k=None,
    item_k=None,
    ratings="core",
)
SPLIT = splitting.SplitOptions(
    kind="hash",
    within="user",
    test_fraction=TEST_FRACTION,
    validation_fraction=VALIDATION_FRACTION,
    validation_of="rest",
    test_last=None,
    validation_last=None,
    test_from=None,
    validation_from=None,
    fold_in=None,
    ties="table",
    seed=SEED,
)


class Steps(NamedTuple):
    """One implementation; each step takes the result of the step before."""

    clean: Callable[[pd.DataFrame], pd.DataFrame]
    core: Callable[[pd.DataFrame], pd.DataFrame]
    split: Callable[[pd.DataFrame], list[csr_array]]


def our_clean(table: pd.DataFrame) -> pd.DataFrame:
    return clean_ratings(table, CLEANING)


def our_core(clean: pd.DataFrame) -> pd.DataFrame:
    return core.keep_core(clean, CORE)[0]


def our_split(ratings: pd.DataFrame) -> list[csr_array]:
    split = splitting.split_interactions(ratings, index_ids(ratings), SPLIT, LIKE_THRESHOLD)
    return [matrix for part in split for matrix in (part.ratings, part.likes, part.times)]


def pandas_clean(table: pd.DataFrame) -> pd.DataFrame:
    if table.isna().any(axis=None) or not table[RATING].between(1, 5).all():
        raise ValueError("a null or a rating outside the scale")
    repeated = table.duplicated([USER, ITEM], keep=False)
    again = table[repeated]
    latest = again[again[TIMESTAMP] == again.groupby([USER, ITEM])[TIMESTAMP].transform("max")]
    if (latest.groupby([USER, ITEM])[RATING].nunique() > 1).any():
        raise ValueError("conflicting duplicates")
    return pd.concat([table[~repeated], latest.drop_duplicates([USER, ITEM], keep="last")])


def pandas_core(clean: pd.DataFrame) -> pd.DataFrame:
    likes = clean.loc[clean[RATING] >= LIKE_THRESHOLD, [USER, ITEM]]
    while True:
        of_user = likes.groupby(USER)[ITEM].transform("size")
        of_item = likes.groupby(ITEM)[USER].transform("size")
        stay = (of_user >= K) & (of_item >= K)
        if stay.all():
            users, items = likes[USER].unique(), likes[ITEM].unique()
            return clean[clean[USER].isin(users) & clean[ITEM].isin(items)]
        likes = likes[stay]


def pandas_split(ratings: pd.DataFrame) -> list[csr_array]:
    user, user_ids = pd.factorize(ratings[USER], sort=True)
    item, item_ids = pd.factorize(ratings[ITEM], sort=True)
    users, items = digests_of(user_ids), digests_of(item_ids)
    digest_rank = np.lexsort((items.low, items.high)).argsort()
    hash_N = hash_rows(user, item, users, items, SEED)
    rows = pd.DataFrame(
        {
            "user": user,
            "item": item,
            "rating": ratings[RATING].to_numpy(dtype=np.float32),
            "time": ratings[TIMESTAMP].to_numpy(),
            "place": hash_N.astype(np.int64) * len(item_ids) + digest_rank[item],
        }
    ).sort_values("place", ignore_index=True)
    by_user = rows.groupby("user")["place"]
    rank, n_rows = by_user.cumcount(), by_user.transform("size")
    n_test = floor_share(n_rows, TEST_FRACTION)
    n_validation = floor_share(n_rows - n_test, VALIDATION_FRACTION)
    is_test = rank < n_test
    is_validation = ~is_test & (rank < n_test + n_validation)
    shape = (len(user_ids), len(item_ids))
    parts = [rows[~is_test & ~is_validation], rows[is_validation], rows[is_test]]
    return [matrix for part in parts for matrix in pandas_views(part, shape)]


def pandas_views(part: pd.DataFrame, shape: tuple[int, int]) -> list[csr_array]:
    liked = part[part["rating"] >= LIKE_THRESHOLD]
    ones = np.ones(len(liked), dtype=np.float32)
    cells = (part["user"], part["item"])
    return [
        csr_array(coo_array((part["rating"], cells), shape=shape)),
        csr_array(coo_array((ones, (liked["user"], liked["item"])), shape=shape)),
        csr_array(coo_array((part["time"], cells), shape=shape)),
    ]


OURS = Steps(our_clean, our_core, our_split)
PANDAS = Steps(pandas_clean, pandas_core, pandas_split)


def movielens_like_ratings(n_ratings: int) -> pd.DataFrame:
    """Return a table in which half of the items share 0.5 % of the ratings.

    1 % of the ratings have a later row with another rating, half of them twice.
    """
    n_tail, n_head_items = n_ratings // 200, N_ITEMS // 2
    head = fabricate_ratings(N_USERS, n_head_items, n_ratings - n_tail, seed=SEED)
    tail = fabricate_ratings(N_USERS, N_ITEMS - n_head_items, n_tail, seed=SEED)
    first = pd.concat([head, tail.assign(**{ITEM: tail[ITEM] + n_head_items})], ignore_index=True)
    later = first.iloc[::100].copy()
    later[RATING] = 6 - later[RATING]
    later[TIMESTAMP] += 1
    return pd.concat([first, later, later.iloc[::2]], ignore_index=True)


def timed(steps: Steps, table: pd.DataFrame) -> tuple[list[csr_array], list[float]]:
    result, seconds = table, []
    for step in steps:
        start = time.process_time()
        result = step(result)
        seconds.append(time.process_time() - start)
    return result, seconds


def assert_same(ours: list[csr_array], theirs: list[csr_array]) -> None:
    for one, other in zip(ours, theirs, strict=True):
        other.sort_indices()
        for name in ("shape", "indptr", "indices", "data"):
            np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


GUESSED, AS_WRITTEN = "guessed", "as written"


def load(kind: str, file: str) -> None:
    """Read the file in this process and print seconds and peak memory as JSON."""
    from kedro_datasets.pandas import CSVDataset

    from collaborative_autoencoders.datasets.own_table import OwnTableDataset

    own: dict[str, Any] = {"of": "pandas.CSVDataset", "ids": [USER, ITEM]}
    dataset = (
        CSVDataset(filepath=file) if kind == GUESSED else OwnTableDataset(filepath=file, **own)
    )
    start, used = time.perf_counter(), time.process_time()
    table = dataset.load()
    seconds = time.perf_counter() - start, time.process_time() - used
    assert all(table.dtypes[[USER, ITEM]] == np.int64)
    memory = (peak_memory() or 0) / 2**20
    print(json.dumps([*seconds, memory]))


def compare_reading(table: pd.DataFrame, repeats: int) -> None:
    """Print the cost of reading the table from CSV, by both datasets."""
    costs: dict[str, list[list[float]]] = {GUESSED: [], AS_WRITTEN: []}
    with TemporaryDirectory() as folder:
        file = Path(folder) / "ratings.csv"
        table.to_csv(file, index=False)
        for kind in [GUESSED, AS_WRITTEN] * repeats:
            command = [sys.executable, __file__, "--load", kind, str(file)]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            costs[kind].append(json.loads(done.stdout))
    guessed, as_written = (np.min(costs[kind], axis=0) for kind in (GUESSED, AS_WRITTEN))
    print("reading       guessed   as written   ratio")
    for name, one, other in zip(("s", "CPU s", "MB"), guessed, as_written, strict=True):
        print(f"{name:<10} {one:10.2f} {other:12.2f} {other / one:7.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ratings", type=int, default=20_000_000, help="ratings in the table")
    parser.add_argument("--read", action="store_true", help="compare reading the table from CSV")
    parser.add_argument("--repeats", type=int, default=5, help="times that each reads")
    parser.add_argument("--load", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.load:
        load(*arguments.load)
        return
    table = movielens_like_ratings(arguments.ratings)
    if arguments.read:
        compare_reading(table, arguments.repeats)
        return
    print(f"{len(table):,} rows of {N_USERS:,} users and {N_ITEMS:,} items")
    ours, our_seconds = timed(OURS, table)
    theirs, their_seconds = timed(PANDAS, table)
    assert_same(ours, theirs)
    print("step              ours    pandas   ratio")
    names = ("clean", "core", "split + matrices", "all")
    our_times, their_times = [*our_seconds, sum(our_seconds)], [*their_seconds, sum(their_seconds)]
    for name, ours_took, theirs_took in zip(names, our_times, their_times, strict=True):
        ratio = theirs_took / ours_took
        print(f"{name:<16} {ours_took:5.2f} s {theirs_took:7.2f} s {ratio:6.1f}")
    print("The nine matrices are the same. Target: a ratio of at least 3 for all steps.")


if __name__ == "__main__":
    main()
