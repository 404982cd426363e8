"""Tables as Parquet files."""

import io
from itertools import islice

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from collaborative_autoencoders.datasets.file_dataset import FileDataset
from collaborative_autoencoders.datasets.previews import TablePreview


class TableDataset(FileDataset[pd.DataFrame]):
    """A pandas table in a Parquet file, with its column types and `DataFrame.attrs`."""

    kind = "Parquet table"

    def to_bytes(self, data: pd.DataFrame) -> bytes:
        """Return the table as Parquet."""
        return table_to_bytes(data)

    def from_bytes(self, data: bytes) -> pd.DataFrame:
        """Return the saved table; raise ValueError if the bytes are truncated or changed."""
        return table_from_bytes(data)

    def preview(self, nrows: int = 5) -> TablePreview:
        """Return the first rows for kedro-viz; empty if there is no file yet."""
        rows = self._first_rows(nrows) if self.exists() else pd.DataFrame()
        return TablePreview(rows.round(4).to_dict(orient="split"))

    def _first_rows(self, nrows: int) -> pd.DataFrame:
        with self._fs.open(str(self._get_load_path())) as file:
            parquet = pq.ParquetFile(file)
            first = list(islice(parquet.iter_batches(batch_size=nrows), 1))
            return pa.Table.from_batches(first, parquet.schema_arrow).to_pandas()


def table_to_bytes(table: pd.DataFrame) -> bytes:
    """Return a table as Parquet, with a checksum per page to detect changed bytes."""
    buffer = io.BytesIO()
    table.to_parquet(buffer, engine="pyarrow", write_page_checksum=True)
    return buffer.getvalue()


def table_from_bytes(content: bytes) -> pd.DataFrame:
    """Return the table in these bytes; raise ValueError if they are truncated or changed."""
    try:
        return pd.read_parquet(
            io.BytesIO(content), engine="pyarrow", page_checksum_verification=True
        )
    except (pa.ArrowException, OSError) as error:
        raise ValueError(str(error)) from error
