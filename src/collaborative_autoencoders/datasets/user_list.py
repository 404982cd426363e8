"""The users that somebody asks for, as a CSV of raw ids."""

import io

import pandas as pd
from kedro_datasets._typing import TablePreview

from collaborative_autoencoders.datasets.file_dataset import FileDataset


class UserListDataset(FileDataset[pd.DataFrame]):
    """A CSV whose every cell is text, so that 007 stays 007; an empty table without the file.

    `attrs["file"]` says where it is looked for.
    """

    kind = "CSV of users"

    def to_bytes(self, data: pd.DataFrame) -> bytes:
        """The table as CSV with a header."""
        return data.to_csv(index=False).encode()

    def from_bytes(self, data: bytes) -> pd.DataFrame:
        """The table that was saved; ValueError if the bytes are no CSV."""
        return pd.read_csv(io.BytesIO(data), dtype="str", keep_default_na=False)

    def load(self) -> pd.DataFrame:
        """The table in the file; empty, without a column, where there is no file."""
        table = super().load() if self.exists() else pd.DataFrame()
        table.attrs = {"file": str(self._filepath)}
        return table

    def preview(self, nrows: int = 5) -> TablePreview:
        """The first rows, for kedro-viz."""
        return TablePreview(self.load().head(nrows).to_dict(orient="split"))
