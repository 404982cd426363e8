"""The k-core of a Spark table.

A round of the core counts likes per user and per item. The likes lie sharded by user, so the first
count moves no row; of the second, only counts move, so an item of very many likes is one number
from each worker, like any other. What is removed is joined, never collected.
"""

from functools import reduce
from typing import NamedTuple

from pyspark import StorageLevel
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from collaborative_autoencoders.columns import ITEM, RATING, USER
from collaborative_autoencoders.interactions.core import (
    CoreOptions,
    CoreReport,
    TableSize,
    advise_counts,
    empty_core,
    look_like_counts,
    lower_k,
    more_likes,
)


class Kept(NamedTuple):
    """The ratings among the users and items of the core, the other ratings, and a report."""

    core: DataFrame
    others: DataFrame
    report: CoreReport


class _Remaining(NamedTuple):
    likes: DataFrame
    rounds: int


def keep_core(ratings: DataFrame, options: CoreOptions) -> Kept:
    """Return what `interactions.core.keep_core` returns.

    Raises ValueError if no rating remains.
    """
    if options.min_rating is not None and RATING in ratings.columns:
        ratings = ratings.where(F.col(RATING) >= F.lit(options.min_rating).cast("float"))
    if options.counts:
        ratings = ratings.drop(RATING)
    likes = checkpoint(likes_in(ratings, options.like_threshold).repartition(USER))
    n_ratings, n_likes = ratings.count(), likes.count()
    if not n_likes:
        highest = ratings.agg(F.max(RATING)).collect()[0][0] if n_ratings else None
        raise ValueError(empty_core(n_ratings, 0, options, more_likes(highest)))
    likes_left, rounds = _peel(likes, options.likes_needed)
    if likes_left.isEmpty():
        largest_k = _largest_k(likes, max(options.likes_needed))
        fix = lower_k(largest_k, options)
        raise ValueError(empty_core(n_ratings, n_likes, options, fix))
    core, others = _divided(ratings, likes_left, options)
    before = TableSize.of(*sizes_of(ratings), n_ratings, n_likes)
    after = TableSize.of(
        *sizes_of(core), core.count(), likes_in(core, options.like_threshold).count()
    )
    return Kept(core, others, CoreReport(before, after, rounds))


def about_counts(ratings: DataFrame, options: CoreOptions) -> str | None:
    """Return what to change if the ratings look like counts and are not read as counts."""
    if options.counts or RATING not in ratings.columns:
        return None
    median = F.percentile(RATING, F.lit(0.5))
    lowest, middle, highest = ratings.agg(F.min(RATING), median, F.max(RATING)).collect()[0]
    if not look_like_counts(lowest, middle, highest):
        return None
    return advise_counts(highest, ratings.select(RATING).distinct().count())


def likes_in(ratings: DataFrame, like_threshold: float) -> DataFrame:
    """Return user and item of each like. Without ratings every row is a like."""
    if RATING in ratings.columns:
        ratings = ratings.where(F.col(RATING) >= F.lit(like_threshold).cast("float"))
    return ratings.select(USER, ITEM)


def sizes_of(ratings: DataFrame) -> tuple[int, int]:
    """Return the number of users and of items in a table."""
    return ratings.select(USER).distinct().count(), ratings.select(ITEM).distinct().count()


def checkpoint(table: DataFrame) -> DataFrame:
    """Return the table, computed and kept on the disks of the workers, without its past."""
    return table.localCheckpoint(storageLevel=StorageLevel.DISK_ONLY)


def _peel(likes: DataFrame, likes_needed: tuple[int, int]) -> _Remaining:
    """Return the likes that remain, and the number of rounds that removed some."""
    rounds, n_likes = 0, likes.count()
    while n_likes:
        left = likes
        for name, needed in zip((USER, ITEM), likes_needed, strict=True):
            few = likes.groupBy(name).count().where(F.col("count") < needed).select(name)
            left = left.join(F.broadcast(few) if name == ITEM else few, name, "left_anti")
        left = checkpoint(left)
        n_left = left.count()
        if n_left == n_likes:
            break
        likes, n_likes, rounds = left, n_left, rounds + 1
    return _Remaining(likes, rounds)


def _largest_k(likes: DataFrame, k: int) -> int:
    """Return the largest number of likes below k that some users and items have."""
    leaves_some, leaves_none = 1, k
    while leaves_none - leaves_some > 1:
        k = (leaves_some + leaves_none) // 2
        if _peel(likes, (k, k)).likes.isEmpty():
            leaves_none = k
        else:
            leaves_some = k
    return leaves_some


def _divided(
    ratings: DataFrame, likes: DataFrame, options: CoreOptions
) -> tuple[DataFrame, DataFrame]:
    """Return the ratings among the users and items of these likes, and the others."""
    marked, marks = ratings, []
    for name, needed in zip((USER, ITEM), options.likes_needed, strict=True):
        if needed:  # without a minimum, users and items without a like stay too
            mark = f"_{name}_remains"
            remain = likes.select(name).distinct().withColumn(mark, F.lit(True))
            marked = marked.join(F.broadcast(remain) if name == ITEM else remain, name, "left")
            marks.append(F.col(mark).isNotNull())
    in_core = reduce(Column.__and__, marks, F.lit(True))
    is_other = ~in_core if options.ratings == "all" and RATING in ratings.columns else F.lit(False)
    core, others = (marked.where(rows).select(*ratings.columns) for rows in (in_core, is_other))
    return core, others
