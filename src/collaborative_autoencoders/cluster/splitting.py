"""The split of a Spark table into train, validation and test.

The part of a row follows from its user's rows, so the rules of `interactions` decide it shard by
shard. What the whole table decides – dates, the parts of users, whether there are validation rows –
is found first.
"""

from functools import partial

import numpy as np
import pandas as pd
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql import types as T

from collaborative_autoencoders.columns import (
    ITEM,
    ITEM_INDEX,
    LIKED,
    ORDER,
    PART,
    RATING,
    TIMESTAMP,
    USER,
    USER_INDEX,
)
from collaborative_autoencoders.interactions.core import likes_in
from collaborative_autoencoders.interactions.ids import Ids, index_ids, known_indices, stale
from collaborative_autoencoders.interactions.own_split import PARTS, refuse_no_train
from collaborative_autoencoders.interactions.part_rows import PartSize
from collaborative_autoencoders.interactions.split_options import (
    VALIDATION,
    SplitOptions,
)
from collaborative_autoencoders.interactions.splitting import (
    OTHERS_BY_USERS,
    Split,
    Whole,
    as_numbers,
    check_columns,
    order_of,
    parts_of_rows,
)
from collaborative_autoencoders.interactions.user_split import parts_of_users

from .dates import dates_of
from .ids import with_indices
from .parts import PartTable, parts_of
from .shards import map_shards


def split_interactions(
    ratings: DataFrame,
    ids: Ids,
    options: SplitOptions,
    like_threshold: float,
    core_shape: tuple[int, int],
    others: DataFrame,
) -> Split[PartTable]:
    """Return the three parts, of the rows of `interactions.splitting.split_interactions`.

    Raises ValueError if a user or item of the table is not in `ids`, or if the table lacks a
    column that the kind of split needs.
    """
    check_columns(ratings.columns, options)
    table = ratings.unionByName(others)
    shape = (len(ids.users), len(ids.items))
    if options.kind == "users" and core_shape != shape:
        raise ValueError(OTHERS_BY_USERS)
    rule = partial(
        split_shard,
        options=options,
        like_threshold=like_threshold,
        core_shape=core_shape,
        whole=_decide(table, ids, options),
    )
    split = map_shards(with_indices(table, ids), F.col(USER), rule, _columns_of(table))
    size = PartSize(*shape, *core_shape)
    return parts_of(split, size, by_users=options.kind == "users")


def split_shard(
    rows: pd.DataFrame,
    options: SplitOptions,
    like_threshold: float,
    core_shape: tuple[int, int],
    whole: Whole,
) -> pd.DataFrame:
    """Return the part of each row of some users, whether it is a like, and its place among these.

    Raises ValueError if a user or item has no index.
    """
    for name, index in ((USER, USER_INDEX), (ITEM, ITEM_INDEX)):
        unknown_N = rows[index].isna()
        if unknown_N.any():
            raise ValueError(stale(name, rows[name][unknown_N].tolist()[0]))
    ids = index_ids(rows)  # of this shard
    user_N, item_N = known_indices(ids.users, rows[USER]), known_indices(ids.items, rows[ITEM])
    if whole.part_U is not None:
        index_U = np.empty(len(ids.users), dtype=np.int64)
        index_U[user_N] = rows[USER_INDEX]
        whole = whole._replace(part_U=whole.part_U[index_U])
    is_core_N = (rows[USER_INDEX] < core_shape[0]) & (rows[ITEM_INDEX] < core_shape[1])
    in_core_N = is_core_N.to_numpy(dtype=np.bool_)
    liked_N = in_core_N & likes_in(rows, like_threshold)
    made = rows[[USER_INDEX, ITEM_INDEX]]
    made[RATING] = rows.get(RATING, 1.0)
    made[LIKED] = liked_N
    if TIMESTAMP in rows:
        made[TIMESTAMP] = as_numbers(rows[TIMESTAMP])
        made[ORDER] = order_of(rows, user_N, item_N, ids, options, liked_N)
    made[PART] = parts_of_rows(rows, user_N, item_N, ids, options, whole, in_core_N)
    return made


def _columns_of(table: DataFrame) -> T.StructType:
    """Return the columns of `split_shard`."""
    kinds: dict[str, T.DataType] = {USER_INDEX: T.IntegerType(), ITEM_INDEX: T.IntegerType()}
    kinds |= {RATING: T.FloatType(), LIKED: T.BooleanType()}
    if TIMESTAMP in table.columns:
        is_whole = isinstance(table.schema[TIMESTAMP].dataType, T.LongType)
        kinds[TIMESTAMP] = T.LongType() if is_whole else T.DoubleType()
        kinds[ORDER] = T.FloatType()
    kinds[PART] = T.ByteType()
    return T.StructType([T.StructField(name, kind) for name, kind in kinds.items()])


def _decide(table: DataFrame, ids: Ids, options: SplitOptions) -> Whole:
    """Return what the whole table decides.

    Raises ValueError if no row or no user would be left for a part.
    """
    if options.kind == "own":
        counted = {row[PART]: row["count"] for row in table.groupBy(PART).count().collect()}
        n_rows_P = [counted.get(name, 0) for name in PARTS]
        refuse_no_train(*n_rows_P)
        return Whole(has_validation=bool(n_rows_P[VALIDATION]))
    if options.kind == "users":
        return Whole(part_U=parts_of_users(ids, options))
    if options.kind == "date":
        return Whole(dates=dates_of(table.select(TIMESTAMP), options))
    return Whole()
