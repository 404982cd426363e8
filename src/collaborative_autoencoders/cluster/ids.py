"""Ids of Spark tables. Users and items themselves fit into the memory of the driver."""

import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from collaborative_autoencoders.columns import ITEM, USER
from collaborative_autoencoders.interactions import ids
from collaborative_autoencoders.interactions.ids import Ids


def index_ids(core: DataFrame, others: DataFrame) -> Ids:
    """Return every user and item, numbered from 0: those of the core, then the others."""
    users, items = (
        [table.select(name).distinct().toArrow()[name].to_pandas() for table in (core, others)]
        for name in (USER, ITEM)
    )
    return Ids(ids.users_of(*users), ids.items_of(*items))


def with_indices(ratings: DataFrame, of: Ids) -> DataFrame:
    """Return the table with the indices of users and items beside their raw ids.

    An id that is not in `of` has the index null.
    """
    for name, table in ((USER, of.users), (ITEM, of.items)):
        known = ratings.sparkSession.createDataFrame(pa.Table.from_pandas(table))
        ratings = ratings.join(F.broadcast(known) if name == ITEM else known, name, "left")
    return ratings
