"""Elements of an SVG, in pixels from the upper left corner."""

from collections.abc import Iterable
from html import escape
from typing import NamedTuple

Point = tuple[float, float]

INK, FONT_PIXELS = "#2a3f5f", 13
SYMBOLS = {
    "square": "-5,-5 5,-5 5,5 -5,5",
    "diamond": "0,-7 7,0 0,7 -7,0",
    "triangle-up": "0,-7 6,5 -6,5",
    "triangle-down": "0,7 6,-5 -6,-5",
    "cross": "-2,-6 2,-6 2,-2 6,-2 6,2 2,2 2,6 -2,6 -2,2 -6,2 -6,-2 -2,-2",
    "x": "-6,-4 -4,-6 0,-2 4,-6 6,-4 2,0 6,4 4,6 0,2 -4,6 -6,4 -2,0",
    "star": "0,-8 2,-3 8,-3 3,1 5,7 0,3 -5,7 -3,1 -8,-3 -2,-3",
}
"""Corners of plotly's symbols around the origin, at size 10; any other symbol is a circle."""


class Box(NamedTuple):
    """A rectangle."""

    left: float
    top: float
    width: float
    height: float

    def point(self, x: float, y: float) -> Point:
        """Return the pixels of a place in the box; x and y are from 0 to 1, y upwards."""
        return self.left + x * self.width, self.top + (1 - y) * self.height


def document(width: int, height: int, parts: Iterable[str]) -> str:
    """Return the whole SVG, on white."""
    size = f'width="{width}" height="{height}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" {size} '
    ground = f'<rect {size} fill="white"/>'
    return "\n".join([f'{head}font-family="sans-serif">', ground, *parts, "</svg>\n"])


def line(points: Iterable[Point], colour: str, width: float = 1.75, dashed: bool = False) -> str:
    """Return a line through these points."""
    corners = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    dashes = ' stroke-dasharray="3 4"' if dashed else ""
    style = f'fill="none" stroke="{colour}" stroke-width="{width}"{dashes}'
    return f'<polyline points="{corners}" {style}/>'


def marker(point: Point, symbol: str | None, size: float, colour: str) -> str:
    """Return a symbol of plotly at this point; `size` is its diameter."""
    x, y = point
    if symbol in SYMBOLS:
        place = f'transform="translate({x:.1f} {y:.1f}) scale({size / 10:g})"'
        return f'<polygon points="{SYMBOLS[symbol]}" {place} fill="{colour}"/>'
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{size / 2:g}" fill="{colour}"/>'


def rectangle(box: Box, colour: str) -> str:
    """Return a filled rectangle."""
    place = f'x="{box.left:.1f}" y="{box.top:.1f}"'
    return f'<rect {place} width="{box.width:.1f}" height="{box.height:.1f}" fill="{colour}"/>'


def text(
    point: Point,
    words: str | None,
    anchor: str = "middle",
    size: int = FONT_PIXELS,
    upright: bool = False,
) -> str:
    """Return words that are centred on a point, or start or end there; `<br>` breaks the line."""
    x, y = point
    turned = f' transform="rotate(-90 {x:.1f} {y:.1f})"' if upright else ""
    lines = [
        f'<tspan x="{x:.1f}" dy="{number and 1.2 * size:.1f}">{escape(words_of_line)}</tspan>'
        for number, words_of_line in enumerate((words or "").split("<br>"))
    ]
    style = f'font-size="{size}" fill="{INK}" text-anchor="{anchor}"'
    return f'<text x="{x:.1f}" y="{y:.1f}" {style}{turned}>{"".join(lines)}</text>'
