"""Tables that are too long to be held at once, as Parquet."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from kedro.io import DatasetError
from kedro_datasets._typing import TablePreview

from collaborative_autoencoders.datasets.file_dataset import OneFileDataset, broken


@dataclass(frozen=True)
class TableBatches:
    """A table in a file, batch by batch: each pass reads it anew, a batch is held at a time."""

    fs: Any
    path: str

    def __iter__(self) -> Iterator[pd.DataFrame]:
        """The batches, in order; DatasetError names a file that is broken."""
        try:
            with self.fs.open(self.path, "rb") as file:
                parquet = pq.ParquetFile(file, page_checksum_verification=True)
                for group in range(parquet.num_row_groups):
                    yield parquet.read_row_group(group).to_pandas()
        except (pa.ArrowException, OSError) as error:
            raise DatasetError(broken(self.path, "Parquet table", error)) from error


class TableBatchesDataset(OneFileDataset[Iterable[pd.DataFrame], TableBatches]):
    """A table that is written and read batch by batch, in one Parquet file, whole or not there.

    Give it something that can be gone through, not a generator: of a node's generator Kedro saves
    each value on its own.
    """

    def load(self) -> TableBatches:
        """The table, to be gone through; DatasetError names a file that is missing."""
        return TableBatches(self._fs, self._path_to_read())

    def save(self, data: Iterable[pd.DataFrame]) -> None:
        """Write a row group per batch; all have the columns and types of the first with a row."""
        batches = iter(data)
        head = next(batches)
        while head.empty and (later := next(batches, None)) is not None:
            head = later  # without a row nothing says what a column holds
        first = pa.Table.from_pandas(head, preserve_index=False)
        with (
            self._open_to_write() as file,
            pq.ParquetWriter(file, first.schema, write_page_checksum=True) as writer,
        ):
            writer.write_table(first)
            for batch in batches:
                writer.write_table(pa.Table.from_pandas(batch, first.schema, preserve_index=False))

    def preview(self, nrows: int = 10) -> TablePreview:
        """The first rows, for kedro-viz; an empty table where there is no file yet."""
        rows = next(iter(self.load())).head(nrows) if self.exists() else pd.DataFrame()
        return TablePreview(rows.round(4).to_dict(orient="split"))
