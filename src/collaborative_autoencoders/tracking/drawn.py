"""Figures of plotly as SVG, drawn without a browser: lines, markers and bars in panels.

plotly itself draws in a browser only. An SVG is seen everywhere: MLflow, Markdown, slides.
"""

from collections.abc import Iterator
from itertools import groupby
from typing import Any

from .svg import FONT_PIXELS, Box, document, line, text
from .svg_axes import axis_of
from .svg_marks import Panel, coloured, is_dashed, marks, sample, values_of

WIDTH, DEFAULT_HEIGHT = 900, 450
LEFT, RIGHT, TOP, BOTTOM = 110, 20, 70, 80
LEGEND_LINE, SAMPLE_WIDTH, CHARACTER_WIDTH = 22, 26, 7
LABEL_LINE = 16
GRID = "#e5e8ee"
ANCHORS = {"left": "start", "right": "end"}


def to_svg(figure: Any) -> str | None:
    """Return a figure as SVG; None if it has what is not drawn here, such as a log axis."""
    if not is_drawable(figure):
        return None
    layout, traces = figure.layout, coloured(figure)
    named = in_legend(figure, traces)
    height = int(layout.height or DEFAULT_HEIGHT)
    beside = legend_width(named)
    left = max([LEFT, *(40 + CHARACTER_WIDTH * len(name) for name in lying_names(figure))])
    space = Box(left, TOP, WIDTH - left - RIGHT - beside, height - TOP - BOTTOM)
    parts = [text((24, 34), layout.title.text, "start", size=17)]
    panels = list(panels_of(layout, traces, space))
    for panel in panels:
        parts += [*frame(panel), *marks(panel, layout)]
    parts += [*shapes(layout, panels), *notes(layout, space, panels), *legend(named, space)]
    return document(WIDTH, height, parts)


def is_drawable(figure: Any) -> bool:
    """Return whether a figure has only lines, markers and lying bars on plain axes."""
    axes = [*figure.select_xaxes(), *figure.select_yaxes()]
    return (
        all(trace.type == "scatter" or is_lying_bar(trace) for trace in figure.data)
        and all(axis.type in (None, "-", "linear", "category") for axis in axes)
        and all(shape.type == "line" for shape in figure.layout.shapes)
    )


def lying_names(figure: Any) -> list[str]:
    """Return the labels of lying bars, which are to the left of the panel."""
    return [str(y) for trace in figure.data if is_lying_bar(trace) for y in values_of(trace, "y")]


def is_lying_bar(trace: Any) -> bool:
    """Return whether a trace has bars along x."""
    return trace.type == "bar" and trace.orientation == "h"


def panels_of(layout: Any, everything: list[tuple[Any, str]], space: Box) -> Iterator[Panel]:
    """Yield the panels. Those whose x axes match have the x axis of all traces."""

    def axes(item: tuple[Any, str]) -> tuple[str, str]:
        return item[0].xaxis or "x", item[0].yaxis or "y"

    for (x_name, y_name), group in groupby(sorted(everything, key=axes), key=axes):
        traces = list(group)
        x_layout, y_layout = layout[f"xaxis{x_name[1:]}"], layout[f"yaxis{y_name[1:]}"]
        (left, right), (low, high) = x_layout.domain or (0, 1), y_layout.domain or (0, 1)
        size = (right - left) * space.width, (high - low) * space.height
        x_of = everything if layout.xaxis.matches else traces
        x = axis_of((value for trace, _ in x_of for value in held(trace, "x")), x_layout)
        y = axis_of((value for trace, _ in traces for value in held(trace, "y")), y_layout)
        yield Panel(Box(*space.point(left, high), *size), x, y, (x_layout, y_layout), traces)


def held(trace: Any, direction: str) -> list[Any]:
    """Return the values that an axis must hold; bars, which lie along x, begin at 0."""
    zero = [0.0] if trace.type == "bar" and direction == "x" else []
    return [*values_of(trace, direction), *zero]


def frame(panel: Panel) -> Iterator[str]:
    """Yield the grid, and labels and titles of the axes."""
    box, (x_layout, y_layout) = panel.box, panel.layouts
    for place, label in panel.y.ticks() if y_layout.visible is not False else ():
        yield line([box.point(0, place), box.point(1, place)], GRID, width=1)
        x, y = box.point(0, place)
        yield text((x - 8, y + 4), label, "end")
    for place, label in panel.x.ticks():
        yield line([box.point(place, 0), box.point(place, 1)], GRID, width=1)
        x, y = box.point(place, 0)
        if x_layout.showticklabels is not False:
            yield text((x, y + 18), label)
    x, y = box.point(0.5, 0)
    lines = 1 + max((label.count("<br>") for _, label in panel.x.ticks()), default=0)
    yield text((x, y + 26 + lines * LABEL_LINE), x_layout.title.text)
    x, y = box.point(0, 0.5)
    yield text((x - 64, y), y_layout.title.text, upright=True)


def shapes(layout: Any, panels: list[Panel]) -> Iterator[str]:
    """Yield the lines that the layout adds, such as the axes of parallel coordinates."""
    for shape in layout.shapes:
        ends = [panels[0].point(shape.x0, shape.y0), panels[0].point(shape.x1, shape.y1)]
        yield line(ends, shape.line.color or GRID, width=1)


def notes(layout: Any, space: Box, panels: list[Panel]) -> Iterator[str]:
    """Yield the annotations: titles of panels, and labels of parallel coordinates."""
    for note in layout.annotations:
        place = space.point if note.xref == "paper" or not panels else panels[0].point
        x, y = place(note.x, note.y)
        up = 6 if note.yanchor == "bottom" else -4
        anchor = ANCHORS.get(note.xanchor, "middle")
        size = note.font.size or FONT_PIXELS
        yield text((x + (note.xshift or 0), y - up), note.text, anchor, size)


def in_legend(figure: Any, traces: list[tuple[Any, str]]) -> list[tuple[Any, str]]:
    """Return the traces that the legend names; none if there is only one, as in plotly."""
    shown = figure.layout.showlegend
    if shown is False or (shown is None and len(traces) < 2):
        return []
    return [each for each in traces if each[0].showlegend is not False and each[0].name]


def legend(named: list[tuple[Any, str]], space: Box) -> Iterator[str]:
    """Yield a sample and the name of each trace, to the right of the panels."""
    left = space.left + space.width + 24
    middle, right = left + SAMPLE_WIDTH / 2, left + SAMPLE_WIDTH
    for place, (trace, colour) in enumerate(named):
        y = space.top + 10 + place * LEGEND_LINE
        if "lines" in (trace.mode or "lines"):
            yield line([(left, y), (right, y)], colour, dashed=is_dashed(trace))
        if "markers" in (trace.mode or ""):
            yield sample(trace, (middle, y), colour)
        yield text((right + 8, y + 4), trace.name, "start")


def legend_width(named: list[tuple[Any, str]]) -> int:
    """Return the pixels beside the panels that the legend takes."""
    longest = max((len(trace.name) for trace, _ in named), default=0)
    return SAMPLE_WIDTH + 40 + CHARACTER_WIDTH * longest if named else 0
