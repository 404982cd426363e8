"""Facts about the data in Spark tables."""

import hashlib
from collections.abc import Iterable, Iterator
from os.path import commonpath
from pathlib import PurePath

import pandas as pd
import pyarrow as pa
from pyspark import StorageLevel
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from collaborative_autoencoders.columns import ITEM, RATING, ROW, TIMESTAMP, USER
from collaborative_autoencoders.interactions.column_types import RatingScale
from collaborative_autoencoders.interactions.facts import (
    DataFacts,
    Source,
    hashes_of,
    refuse_outside,
)

from .core import size_of


def source_of(raw: DataFrame, clean: DataFrame) -> Source:
    """Return the source: the name of the file or folder, and the checksum of the clean table.

    One file that Spark has named has the name of its folder.
    """
    files, name = raw.inputFiles(), "own data"
    if files:
        path = PurePath(commonpath(files))
        name = (path.parent if path.name.startswith("part-") else path).stem
    return Source(name, checksum_of(clean), None)


def checksum_of(clean: DataFrame) -> str:
    """Return the SHA-256 of a clean table, as `interactions.facts.checksum_of` does.

    The driver reads 8 bytes a row, one partition at a time.
    """
    digest = hashlib.sha256()
    in_order = clean.drop(ROW).orderBy(USER, ITEM)
    # kept, because the driver asks for one partition after the other
    hashes = in_order.mapInArrow(_hashes, "hashes binary").localCheckpoint(
        storageLevel=StorageLevel.DISK_ONLY
    )
    for row in hashes.toLocalIterator():
        digest.update(row["hashes"])
    return digest.hexdigest()


def _hashes(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        rows = batch.to_pandas()
        yield pa.RecordBatch.from_pydict({"hashes": [hashes_of(rows)]})


def describe(
    core: DataFrame,
    like_threshold: float,
    scale: RatingScale | None,
    ratings_before_core: int,
    others: DataFrame,
) -> DataFacts:
    """Return the size of the table and its rating scale: as declared, else as observed."""
    ratings, rated = core.unionByName(others), RATING in core.columns
    wanted = {"users": F.count_distinct(USER), "items": F.count_distinct(ITEM)}
    wanted["ratings"] = F.count("*")
    if rated:
        wanted |= {"lowest": F.min(RATING), "highest": F.max(RATING)}
    if TIMESTAMP in core.columns:
        wanted["moments"] = F.count_distinct(USER, TIMESTAMP)
    found = ratings.agg(*(each.alias(name) for name, each in wanted.items())).collect()[0].asDict()
    lowest, highest = found.get("lowest"), found.get("highest")
    if rated and scale is not None:
        refuse_outside(pd.Series([lowest, highest]), scale)
        lowest, highest = scale.lowest, scale.highest
    users, items, n_ratings = (found[name] for name in ("users", "items", "ratings"))
    of_core = size_of(core, like_threshold)
    return DataFacts(
        rated=rated,
        users=users,
        items=items,
        ratings=n_ratings,
        likes=of_core["likes"],
        density=n_ratings / (users * items),
        lowest_rating=lowest,
        highest_rating=highest,
        tied_share=_tied_share(n_ratings, found.get("moments")),
        ratings_before_core=ratings_before_core,
        core_users=of_core["users"],
        core_items=of_core["items"],
    )


def _tied_share(n_ratings: int, moments: int | None) -> float | None:
    """Return the share of rows that have the time of the same user's next row.

    `moments` is the number of distinct pairs of user and time, or None without times.
    """
    return None if moments is None else (n_ratings - moments) / max(n_ratings, 1)
