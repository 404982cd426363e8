"""Batches that workers compute side by side, each as one machine computes it."""

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from typing import Any

import pandas as pd
import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import from_arrow_schema, to_arrow_schema
from pyspark.sql.types import StructType

from collaborative_autoencoders.columns import RANK, SOURCE, USER

from .session import session_of_run

PARTITIONS_PER_CORE = 4
"""So that a core that is done early has more to do. Each partition is one file of the table."""


def compute_on_workers(batches: Sequence[pd.DataFrame]) -> DataFrame:
    """Return the rows of all batches, in their order, as a table that is computed when it is used.

    A batch is computed by the worker that asks for it, so `batches`, with the model in it, is sent
    to each process of a worker once. All batches have the columns and types of the first one, which
    is computed here. Raises RuntimeError without a Spark session, before that.
    """
    session = session_of_run()
    context, columns = session.sparkContext, columns_of(batches[0])
    partitions = min(len(batches), PARTITIONS_PER_CORE * context.defaultParallelism)
    numbers = session.range(0, len(batches), 1, partitions)
    return numbers.mapInArrow(partial(_compute, context.broadcast(batches), columns), columns)


def columns_of(table: pd.DataFrame) -> StructType:
    """Return the columns and types of a table."""
    return from_arrow_schema(pa.Schema.from_pandas(table, preserve_index=False))


def _compute(
    batches: Any, columns: StructType, numbers: Iterable[pa.RecordBatch]
) -> Iterator[pa.RecordBatch]:
    for some in numbers:
        for number in some["id"].to_pylist():
            yield from as_batches(batches.value[number], columns)


def as_batches(table: pd.DataFrame, columns: StructType) -> list[pa.RecordBatch]:
    """Return a table with these columns as Spark takes it."""
    return pa.Table.from_pandas(table, to_arrow_schema(columns), preserve_index=False).to_batches()


def summarise(
    recommendations: DataFrame, head_lines: int
) -> tuple[pd.DataFrame, dict[str, int], int]:
    """Return the first lines by user, the users with a list by its source, and the lines.

    As `serving.batches.summarise`, without reading the lists on the driver.
    """
    head = recommendations.orderBy(USER, RANK).limit(head_lines).toArrow().to_pandas()
    is_first = F.col(RANK) == 1
    counted = recommendations.groupBy(SOURCE).agg(F.count_if(is_first), F.count("*")).collect()
    return head, {row[0]: row[1] for row in counted}, sum(row[2] for row in counted)
