"""Tables of every layer, as Parquet."""

import io
from itertools import islice

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from kedro_datasets._typing import TablePreview

from collaborative_autoencoders.datasets.file_dataset import FileDataset


class TableDataset(FileDataset[pd.DataFrame]):
    """A pandas table in a Parquet file; column types and `DataFrame.attrs` come back as saved."""

    kind = "Parquet table"

    def to_bytes(self, data: pd.DataFrame) -> bytes:
        """The table as Parquet, each page with a checksum so that a changed byte is noticed."""
        buffer = io.BytesIO()
        data.to_parquet(buffer, engine="pyarrow", write_page_checksum=True)
        return buffer.getvalue()

    def from_bytes(self, data: bytes) -> pd.DataFrame:
        """The table that was saved; ValueError if the bytes are cut short or changed."""
        try:
            return pd.read_parquet(
                io.BytesIO(data), engine="pyarrow", page_checksum_verification=True
            )
        except (pa.ArrowException, OSError) as error:
            raise ValueError(str(error)) from error

    def preview(self, nrows: int = 5) -> TablePreview:
        """The first rows, for kedro-viz; an empty table where there is no file yet."""
        rows = self._first_rows(nrows) if self.exists() else pd.DataFrame()
        return TablePreview(rows.round(4).to_dict(orient="split"))

    def _first_rows(self, nrows: int) -> pd.DataFrame:
        with self._fs.open(str(self._get_load_path())) as file:
            parquet = pq.ParquetFile(file)
            first = list(islice(parquet.iter_batches(batch_size=nrows), 1))
            return pa.Table.from_batches(first, parquet.schema_arrow).to_pandas()
