"""A list of users as a CSV of raw ids."""

import io

import pandas as pd

from collaborative_autoencoders.datasets.file_dataset import FileDataset
from collaborative_autoencoders.datasets.previews import TablePreview


class UserListDataset(FileDataset[pd.DataFrame]):
    """A CSV in which every cell is text, so that 007 stays 007.

    Without a file the table is empty. `attrs["file"]` is the path of the file.
    """

    kind = "CSV of users"

    def to_bytes(self, data: pd.DataFrame) -> bytes:
        """Return the table as CSV with a header."""
        return data.to_csv(index=False).encode()

    def from_bytes(self, data: bytes) -> pd.DataFrame:
        """Return the saved table; raise ValueError if the bytes are not CSV."""
        return pd.read_csv(io.BytesIO(data), dtype="str", keep_default_na=False)

    def load(self) -> pd.DataFrame:
        """Return the table in the file; empty, without columns, if there is no file."""
        table = super().load() if self.exists() else pd.DataFrame()
        table.attrs = {"file": str(self.filepath)}
        return table

    def preview(self, nrows: int = 5) -> TablePreview:
        """Return the first rows for kedro-viz."""
        return TablePreview(self.load().head(nrows).to_dict(orient="split"))
