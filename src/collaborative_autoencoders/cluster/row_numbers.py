"""The number of each row of a raw table, from 1."""

import logging

from pyspark.errors import AnalysisException
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql import types as T

from collaborative_autoencoders.columns import ROW

FILE, START, PARTITION, PLACE = "_file", "_start", "_partition", "_place"
BEFORE, LONG = "_before", T.LongType()
logger = logging.getLogger(__name__)

PIECE = [FILE, START, PARTITION]
MIN_PARTITIONS = "spark.sql.files.minPartitionNum"
"""The property that sets the size of pieces. Its default is the number of cores at the time."""

OTHER_PIECES = (
    "the files of `ratings` were cut into other pieces while their rows were counted: run again"
)


def numbered(table: DataFrame, *columns: Column) -> DataFrame:
    """Return columns of the table, and the number of each row: files by name, from their first row.

        a.parquet, from byte 0      rows 1 2 3      Pieces of files are counted first, so that each
        a.parquet, from byte 900    rows 4 5        knows how many rows come before it.
        b.parquet, from byte 0      rows 6

    A table that is not read from files is numbered in the order of its partitions, which need not
    be the same in another run. A row of a piece that was not counted is an error of Spark.
    """
    _fix_pieces(table.sparkSession)
    placed = _placed(table, *columns)
    pieces = placed.groupBy(*PIECE).agg(F.count("*").alias("rows"), F.min(PLACE).alias("first"))
    before, starts = 0, []
    for *piece, rows, first in sorted(pieces.collect()):
        starts.append((*piece, before - first))
        before += rows
    columns_of = T.StructType([*pieces.schema.fields[: len(PIECE)], T.StructField(BEFORE, LONG)])
    known = table.sparkSession.createDataFrame(starts, columns_of)
    before_piece = F.coalesce(F.col(BEFORE), F.raise_error(F.lit(OTHER_PIECES)))
    joined = placed.join(F.broadcast(known), on=PIECE, how="left")
    return joined.withColumn(ROW, F.col(PLACE) + before_piece + 1).drop(*PIECE, PLACE, BEFORE)


def _fix_pieces(session: SparkSession) -> None:
    """Let Spark cut files into the same pieces in every pass, whatever joins or leaves it.

    The session keeps the number of cores of now, so pieces of a cluster that grows stay as large.
    """
    if session.conf.get(MIN_PARTITIONS, None) is None:
        session.conf.set(MIN_PARTITIONS, session.sparkContext.defaultParallelism)


def _placed(table: DataFrame, *columns: Column) -> DataFrame:
    """Return the columns, the piece of a file that each row is from, and the row's place in it."""
    of_rows = [
        F.spark_partition_id().alias(PARTITION),
        F.monotonically_increasing_id().alias(PLACE),
    ]
    file, start = F.col("_metadata.file_path"), F.col("_metadata.file_block_start")
    try:
        table.select(file)
    except AnalysisException:
        logger.warning(
            "the table `ratings` is not read from files, so its rows have no order: set "
            "split.ties: hash and cleaning.duplicates: refuse, or two runs may differ"
        )
        file, start = F.lit(""), F.lit(0)
    return table.select(*columns, file.alias(FILE), start.alias(START), *of_rows)
