"""Batches of a table that workers compute side by side, each as one machine computes it."""

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from typing import Any

import pandas as pd
import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import from_arrow_schema, to_arrow_schema
from pyspark.sql.types import StructType

from collaborative_autoencoders.columns import RANK, SOURCE, USER

PARTITIONS_PER_CORE = 4
"""So that a core that is done early has more to do. Each partition is one file of the table."""


def compute_on_workers(batches: Sequence[pd.DataFrame]) -> DataFrame:
    """Return the rows of all batches, in their order, as a table that is computed when it is used.

    A batch is computed by the worker that asks for it, so `batches`, with the model in it, is sent
    to each process of a worker once. All batches have the columns and types of the first one, which
    is computed here.

    Raises RuntimeError without a Spark session.
    """
    session = SparkSession.getActiveSession()
    if session is None:
        raise RuntimeError(
            "engine: spark needs a Spark session. An environment with a spark.yml starts one: "
            "`kedro run --env spark`"
        )
    context = session.sparkContext
    columns = from_arrow_schema(pa.Schema.from_pandas(batches[0], preserve_index=False))
    partitions = min(len(batches), PARTITIONS_PER_CORE * context.defaultParallelism)
    numbers = session.range(0, len(batches), 1, partitions)
    return numbers.mapInArrow(partial(_compute, context.broadcast(batches), columns), columns)


def _compute(
    batches: Any, columns: StructType, numbers: Iterable[pa.RecordBatch]
) -> Iterator[pa.RecordBatch]:
    schema = to_arrow_schema(columns)
    for some in numbers:
        for number in some["id"].to_pylist():
            table = pa.Table.from_pandas(batches.value[number], schema, preserve_index=False)
            yield from table.to_batches()


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
