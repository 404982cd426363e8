"""The k-core of a Spark table.

A round of the core counts likes per user and per item. The likes lie sharded by user, so the first
count moves no row; of the second, only counts move, so an item of very many likes is one number
from each worker, like any other. The items that are removed are sent to every worker and joined.
"""

from functools import reduce
from typing import NamedTuple

import numpy as np
from pyspark import StorageLevel
from pyspark.sql import Column, DataFrame, Row, Window
from pyspark.sql import functions as F

from collaborative_autoencoders.columns import ITEM, RATING, USER
from collaborative_autoencoders.interactions.core import (
    CoreOptions,
    CoreReport,
    TableSize,
    about_no_counts,
    advise_counts,
    empty_core,
    look_like_counts,
    lower_k,
    more_likes,
)
from collaborative_autoencoders.interactions.zeros import MANY, advise_zeros, may_hold_zeros

IN_CORE = "_in_core"


class Kept(NamedTuple):
    """The ratings among the users and items of the core, the other ratings, and a report."""

    core: DataFrame
    others: DataFrame
    report: CoreReport


class _Remaining(NamedTuple):
    likes: DataFrame
    n_likes: int
    rounds: int


def keep_core(ratings: DataFrame, options: CoreOptions) -> Kept:
    """Return what `interactions.core.keep_core` returns.

    Raises ValueError if no rating remains.
    """
    ratings = _of_min_rating(ratings, options)
    if options.counts:
        ratings = ratings.drop(RATING)
    before = size_of(ratings, options.like_threshold)
    if not before["likes"]:
        highest = ratings.agg(F.max(RATING)).collect()[0][0] if before["ratings"] else None
        raise ValueError(empty_core(before["ratings"], 0, options, more_likes(highest)))
    likes = kept(likes_in(ratings, options.like_threshold).repartition(USER))
    remaining = _peel(likes, before["likes"], options.likes_needed)
    if not remaining.n_likes:
        largest_k = _largest_k(likes, before["likes"], max(options.likes_needed))
        fix = lower_k(largest_k, options)
        raise ValueError(empty_core(before["ratings"], before["likes"], options, fix))
    core, others = _divided(ratings, remaining.likes, options)
    after = size_of(core, options.like_threshold)
    sizes = [TableSize.of(**size.asDict()) for size in (before, after)]
    return Kept(core, others, CoreReport(sizes[0], sizes[1], remaining.rounds))


def about_counts(ratings: DataFrame, options: CoreOptions) -> str | None:
    """Return what `interactions.core.about_counts` returns."""
    if RATING not in ratings.columns:
        return None
    if options.counts:
        return about_no_counts(_of_min_rating(ratings, options).where(F.col(RATING) <= 0).count())
    median = F.percentile(F.abs(RATING), F.lit(0.5))
    lowest, middle, highest = ratings.agg(F.min(RATING), median, F.max(RATING)).collect()[0]
    if not look_like_counts(middle, highest):
        return None
    return advise_counts(lowest, highest, ratings.select(RATING).distinct().count())


def about_zeros(ratings: DataFrame, options: CoreOptions) -> str | None:
    """Return what `interactions.zeros.about_zeros` returns."""
    if RATING not in ratings.columns or not may_hold_zeros(options):
        return None
    lowest, zeros, rows = ratings.agg(
        F.min(RATING), F.count_if(F.col(RATING) == 0), F.count("*")
    ).collect()[0]
    if lowest < 0 or zeros < MANY * rows:
        return None
    counted = sorted(ratings.groupBy(RATING).count().collect())
    return advise_zeros(*(np.array(column) for column in zip(*counted, strict=True)))


def _of_min_rating(ratings: DataFrame, options: CoreOptions) -> DataFrame:
    """Return the rows of at least `min_rating`."""
    if options.min_rating is None or RATING not in ratings.columns:
        return ratings
    return ratings.where(F.col(RATING) >= F.lit(options.min_rating).cast("float"))


def likes_in(ratings: DataFrame, like_threshold: float) -> DataFrame:
    """Return user and item of each like. Without ratings every row is a like."""
    if RATING in ratings.columns:
        ratings = ratings.where(F.col(RATING) >= F.lit(like_threshold).cast("float"))
    return ratings.select(USER, ITEM)


def size_of(ratings: DataFrame, like_threshold: float) -> Row:
    """Return the numbers of users, items, ratings and likes of a table, counted in one pass."""
    liked = F.lit(True)
    if RATING in ratings.columns:
        liked = F.col(RATING) >= F.lit(like_threshold).cast("float")
    counts = {"ratings": F.count("*"), "likes": F.count_if(liked)}
    for name, column in (("users", USER), ("items", ITEM)):
        counts[name] = F.count_distinct(column)
    return ratings.agg(*(count.alias(name) for name, count in counts.items())).collect()[0]


def sizes_of(ratings: DataFrame) -> tuple[int, int]:
    """Return the number of users and of items in a table."""
    users, items = ratings.agg(F.count_distinct(USER), F.count_distinct(ITEM)).collect()[0]
    return users, items


def kept(table: DataFrame) -> DataFrame:
    """Return the table, kept on the disks of the workers when it is first computed."""
    return table.persist(StorageLevel.DISK_ONLY)


def _peel(likes: DataFrame, n_likes: int, likes_needed: tuple[int, int]) -> _Remaining:
    """Return the likes that remain, and the number of rounds that removed some."""
    of_user, of_item = likes_needed
    rounds = 0
    while n_likes:
        few = likes.groupBy(ITEM).count().where(F.col("count") < of_item)
        count = F.count("*").over(Window.partitionBy(USER))
        left = likes.withColumn("count", count).where(F.col("count") >= of_user).drop("count")
        # without its past, or the plan of a round would have those of all rounds before it
        left = left.join(F.broadcast(few), ITEM, "left_anti").localCheckpoint(
            eager=False, storageLevel=StorageLevel.DISK_ONLY
        )
        n_left = left.count()
        if n_left == n_likes:
            break
        likes, n_likes, rounds = left, n_left, rounds + 1
    return _Remaining(likes, n_likes, rounds)


def _largest_k(likes: DataFrame, n_likes: int, k: int) -> int:
    """Return the largest number of likes below k that some users and items have."""
    leaves_some, leaves_none = 1, k
    while leaves_none - leaves_some > 1:
        k = (leaves_some + leaves_none) // 2
        if _peel(likes, n_likes, (k, k)).n_likes:
            leaves_some = k
        else:
            leaves_none = k
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
    in_core = reduce(Column.__and__, marks, F.lit(True)).alias(IN_CORE)
    marked = kept(marked.select(*ratings.columns, in_core))  # it is read to be counted and saved
    is_core, has_others = F.col(IN_CORE), options.ratings == "all" and RATING in ratings.columns
    is_other = ~is_core if has_others else F.lit(False)
    core, others = (marked.where(rows).drop(IN_CORE) for rows in (is_core, is_other))
    return core, others
