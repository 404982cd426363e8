"""The dates of a split by date, of a Spark table."""

import numpy as np
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql import types as T

from collaborative_autoencoders.interactions.split_options import (
    Moment,
    SplitOptions,
    floor_share,
)
from collaborative_autoencoders.interactions.time_splits import (
    Dates,
    as_number,
    refuse_no_train,
    refuse_no_validation,
)

TIME = "time"

FEW = 2**20
"""Times that the driver sorts."""

BUCKETS = 2**12


def dates_of(times: DataFrame, options: SplitOptions) -> Dates:
    """Return what `interactions.time_splits.dates_of` returns, of the only column of `times`."""
    times = _as_numbers(times)
    n_rows = times.count()
    test_from = _from(options.test_from, times, n_rows, options.test_fraction)
    refuse_no_validation(options, test_from)
    earlier = times.where(F.col(TIME) < test_from)
    pool = earlier.count() if options.validation_of == "rest" else n_rows
    validation_from = _from(options.validation_from, earlier, pool, options.validation_fraction)
    dates = Dates(validation_from, test_from)
    refuse_no_train(dates, options, *times.agg(F.min(TIME), F.max(TIME)).collect()[0])
    return dates


def _as_numbers(times: DataFrame) -> DataFrame:
    """Return dates as seconds since 1970, and numbers as they are. The session's zone is UTC."""
    (field,) = times.schema.fields
    time = F.col(field.name)
    if isinstance(field.dataType, T.TimestampNTZType):
        time = F.unix_micros(time.cast("timestamp")) / 1e6
    return times.select(time.alias(TIME))


def _from(moment: Moment | None, times: DataFrame, pool: int, fraction: float) -> float:
    """Return a date as a number, or the earliest time with at most a share of the rows after it."""
    if moment is not None:
        return as_number(moment)
    count = times.count()
    n_rows = min(int(floor_share(np.array([pool]), fraction)[0]), count)
    if n_rows == 0:
        return np.inf
    if n_rows == count:
        return float(times.agg(F.min(TIME)).collect()[0][0])
    last_before = _nth(times, count - n_rows - 1)
    later = times.where(F.col(TIME) > last_before).agg(F.min(TIME)).collect()[0][0]
    return np.inf if later is None else later


def _nth(times: DataFrame, n: int) -> float:
    """Return the time at position `n`, from 0, of the times in order.

    The times are counted in buckets of one width, and the search goes on in the bucket of the nth.
    """
    while times.count() > FEW:
        first, last = times.agg(F.min(TIME), F.max(TIME)).collect()[0]
        if first == last:
            return first
        bucket = F.floor((F.col(TIME) - first) * (BUCKETS / (last - first)))
        numbered = times.withColumn("bucket", bucket)
        counts = sorted(numbered.groupBy("bucket").count().collect())
        up_to = np.cumsum([count for _, count in counts])
        place = int(np.searchsorted(up_to, n, side="right"))
        n -= int(up_to[place] - counts[place]["count"])
        times = numbered.where(F.col("bucket") == counts[place]["bucket"]).select(TIME)
    return sorted(row[TIME] for row in times.collect())[n]
