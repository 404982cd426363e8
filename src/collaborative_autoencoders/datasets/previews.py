"""Types that `preview` returns; kedro-viz selects the drawing by the name of the type."""

from typing import Any, NewType

TablePreview = NewType("TablePreview", dict[str, Any])
"""A table, split into `index`, `columns` and `data`."""

PlotlyPreview = NewType("PlotlyPreview", dict[str, Any])
"""A plotly figure."""

JSONPreview = NewType("JSONPreview", str)
"""A JSON text."""
