"""Shards: tables of pandas with all rows of some users, one per partition of a Spark table.

A function of a shard may refuse rows. Its error comes back as a row, so that the message of all
shards together is the one that a single table would give.
"""

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import NamedTuple

import pandas as pd
import pyarrow as pa
from pyspark import StorageLevel
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import to_arrow_schema
from pyspark.sql.types import BinaryType, StructField, StructType

from collaborative_autoencoders.columns import ROW
from collaborative_autoencoders.interactions.rows import BadRows

Rule = Callable[[pd.DataFrame], pd.DataFrame]

PROBLEM = "problem"


def map_shards(table: DataFrame, key: Column, rule: Rule, columns: StructType) -> DataFrame:
    """Return what `rule` makes of each shard, with these columns; rows of one key are together.

    The table is computed and kept on the disks of the workers. `rule` is given the rows of a shard
    in the order of their numbers.

    Raises ValueError as `rule` would raise it for all rows at once.
    """
    with_problem = StructType([*columns.fields, StructField(PROBLEM, BinaryType())])
    shards = table.repartition(key)
    made = shards.mapInArrow(partial(_of_shard, rule, columns), with_problem)
    made = made.persist(StorageLevel.DISK_ONLY)
    found = made.where(F.col(PROBLEM).isNotNull()).select(PROBLEM).collect()
    if found:
        made.unpersist()
        _refuse([read_problem(row[PROBLEM]) for row in found], rule)
    return made.drop(PROBLEM)


def _of_shard(
    rule: Rule, columns: StructType, batches: Iterable[pa.RecordBatch]
) -> Iterator[pa.RecordBatch]:
    schema, batches = to_arrow_schema(columns), list(batches)
    if not batches:
        return
    shard = pa.Table.from_batches(batches).to_pandas()
    del batches
    if ROW in shard:
        shard = shard.sort_values(ROW, ignore_index=True)
    try:
        made = pa.Table.from_pandas(rule(shard), schema, preserve_index=False)
        problem = pa.nulls(len(made), pa.binary())
    except ValueError as error:
        rows = shard.iloc[list(error.positions)] if isinstance(error, BadRows) else shard[:0]
        made = pa.table({field.name: pa.nulls(1, field.type) for field in schema})
        problem = pa.array([write_problem(error, rows)], pa.binary())
    yield from made.append_column(PROBLEM, problem).to_batches()


class Problem(NamedTuple):
    """What a shard refuses."""

    message: str
    rule: str
    """The rule that its rows break; empty if the error is not of single rows."""

    n_rows: int
    rows: pd.DataFrame
    """The rows that the message shows."""


def write_problem(error: ValueError, rows: pd.DataFrame) -> bytes:
    """Return an error of a shard as a stream of Arrow: the rows, and the rest as metadata."""
    about = {"message": str(error), "rule": "", "n_rows": "0"}
    if isinstance(error, BadRows):
        about |= {"rule": error.rule, "n_rows": str(error.rows)}
    table = pa.Table.from_pandas(rows, preserve_index=False)
    table = table.replace_schema_metadata({**(table.schema.metadata or {}), **about})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    return bytes(sink.getvalue())


def read_problem(stream: bytes) -> Problem:
    """Return what `write_problem` has written."""
    table = pa.ipc.open_stream(stream).read_all()
    message, rule, n_rows = (
        table.schema.metadata[name].decode() for name in (b"message", b"rule", b"n_rows")
    )
    return Problem(message, rule, int(n_rows), table.to_pandas())


def _refuse(problems: list[Problem], rule: Rule) -> None:
    """Raise the error of all shards: the rule is asked which of their rows comes first."""
    for problem in problems:
        if not problem.rule:
            raise ValueError(problem.message)
    rows = pd.concat([problem.rows for problem in problems]).drop_duplicates(ROW)
    try:
        rule(rows.sort_values(ROW, ignore_index=True))
    except BadRows as first:
        first.rows = sum(problem.n_rows for problem in problems if problem.rule == first.rule)
        raise
    raise ValueError(problems[0].message)
