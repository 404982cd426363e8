"""Facts about the data in Spark tables."""

import hashlib
from collections.abc import Iterable, Iterator
from os.path import commonpath
from pathlib import PurePath

import pandas as pd
import pyarrow as pa
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

from .core import likes_in, sizes_of


def source_of(raw: DataFrame, clean: DataFrame) -> Source:
    """Return the source: the name of the file or folder, and the checksum of the clean table."""
    files = raw.inputFiles()
    return Source(
        PurePath(commonpath(files)).stem if files else "own data", checksum_of(clean), None
    )


def checksum_of(clean: DataFrame) -> str:
    """Return the SHA-256 of a clean table, as `interactions.facts.checksum_of` does.

    The driver reads 8 bytes a row, one partition at a time.
    """
    digest = hashlib.sha256()
    in_order = clean.drop(ROW).orderBy(USER, ITEM)
    for row in in_order.mapInArrow(_hashes, "hashes binary").toLocalIterator(True):
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
    ratings = core.unionByName(others)
    lowest, highest = None, None
    if rated := RATING in core.columns:
        lowest, highest = ratings.agg(F.min(RATING), F.max(RATING)).collect()[0]
        if scale is not None:
            refuse_outside(pd.Series([lowest, highest]), scale)
            lowest, highest = scale.lowest, scale.highest
    (core_users, core_items), (users, items) = sizes_of(core), sizes_of(ratings)
    n_ratings = ratings.count()
    return DataFacts(
        rated=rated,
        users=users,
        items=items,
        ratings=n_ratings,
        likes=likes_in(core, like_threshold).count(),
        density=n_ratings / (users * items),
        lowest_rating=lowest,
        highest_rating=highest,
        tied_share=_tied_share(ratings, n_ratings) if TIMESTAMP in core.columns else None,
        ratings_before_core=ratings_before_core,
        core_users=core_users,
        core_items=core_items,
    )


def _tied_share(ratings: DataFrame, n_ratings: int) -> float:
    """Return the share of rows that have the time of the same user's next row."""
    moments = ratings.select(USER, TIMESTAMP).distinct().count()
    return (n_ratings - moments) / max(n_ratings, 1)
