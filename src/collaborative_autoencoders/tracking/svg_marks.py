"""What is drawn in one panel of a figure of plotly: lines, markers and bars."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from .svg import INK, Box, Point, line, marker, rectangle
from .svg_axes import Axis, is_shown

MARKER_SIZE = 6


class Panel(NamedTuple):
    """The place, the axes and the traces of one panel; a trace has its colour beside it."""

    box: Box
    x: Axis
    y: Axis
    layouts: tuple[Any, Any]
    traces: list[tuple[Any, str]]

    def point(self, x: Any, y: Any, shift: float = 0.0) -> Point:
        """Return the pixels of two values."""
        return self.box.point(self.x.place(x, shift), self.y.place(y))


def coloured(figure: Any) -> list[tuple[Any, str]]:
    """Return each trace with its colour: its own, else the next one of the figure's template."""
    colours = figure.layout.template.layout.colorway or (INK,)
    return [
        (trace, own_colour(trace) or colours[place % len(colours)])
        for place, trace in enumerate(figure.data)
    ]


def own_colour(trace: Any) -> str | None:
    """Return the one colour that a trace names, or None."""
    owners = [trace.marker] if trace.type == "bar" else [trace.line, trace.marker]
    return next((owner.color for owner in owners if isinstance(owner.color, str)), None)


def marks(panel: Panel, layout: Any) -> Iterator[str]:
    """Yield lines, markers and bars; `scattermode: group` puts markers side by side."""
    grouped = layout.scattermode == "group" and panel.x.categories
    for place, (trace, colour) in enumerate(panel.traces):
        turn = (place + 0.5) / len(panel.traces) - 0.5
        shift = turn * (1 - (layout.scattergap or 0)) if grouped else 0.0
        points = [
            panel.point(x, y, shift)
            for x, y in zip(values_of(trace, "x"), values_of(trace, "y"), strict=True)
            if is_shown(x) and is_shown(y)
        ]
        mode = "bars" if trace.type == "bar" else trace.mode or "lines+markers"
        if "lines" in mode:
            yield line(points, colour, dashed=is_dashed(trace))
        if "markers" in mode:
            yield from (sample(trace, point, colour) for point in points)
        if "bars" in mode:
            yield from bars(panel, points, colour)


def values_of(trace: Any, direction: str) -> list[Any]:
    """Return the values of a trace along x or y."""
    values = trace[direction]
    return [] if values is None else list(values)


def sample(trace: Any, point: Point, colour: str) -> str:
    """Return a marker of a trace at this point."""
    size = trace.marker.size if isinstance(trace.marker.size, int | float) else MARKER_SIZE
    return marker(point, trace.marker.symbol, size, colour)


def is_dashed(trace: Any) -> bool:
    """Return whether the line of a trace is dashed or dotted."""
    return trace.line.dash not in (None, "solid")


def bars(panel: Panel, points: list[Point], colour: str) -> Iterator[str]:
    """Yield a lying bar from 0 to each point."""
    zero, _ = panel.box.point(panel.x.place(0), 0)
    thick = 0.7 * panel.box.height / max(1, len(points))
    for x, y in points:
        yield rectangle(Box(min(zero, x), y - thick / 2, abs(x - zero), thick), colour)
