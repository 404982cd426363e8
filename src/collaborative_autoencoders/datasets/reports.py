"""Reports: tables as CSV, figures as plotly JSON, and texts."""

import json
from typing import Any, ClassVar

import pandas as pd
import yaml

from collaborative_autoencoders.datasets.csv_cells import from_csv, to_csv
from collaborative_autoencoders.datasets.file_dataset import FileDataset
from collaborative_autoencoders.datasets.previews import JSONPreview, PlotlyPreview, TablePreview


class CsvTableDataset(FileDataset[pd.DataFrame]):
    """A small table as CSV, with all digits; a spreadsheet runs none of its texts."""

    kind = "CSV table"
    options: ClassVar = frozenset({"load_args", "save_args"})

    def to_bytes(self, data: pd.DataFrame) -> bytes:
        """Return the table as CSV with a header."""
        return to_csv(data, self._save_args)

    def from_bytes(self, data: bytes) -> pd.DataFrame:
        """Return the saved table; raise ValueError if the bytes are not CSV."""
        return from_csv(data, self._load_args)

    def preview(self, nrows: int = 20) -> TablePreview:
        """Return the first rows, rounded, for kedro-viz; empty if there is no file yet."""
        rows = self.load().head(nrows) if self.exists() else pd.DataFrame()
        return TablePreview(rows.round(4).to_dict(orient="split"))


class FigureDataset(FileDataset[Any]):
    """A plotly figure as JSON; plotly is imported only when a figure is loaded."""

    kind = "plotly figure"
    options: ClassVar = frozenset({"load_args", "save_args"})

    def to_bytes(self, data: Any) -> bytes:
        """Return the figure as plotly's JSON."""
        return str(data.to_json(**self._save_args)).encode()

    def from_bytes(self, data: bytes) -> Any:
        """Return the saved figure; raise ValueError if the bytes are truncated."""
        import plotly.io

        return plotly.io.from_json(with_known_defaults(data.decode()), **self._load_args)

    def preview(self) -> PlotlyPreview:
        """Return the figure for kedro-viz; empty if there is no file yet."""
        return PlotlyPreview(json.loads(self.to_bytes(self.load())) if self.exists() else {})


def with_known_defaults(figure: str) -> str:
    """Return a figure's JSON without what its template holds for charts that plotly has no more.

    A figure is stored with its whole template. plotly 7 refuses that of plotly 5, which has
    defaults for `heatmapgl`. A trace of a kind that was removed is still refused.
    """
    from plotly.graph_objects import Layout, layout

    content = json.loads(figure)
    template = content.get("layout", {}).get("template", {})
    for part, known in {"data": layout.template.Data(), "layout": Layout()}.items():
        defaults = template.get(part, {})
        for name in [name for name in defaults if name not in known]:
            del defaults[name]
    return json.dumps(content)


class TextDataset(FileDataset[str]):
    """A text that is valid YAML."""

    kind = "text"
    options: ClassVar = frozenset({"load_args", "save_args"})

    def to_bytes(self, data: str) -> bytes:
        """Return the text as UTF-8, or as `save_args.encoding`."""
        return data.encode(**self._save_args)

    def from_bytes(self, data: bytes) -> str:
        """Return the saved text; raise ValueError if the bytes are in another encoding."""
        return data.decode(**self._load_args)

    def preview(self) -> JSONPreview:
        """Return the values of the YAML for kedro-viz; empty if there is no file yet."""
        return JSONPreview(json.dumps(yaml.safe_load(self.load()) if self.exists() else {}))
