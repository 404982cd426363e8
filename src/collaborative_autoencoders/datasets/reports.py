"""What people read: tables as CSV, figures as plotly's JSON."""

import io
import json
from typing import Any

import pandas as pd
import yaml
from kedro_datasets._typing import JSONPreview, PlotlyPreview, TablePreview

from collaborative_autoencoders.datasets.file_dataset import FileDataset


class CsvTableDataset(FileDataset[pd.DataFrame]):
    """A small table as CSV, every digit kept, without an index."""

    kind = "CSV table"

    def to_bytes(self, data: pd.DataFrame) -> bytes:
        """The table as CSV with a header."""
        return data.to_csv(index=False).encode()

    def from_bytes(self, data: bytes) -> pd.DataFrame:
        """The table that was saved; ValueError if the bytes are no CSV."""
        return pd.read_csv(io.BytesIO(data))

    def preview(self, nrows: int = 20) -> TablePreview:
        """The first rows, rounded, for kedro-viz; an empty table where there is no file yet."""
        rows = self.load().head(nrows) if self.exists() else pd.DataFrame()
        return TablePreview(rows.round(4).to_dict(orient="split"))


class FigureDataset(FileDataset[Any]):
    """A plotly figure as JSON; plotly is imported only to read one."""

    kind = "plotly figure"

    def to_bytes(self, data: Any) -> bytes:
        """The figure as plotly writes it."""
        return str(data.to_json()).encode()

    def from_bytes(self, data: bytes) -> Any:
        """The figure that was saved; ValueError if the bytes are cut short."""
        import plotly.io

        return plotly.io.from_json(data.decode())

    def preview(self) -> PlotlyPreview:
        """The figure, for kedro-viz; an empty one where there is no file yet."""
        return PlotlyPreview(json.loads(self.to_bytes(self.load())) if self.exists() else {})


class TextDataset(FileDataset[str]):
    """A text for people, which is YAML as well."""

    kind = "text"

    def to_bytes(self, data: str) -> bytes:
        """The text as UTF-8."""
        return data.encode()

    def from_bytes(self, data: bytes) -> str:
        """The text that was saved; ValueError if the bytes are no text."""
        return data.decode()

    def preview(self) -> JSONPreview:
        """What the YAML holds, for kedro-viz; nothing where there is no file yet."""
        return JSONPreview(json.dumps(yaml.safe_load(self.load()) if self.exists() else {}))
