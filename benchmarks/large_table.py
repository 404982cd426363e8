"""Fabricate a table of half stars in the shape of MovieLens 32M, of any size, as Parquet.

    python benchmarks/large_table.py FILE [--ratings 32000000] [--seed 0]

It is drawn and written a few thousand users at a time, so that memory does not grow with its size.
Users grow with the ratings and items with their root, as they do from MovieLens 1M to 32M: 32 M
ratings are of 200,000 users and 84,000 items. A user has at least 20 ratings (a log-normal number),
items have a long tail, and each user likes three of 24 genres, which decide what is rated and in
part how. So models of taste are better than popularity on it, as on MovieLens.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

RATINGS, USERS, ITEMS = 32_000_000, 200_000, 84_000
"""Size of MovieLens 32M, rounded."""

USERS_AT_ONCE, GENRES, FAVOURITES = 2_000, 24, 3
LEAST_RATINGS, SPREAD = 20, 1.1
"""Fewest ratings of a user, and standard deviation of the logarithm of those above."""

FLATTEST, STEEPNESS = 60.0, 1.35
"""The share of the n-th most popular item decreases like 1 / (n + 60)^1.35."""

TO_FAVOURITES = 0.6
"""Share of a user's ratings that are of the favourite genres."""

MORE = 2.2
"""Items drawn for each rating: one that is drawn twice is rated once."""

FIRST_SECOND, SECONDS = 1_000_000_000, 700_000_000


class World(NamedTuple):
    """What the ratings are drawn from."""

    count_U: NDArray[np.int64]
    genre_I: NDArray[np.int64]
    quality_I: NDArray[np.float64]
    items_of_genre: list[NDArray[np.int64]]
    """The items of each genre, the most popular first; of all items in the last place."""
    chance_of_genre: list[NDArray[np.float64]]
    """Their cumulative shares."""


def world_of(ratings: int, random: np.random.Generator) -> World:
    """Return users, items and tastes for about so many ratings."""
    size = ratings / RATINGS
    users, items = max(20, round(USERS * size)), max(100, round(ITEMS * size**0.5))
    above_U = random.lognormal(0, SPREAD, users)
    rest = max(0, ratings - LEAST_RATINGS * users)
    count_U = LEAST_RATINGS + np.round(above_U / above_U.sum() * rest).astype(np.int64)
    popularity_I = 1 / (np.arange(items) + FLATTEST) ** STEEPNESS
    genre_I = random.integers(0, GENRES, items)
    of_genre = [np.flatnonzero(genre_I == genre) for genre in range(GENRES)]
    of_genre = [own if len(own) else np.arange(items) for own in [*of_genre, np.arange(items)]]
    chances = [popularity_I[own].cumsum() / popularity_I[own].sum() for own in of_genre]
    quality_I = random.normal(0, 0.4, items)
    return World(np.minimum(count_U, items // 4), genre_I, quality_I, of_genre, chances)


def blocks(ratings: int, seed: int) -> Iterator[pa.Table]:
    """Yield the rows of some users at a time, each user's in random order of items, by time."""
    random = np.random.default_rng(seed)
    world = world_of(ratings, random)
    for first in range(0, len(world.count_U), USERS_AT_ONCE):
        yield block_of(world, first, world.count_U[first : first + USERS_AT_ONCE], random)


def block_of(
    world: World, first: int, count_B: NDArray[np.int64], random: np.random.Generator
) -> pa.Table:
    """Return the rows of the users from `first` on, who have these numbers of ratings."""
    users, items = len(count_B), len(world.genre_I)
    favourite_BF = random.integers(0, GENRES, (users, FAVOURITES))
    drawn_B = np.ceil(count_B * MORE).astype(np.int64)
    user_D = np.repeat(np.arange(users), drawn_B)
    genre_D = favourite_BF[user_D, random.integers(0, FAVOURITES, len(user_D))]
    genre_D[random.random(len(user_D)) >= TO_FAVOURITES] = GENRES
    item_D = np.empty(len(user_D), dtype=np.int64)
    for genre, (own, chance) in enumerate(
        zip(world.items_of_genre, world.chance_of_genre, strict=True)
    ):
        is_genre_D = genre_D == genre
        place = np.searchsorted(chance, random.random(int(is_genre_D.sum())), side="right")
        item_D[is_genre_D] = own[np.minimum(place, len(own) - 1)]
    cell_R = np.unique(user_D * items + item_D)
    cell_R = cell_R[np.lexsort((random.random(len(cell_R)), cell_R // items))]
    user_R, item_R = np.divmod(cell_R, items)
    nth_R = np.arange(len(cell_R)) - np.searchsorted(user_R, user_R)
    user_R, item_R = user_R[nth_R < count_B[user_R]], item_R[nth_R < count_B[user_R]]
    return table_of(world, first, favourite_BF, user_R, item_R, random)


def table_of(
    world: World,
    first: int,
    favourite_BF: NDArray[np.int64],
    user_R: NDArray[np.int64],
    item_R: NDArray[np.int64],
    random: np.random.Generator,
) -> pa.Table:
    """Return these pairs with a rating and a time."""
    likes_R = (favourite_BF[user_R] == world.genre_I[item_R][:, None]).any(axis=1)
    mildness_B = random.normal(0, 0.4, len(favourite_BF))
    taste_R = world.quality_I[item_R] + mildness_B[user_R] + 0.5 * likes_R
    exact_R = 3.45 + taste_R + random.normal(0, 0.75, len(user_R))
    start_B = random.integers(0, SECONDS, len(favourite_BF))
    minutes_R = np.cumsum(random.integers(1, 10, len(user_R)))
    return pa.table(
        {
            "userId": (first + 1 + user_R).astype(np.int32),
            "movieId": (1 + item_R).astype(np.int32),
            "rating": np.clip(np.round(2 * exact_R) / 2, 0.5, 5.0),
            "timestamp": FIRST_SECOND + start_B[user_R] + 60 * minutes_R,
        }
    )


def write(file: Path, ratings: int, seed: int = 0) -> int:
    """Write the table, a row group for each block, and return its number of rows."""
    rows, writer = 0, None
    try:
        for table in blocks(ratings, seed):
            writer = writer or pq.ParquetWriter(file, table.schema)
            writer.write_table(table)
            rows += table.num_rows
    finally:
        if writer is not None:
            writer.close()
    return rows


def main() -> None:
    """Write the table of the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", type=Path)
    parser.add_argument("--ratings", type=int, default=RATINGS)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    rows = write(given.file, given.ratings, given.seed)
    print(f"{given.file}: {rows:,} ratings")


if __name__ == "__main__":
    main()
