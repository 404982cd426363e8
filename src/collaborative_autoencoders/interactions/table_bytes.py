"""Conversion between a table and the bytes of one Parquet file, with a checksum of the file."""

import io
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from collaborative_autoencoders.checksum import PLACEHOLDER, check_checksum, with_checksum
from collaborative_autoencoders.memory import machine_memory
from collaborative_autoencoders.options import MOST

CHECKSUM = b"checksum"
"""Key of the file's metadata that holds its checksum."""

BYTES_PER_CELL = 8

ENCODED = {"use_dictionary", "column_encoding"}
"""Arguments of pyarrow that exclude one another for a column."""

MALFORMED = (pa.ArrowException, OSError, KeyError, TypeError, AttributeError, IndexError)
"""Errors that reading a damaged Parquet file raises, besides ValueError."""


def table_to_bytes(table: pd.DataFrame, **save_args: Any) -> bytes:
    """Return a table as Parquet, with its column types and `attrs`.

    `save_args` are arguments of pyarrow's `write_table`.
    """
    columns, buffer = pa.Table.from_pandas(table), io.BytesIO()
    marked = columns.replace_schema_metadata({**columns.schema.metadata, CHECKSUM: PLACEHOLDER})
    encodings = {} if ENCODED & save_args.keys() else _encodings_of(columns.schema)
    settings = {"write_page_checksum": True, "compression": "zstd"} | encodings | save_args
    pq.write_table(marked, buffer, **settings)
    return with_checksum(buffer)


def table_from_bytes(content: bytes, **load_args: Any) -> pd.DataFrame:
    """Return the table in these bytes. `load_args` are arguments of pyarrow's `read`.

    Raises NoChecksum if they have no checksum, and ValueError if they are truncated or changed, or
    if the table does not fit into memory.
    """
    try:
        parquet = pq.ParquetFile(io.BytesIO(content), page_checksum_verification=True)
        check_checksum(content)
        _refuse_too_large(parquet.metadata)
        columns = parquet.read(**load_args)
        # column by column, each given back once it is converted: half of the peak memory
        return columns.to_pandas(split_blocks=True, self_destruct=True)
    except MALFORMED as error:
        raise ValueError(str(error)) from error


def _encodings_of(schema: pa.Schema) -> dict[str, Any]:
    """Return how to write columns: integers, such as sorted ids and times, by their differences.

    For ratings it takes two thirds of the time of pyarrow's defaults to write, and half of the time
    to read and half of the bytes.
    """
    whole = [field.name for field in schema if pa.types.is_integer(field.type)]
    return {
        "use_dictionary": [name for name in schema.names if name not in whole],
        "column_encoding": dict.fromkeys(whole, "DELTA_BINARY_PACKED"),
    }


def _refuse_too_large(about: pq.FileMetaData) -> None:
    # equal values take almost no bytes in a file, so its size does not bound that of the table
    size, there = about.num_rows * about.num_columns * BYTES_PER_CELL, machine_memory()
    if about.num_rows > MOST or (there is not None and size > there):
        raise ValueError(
            f"it claims {about.num_rows:,} rows of {about.num_columns} columns, more than this "
            "machine can hold"
        )
