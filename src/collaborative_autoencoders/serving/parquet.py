"""The size and the columns of a request that is a Parquet file, before it is read.

A file of a few kilobytes may hold a billion rows.
"""

import io
from collections.abc import Callable

import pyarrow as pa
import pyarrow.parquet as pq

from .limits import MEGABYTE, Limits, passed
from .names import COLUMNS, refuse_unknown
from .requests import BadRequest, too_many_rows


def check_parquet(body: bytes, limits: Limits) -> None:
    """Raise BadRequest if the file has an unknown column or passes a limit.

    A file that is not valid is left to MLflow, which answers it with status 400 and a message.
    """
    read: Callable[..., pq.FileMetaData] = pq.read_metadata
    try:
        metadata = read(io.BytesIO(body))
    except (pa.ArrowException, OSError):
        return
    names = metadata.schema.to_arrow_schema().names
    refuse_unknown("column", [name for name in names if not name.startswith("__index")], COLUMNS)
    if metadata.num_rows > limits.max_rows:
        raise BadRequest(too_many_rows(metadata.num_rows, limits))
    values = sum(
        metadata.row_group(group).column(column).num_values
        for group in range(metadata.num_row_groups)
        for column in range(metadata.num_columns)
    )
    if values > limits.max_body_mb * MEGABYTE:
        what = f"the file has {values:,} values; {MEGABYTE:,} count as 1 MB"
        raise BadRequest(passed(what, "max_body_mb", limits, "send fewer rows at once"))
