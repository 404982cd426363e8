"""Evaluation on workers: lists, predictions and scores of each shard of users."""

from collections.abc import Iterable, Iterator, Mapping
from functools import partial, reduce
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pyspark import StorageLevel
from pyspark.sql import DataFrame, Row
from pyspark.sql import functions as F
from pyspark.sql import types as T

from collaborative_autoencoders.columns import (
    FOLD_IN,
    ITEM_INDEX,
    ORDER,
    PART,
    RANK,
    USER_INDEX,
)
from collaborative_autoencoders.evaluation.evaluate import Evaluation
from collaborative_autoencoders.evaluation.shards import Shards
from collaborative_autoencoders.evaluation.table_claims import outside_of
from collaborative_autoencoders.evaluation.tallies import Sums, Tally, add
from collaborative_autoencoders.interactions import Interactions
from collaborative_autoencoders.interactions.own_split import PARTS
from collaborative_autoencoders.interactions.part_rows import (
    REQUIRED,
    PartSize,
    digest_of_rows,
    part_of_rows,
)
from collaborative_autoencoders.interactions.table_bytes import table_from_bytes, table_to_bytes
from collaborative_autoencoders.memory import returned_memory

from .batches import as_batches, columns_of
from .parts import MAKE_PARTS_AGAIN, read_part
from .session import session_of_run

SHARD, NAME, CONTENT = "shard", "name", "content"
PROBLEM = "problem"
PIECE, SUMS = "piece", "sums"
PACKED = T.StructType(
    [
        T.StructField(SHARD, T.LongType()),
        T.StructField(NAME, T.StringType()),
        T.StructField(CONTENT, T.BinaryType()),
    ]
)
TALLIED = T.StructType(
    [
        T.StructField(PIECE, T.LongType()),
        T.StructField(NAME, T.StringType()),
        T.StructField(SUMS, T.ArrayType(T.DoubleType())),
        T.StructField(PROBLEM, T.StringType()),
    ]
)
SCORES = "user_scores"


class StoredParts(NamedTuple):
    """The parts of a split as workers read them."""

    folders: Mapping[str, str]
    """The folder of the Parquet files of train, validation and test."""
    digests: Mapping[str, list[str]]
    """The digest of the rows of each part in each shard, as the driver has read them."""
    size: PartSize
    is_read_U: NDArray[np.bool_]
    """Whether the rows of each user are read, shape (U,)."""


def evaluate_on_workers(shards: Shards, stored: StoredParts, empty: Evaluation) -> dict[str, Any]:
    """Return the tables of an `Evaluation`: of Spark, but for the scores of users.

    Each process of a worker gets the model once, and of each shard the rows of its users. `empty`
    has the columns of the tables. Lists and predictions stay on the disks of the workers until they
    are saved. Raises ValueError as the first shard that raises it.
    """
    sent = session_of_run().sparkContext.broadcast(shards)
    rows = _rows_by_shard(shards, stored)
    alone = stored._replace(is_read_U=np.empty(0, dtype=np.bool_))
    packed = rows.mapInArrow(partial(_evaluate, sent, alone), PACKED)
    packed = packed.persist(StorageLevel.DISK_ONLY)
    small = packed.where(F.col(NAME).isin(SCORES, PROBLEM)).orderBy(SHARD).toArrow().to_pylist()
    for row in small:
        if row[NAME] == PROBLEM:
            raise ValueError(row[CONTENT].decode())
    scores = [table_from_bytes(row[CONTENT]) for row in small]
    tables = {
        name: _unpacked(packed, name, table)
        for name, table in empty._asdict().items()
        if name != SCORES
    }
    return {**tables, SCORES: pd.concat(scores, ignore_index=True)}


def _rows_by_shard(shards: Shards, stored: StoredParts) -> DataFrame:
    """Return the rows that are read, with part and shard; a shard is in one partition.

    It has one row more, of no part, so that a shard without rows is there too.
    """
    session = session_of_run()
    users = np.flatnonzero(stored.is_read_U).astype(np.int32)
    shard_of_users = pa.table({USER_INDEX: users, SHARD: shards.shard_of(users)})
    shard_of = F.broadcast(session.createDataFrame(shard_of_users))
    wanted = {*REQUIRED, FOLD_IN, *([ORDER] if shards.reads_order else [])}

    def rows_of(part: str) -> DataFrame:
        rows = read_part(stored.folders[part])
        columns = [name for name in rows.columns if name in wanted]
        return rows.select(F.lit(part).alias(PART), *columns).join(shard_of, USER_INDEX)

    markers = session.range(len(shards)).select(F.col("id").cast("int").alias(SHARD))
    tables = [*map(rows_of, stored.folders), markers]
    rows = reduce(partial(DataFrame.unionByName, allowMissingColumns=True), tables)
    return rows.repartitionById(len(shards), SHARD)


def _evaluate(
    sent: Any, stored: StoredParts, batches: Iterable[pa.RecordBatch]
) -> Iterator[pa.RecordBatch]:
    given = list(batches)
    if not given:
        return
    rows = pa.Table.from_batches(given)
    del given
    for number in sorted(rows[SHARD].unique().to_pylist()):  # one, unless Spark joins partitions
        of_shard = rows.filter(pc.field(SHARD) == number)
        yield from as_batches(_pack(sent.value, number, stored, of_shard), PACKED)


def _part_of(
    rows: pa.Table, name: str, number: int, shards: Shards, stored: StoredParts
) -> Interactions:
    """Return a part of the users of a shard.

    Raises ValueError if they are not those that the driver has read: a file was lost or replaced,
    or a session skips damaged files.
    """
    own = rows.filter(pc.field(PART) == name)
    if FOLD_IN in own.column_names and own[FOLD_IN].null_count == len(own):
        own = own.drop_columns(FOLD_IN)  # the other parts have such rows
    first, end = shards.bounds[number : number + 2].tolist()
    by_cell = own.sort_by([(USER_INDEX, "ascending"), (ITEM_INDEX, "ascending")])
    part = part_of_rows([by_cell], stored.size.of_users(first, end), len(own), first)
    users_U = np.arange(first, end)
    if digest_of_rows(part, users_U, with_order=shards.reads_order) != stored.digests[name][number]:
        raise ValueError(
            f"workers have read other rows of {name} in {stored.folders[name]} than the driver "
            f"({len(own):,} in shard {number}): {MAKE_PARTS_AGAIN}"
        )
    return part


@returned_memory()  # beside a process of Java, whose heap is full of the model that was sent
def _pack(shards: Shards, number: int, stored: StoredParts, rows: pa.Table) -> pd.DataFrame:
    try:
        parts = {name: _part_of(rows, name, number, shards, stored) for name in PARTS}
        found = shards.evaluate(number, **parts)._asdict()
        tables = {name: table_to_bytes(table) for name, table in found.items()}
    except ValueError as problem:
        tables = {PROBLEM: str(problem).encode()}
    return pd.DataFrame({SHARD: number, NAME: list(tables), CONTENT: list(tables.values())})


def as_tables(evaluation: Evaluation) -> dict[str, Any]:
    """Return an evaluation, such as one of nothing, as `evaluate_on_workers` returns one."""
    session = session_of_run()
    tables = evaluation._asdict()
    return {
        name: table
        if name == SCORES
        else session.createDataFrame(pa.Table.from_pandas(table, preserve_index=False))
        for name, table in tables.items()
    }


def recommended_at(
    ranked_items: DataFrame, shape: tuple[int, int], k: list[int]
) -> list[NDArray[np.int64]]:
    """Return how often each item is in the first places of a list, shape (I,), for each of `k`.

    Raises ValueError if a list is of another user or item than of these numbers of them.
    """
    shown = [F.count_if(F.col(RANK) <= length) for length in k]
    last_user = F.max(USER_INDEX)
    rows = ranked_items.groupBy(ITEM_INDEX).agg(last_user, *shown).toArrow().to_pandas().to_numpy()
    for column, found_N, size in zip((ITEM_INDEX, USER_INDEX), rows.T, shape[::-1], strict=False):
        if len(found_N) and not 0 <= found_N.max() < size:
            raise ValueError(outside_of("ranked_items", column, found_N.max(), size))
    counts_IK = np.zeros((shape[1], len(k)), dtype=np.int64)
    counts_IK[rows[:, 0]] = rows[:, 2:]
    return list(counts_IK.T)


def sum_over(table: DataFrame, tally: Tally) -> Sums:
    """Return the sums of all rows of a table, as `evaluation.tallies.sum_over` does.

    Raises ValueError as the first piece of users does.
    """
    piece = F.floor(F.col(USER_INDEX) / tally.size)
    sent = session_of_run().sparkContext.broadcast(tally)
    tallied = table.repartition(piece).mapInArrow(partial(_tally, sent), TALLIED)
    found: dict[int, dict[str, Row]] = {}
    for row in tallied.collect():
        found.setdefault(row[PIECE], {})[row[NAME]] = row
    none = table.limit(0).toArrow().to_pandas()

    def sums_of(number: int) -> Sums:
        rows = found.get(number)
        if rows is None:
            return tally(number, none)
        if PROBLEM in rows:
            raise ValueError(rows[PROBLEM][PROBLEM])
        return {name: np.array(row[SUMS]) for name, row in rows.items()}

    return add(map(sums_of, sorted({*range(len(tally)), *found})))


def _tally(tally: Any, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    given = list(batches)
    if not given:
        return
    rows = pa.Table.from_batches(given).to_pandas()
    for number, piece in rows.groupby(rows[USER_INDEX] // tally.value.size):
        try:
            sums = {name: found.tolist() for name, found in tally.value(number, piece).items()}
            problem = None
        except ValueError as error:
            sums, problem = {PROBLEM: []}, str(error)
        made = {PIECE: number, NAME: list(sums), SUMS: list(sums.values()), PROBLEM: problem}
        yield from as_batches(pd.DataFrame(made), TALLIED)


def _unpacked(packed: DataFrame, name: str, empty: pd.DataFrame) -> DataFrame:
    columns = columns_of(empty)
    contents = packed.where(F.col(NAME).isin(name, PROBLEM)).select(NAME, CONTENT)
    return contents.mapInArrow(partial(_unpack, columns), columns)


def _unpack(columns: T.StructType, contents: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    for some in contents:
        for row in some.to_pylist():
            if row[NAME] == PROBLEM:  # of a shard that was lost and is computed again
                raise ValueError(row[CONTENT].decode())
            yield from as_batches(table_from_bytes(row[CONTENT]), columns)
