"""Figures as SVG and as pages that need no internet."""

import base64
import gzip
import json
import re
from xml.etree import ElementTree

import plotly.graph_objects as go
import pytest
from hypothesis import given
from hypothesis import strategies as st
from plotly.offline import get_plotlyjs

from collaborative_autoencoders.tracking.drawn import to_svg
from collaborative_autoencoders.tracking.figure_page import to_page
from collaborative_autoencoders.tracking.svg_axes import Axis, limits

SVG = "{http://www.w3.org/2000/svg}"
ends = st.floats(-1e6, 1e6).map(lambda value: round(value, 3))


def elements(figure: go.Figure, kind: str) -> list[ElementTree.Element]:
    """The elements of this kind in the SVG, in the order in which they are drawn."""
    return list(ElementTree.fromstring(to_svg(figure)).iter(f"{SVG}{kind}"))


def words(figure: go.Figure) -> list[str]:
    return ["".join(element.itertext()) for element in elements(figure, "text")]


def circles(figure: go.Figure) -> list[tuple[float, float]]:
    return [(float(c.get("cx")), float(c.get("cy"))) for c in elements(figure, "circle")]


def scatter(x, y, **more) -> go.Figure:
    return go.Figure(go.Scatter(x=x, y=y, mode="markers", **more))


def test_a_marker_is_where_its_value_is_between_the_labels():
    figure = scatter([1, 2, 3], [10, 20, 40]).update_xaxes(range=[0, 4]).update_yaxes(range=[0, 40])
    (x1, y1), (x2, y2), (x3, y3) = circles(figure)
    assert x2 - x1 == pytest.approx(x3 - x2)
    assert (y1 - y2) * 2 == pytest.approx(y2 - y3, abs=0.2)  # 10 is half of 20; rounded pixels
    assert y1 > y2 > y3  # upwards
    heights = {
        "".join(label.itertext()): float(label.get("y"))
        for label in elements(figure, "text")
        if label.get("text-anchor") == "end"
    }
    assert heights["10"] - 4 == pytest.approx(y1, abs=0.1)


@given(ends, ends)
def test_labels_are_few_and_on_the_axis(one, other):
    low, high = limits([one, other], from_zero=False)
    ticks = Axis(low, high).ticks()
    assert 1 <= len(ticks) <= 7
    assert all(-1e-6 <= place <= 1 + 1e-6 for place, _ in ticks)


def test_values_that_are_missing_are_not_drawn():
    assert len(circles(scatter([1, 2, 3], [1.0, None, float("nan")]))) == 1


def test_names_are_in_the_order_of_the_figure_and_are_escaped():
    figure = scatter(["tail", "head"], [1, 2], name="<a> & b").update_layout(
        title="A <b>", showlegend=True
    )
    (x_tail, _), (x_head, _), _ = circles(figure)
    assert x_tail < x_head
    assert {"A <b>", "<a> & b", "tail", "head"} <= set(words(figure))


def test_a_bar_lies_from_zero_to_its_value():
    figure = go.Figure(go.Bar(x=[0.25, 0.75], y=["a", "b"], orientation="h"))
    short, long = (float(bar.get("width")) for bar in elements(figure, "rect")[1:])
    assert long == pytest.approx(3 * short, abs=0.3)


@pytest.mark.parametrize(
    "figure",
    [
        go.Figure(go.Heatmap(z=[[1]])),
        go.Figure(go.Bar(x=["a"], y=[1])),
        scatter([1, 10], [1, 2]).update_xaxes(type="log"),
    ],
)
def test_a_figure_that_would_be_drawn_wrong_is_not_drawn(figure):
    assert to_svg(figure) is None


def test_a_page_has_plotly_and_the_figure_in_it_and_loads_nothing():
    figure = scatter([1], [2], name="</script>").update_layout(title="A & B")
    page = to_page(figure)
    parts = dict(re.findall(r'<script type="[\w/]+" id="(\w+)">(.*?)</script>', page, re.DOTALL))
    assert gzip.decompress(base64.b64decode(parts["plotly"])).decode() == get_plotlyjs()
    assert json.loads(parts["content"]) == json.loads(figure.to_json())
    assert not re.search(r"(src|href)=", page)
    assert "<title>A &amp; B</title>" in page
