"""A list of users as a CSV of raw ids."""

import io
import warnings
from typing import Any, ClassVar

import pandas as pd

from collaborative_autoencoders.datasets.csv_cells import csv_bytes
from collaborative_autoencoders.datasets.file_dataset import FileDataset
from collaborative_autoencoders.datasets.previews import TablePreview


class UserListDataset(FileDataset[pd.DataFrame]):
    """A CSV in which every cell is text, so that 007 stays 007.

    Without a file the table is empty. `attrs["file"]` is the path of the file.
    """

    kind = "CSV of users"
    options: ClassVar = frozenset({"load_args", "save_args"})

    def to_bytes(self, data: pd.DataFrame) -> bytes:
        """Return the table as CSV with a header."""
        return csv_bytes(data, self._save_args)

    def from_bytes(self, data: bytes) -> pd.DataFrame:
        """Return the saved table.

        Raises ValueError if the bytes are not CSV or a row has more values than the header.
        """
        as_text: dict[str, Any] = {"dtype": "str", "keep_default_na": False, "index_col": False}
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)
            try:
                return pd.read_csv(io.BytesIO(data), **as_text | self._load_args)
            except pd.errors.ParserWarning as error:
                raise ValueError(
                    "rows have more values than the header: remove the comma at their end"
                ) from error

    def load(self) -> pd.DataFrame:
        """Return the table in the file; empty, without columns, if there is no file."""
        table = super().load() if self.exists() else pd.DataFrame()
        table.attrs = {"file": str(self.filepath)}
        return table

    def preview(self, nrows: int = 5) -> TablePreview:
        """Return the first rows for kedro-viz."""
        return TablePreview(self.load().head(nrows).to_dict(orient="split"))
