"""Tables too large for memory, as Parquet files."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, ClassVar

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from kedro.io import DatasetError

from collaborative_autoencoders.columns import VECTOR
from collaborative_autoencoders.datasets.file_dataset import OneFileDataset, broken
from collaborative_autoencoders.datasets.places import Place
from collaborative_autoencoders.datasets.previews import TablePreview


@dataclass(frozen=True)
class TableBatches:
    """The batches of a table in a file. Each iteration reads the file again, batch by batch."""

    place: Place
    path: str
    load_args: dict[str, Any] = field(default_factory=dict)
    """Arguments of pyarrow's `ParquetFile.read_row_group`, such as `columns`."""

    def __iter__(self) -> Iterator[pd.DataFrame]:
        """Yield the batches in order; raise DatasetError with the path if the file is not valid."""
        try:
            with self.place.open_to_read(self.path) as file:
                parquet = pq.ParquetFile(file, page_checksum_verification=True)
                for group in range(parquet.num_row_groups):
                    yield parquet.read_row_group(group, **self.load_args).to_pandas()
        except (pa.ArrowException, OSError) as error:
            raise DatasetError(broken(self.path, "Parquet table", error)) from error


class TableBatchesDataset(OneFileDataset[Iterable[pd.DataFrame], TableBatches]):
    """A table in one Parquet file that is written and read batch by batch.

    A node must return an iterable object, not be a generator: Kedro saves each value that a
    generator yields separately.
    """

    options: ClassVar = frozenset({"load_args", "save_args"})

    def load(self) -> TableBatches:
        """Return the batches; raise DatasetError with the path if the file is missing."""
        return TableBatches(self._place, self._path_to_read(), self._load_args)

    def save(self, data: Iterable[pd.DataFrame]) -> None:
        """Write a row group per batch, with the columns and types of the first non-empty batch.

        `save_args` are arguments of pyarrow's `ParquetWriter`, such as `compression`.
        """
        batches = iter(data)
        head = next(batches)
        while head.empty and (later := next(batches, None)) is not None:
            head = later  # an empty batch does not define the column types
        first = pa.Table.from_pandas(head, preserve_index=False)
        arguments = {"write_page_checksum": True} | self._save_args
        with (
            self._open_to_write() as file,
            pq.ParquetWriter(file, first.schema, **arguments) as writer,
        ):
            writer.write_table(first)
            for batch in batches:
                writer.write_table(pa.Table.from_pandas(batch, first.schema, preserve_index=False))

    def preview(self, nrows: int = 10) -> TablePreview:
        """Return the first rows, without vectors, for kedro-viz; empty if there is no file yet."""
        rows = next(iter(self.load())).head(nrows) if self.exists() else pd.DataFrame()
        rows = rows.drop(columns=VECTOR, errors="ignore")
        return TablePreview(rows.round(4).to_dict(orient="split"))
