"""Tables as Parquet files."""

from itertools import islice
from typing import ClassVar

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from collaborative_autoencoders.datasets.file_dataset import FileDataset
from collaborative_autoencoders.datasets.previews import TablePreview
from collaborative_autoencoders.interactions.table_bytes import table_from_bytes, table_to_bytes


class TableDataset(FileDataset[pd.DataFrame]):
    """A pandas table in a Parquet file, with its column types and `DataFrame.attrs`."""

    kind = "Parquet table"
    options: ClassVar = frozenset({"load_args", "save_args"})

    def to_bytes(self, data: pd.DataFrame) -> bytes:
        """Return the table as Parquet."""
        return table_to_bytes(data, **self._save_args)

    def from_bytes(self, data: bytes) -> pd.DataFrame:
        """Return the saved table; raise ValueError if the bytes are truncated or changed."""
        return table_from_bytes(data, **self._load_args)

    def preview(self, nrows: int = 5) -> TablePreview:
        """Return the first rows for kedro-viz; empty if there is no file yet."""
        rows = self._first_rows(nrows) if self.exists() else pd.DataFrame()
        return TablePreview(rows.round(4).to_dict(orient="split"))

    def _first_rows(self, nrows: int) -> pd.DataFrame:
        with self._place.open_to_read(self._load_path()) as file:
            parquet = pq.ParquetFile(file)
            first = list(islice(parquet.iter_batches(batch_size=nrows), 1))
            return pa.Table.from_batches(first, parquet.schema_arrow).to_pandas()
