"""Cleaning of a Spark table of raw ratings."""

from functools import partial

import pandas as pd
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql import types as T

from collaborative_autoencoders.columns import ITEM, PART, RATING, ROW, TIMESTAMP, USER
from collaborative_autoencoders.interactions.cleaning import (
    NO_ROWS,
    RATINGS_TABLE,
    CleaningOptions,
    check_columns,
    checked,
)
from collaborative_autoencoders.interactions.column_names import Name
from collaborative_autoencoders.interactions.duplicates import one_row_per_pair
from collaborative_autoencoders.interactions.rows import NAMES

from .own_csv import quoted
from .row_numbers import numbered
from .shards import map_shards

DIGITS = 18
"""Decimals with more digits may exceed int64."""


def clean_ratings(table: DataFrame, options: CleaningOptions) -> DataFrame:
    """Return the ratings with our column names and types, one row per user and item.

    Columns: as those of `interactions.cleaning.clean_ratings`; part is text. Raises ValueError as
    that function does, and if a column has a type that a Spark table would have to be read for.
    """
    names: dict[str, Name] = {ours: str(theirs) for ours, theirs in options.columns.named.items()}
    check_columns(table.columns, names)
    if table.isEmpty():
        raise ValueError(NO_ROWS.format(RATINGS_TABLE))
    raw = [F.col(quoted(str(theirs))).alias(ours) for ours, theirs in names.items()]
    ratings = numbered(table, *raw)
    columns = T.StructType(
        [T.StructField(field.name, _type_of(field, names)) for field in ratings.schema]
    )
    rule = partial(clean_shard, options=options, names=names)
    return map_shards(ratings, F.col(USER), rule, columns)


def clean_shard(
    ratings: pd.DataFrame, options: CleaningOptions, names: dict[str, Name]
) -> pd.DataFrame:
    """Return the rows of some users with their types, sorted, one per user and item.

    Raises ValueError if a value is invalid or rows conflict.
    """
    ratings.attrs = {NAMES: names}
    clean = checked(ratings, options)
    clean[ROW] = ratings[ROW]
    return one_row_per_pair(clean, options.duplicates)


def _type_of(field: T.StructField, names: dict[str, Name]) -> T.DataType:
    """Return the type of a clean column.

    Raises ValueError if it depends on the values, which only a pass over all rows would show.
    """
    kind = field.dataType
    if field.name in (USER, ITEM):
        is_text = isinstance(kind, T.StringType | T.BinaryType)
        if isinstance(kind, T.DecimalType) and kind.precision > DIGITS:
            raise ValueError(_cast(field, names, "bigint or string"))
        return T.StringType() if is_text else T.LongType()
    if field.name == TIMESTAMP:
        if isinstance(kind, T.StringType):
            raise ValueError(_cast(field, names, "bigint or timestamp"))
        if isinstance(kind, T.IntegralType):
            return T.LongType()
        return T.DoubleType() if isinstance(kind, T.NumericType) else T.TimestampNTZType()
    return {RATING: T.FloatType(), PART: T.StringType(), ROW: T.LongType()}[field.name]


def _cast(field: T.StructField, names: dict[str, Name], to: str) -> str:
    name, kind = names[field.name], field.dataType.simpleString()
    return (
        f"The column {name!r} of the table `ratings` is {kind} in Spark. Cast it to {to} where the "
        "table is made, or give `load_args: {schema: …}` in its catalog entry. Dates in a CSV file "
        "such as 31.12.2019 are read with `load_args: {timestampFormat: dd.MM.yyyy}`."
    )
