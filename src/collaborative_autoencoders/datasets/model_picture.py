"""The picture of a fitted model: its equation, its layers, its options and its tensors."""

import inspect
import math
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from collaborative_autoencoders.models.layers import Layer
from collaborative_autoencoders.models.model import Catalogue
from collaborative_autoencoders.models.registry import MODELS, model_class
from collaborative_autoencoders.options import read_options

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

Shapes = Mapping[str, list[int]]

BLUE, GREY = "#0072b2", "#8a8a8a"
"""Colours that are legible on white and on black."""

CHARACTERS, LABEL_CHARACTERS = 50, 13
"""Widths of a line of text: of the equation, and below a layer."""

IN_PAPER = {"xref": "paper", "yref": "paper"}
"""Places are shares of the figure: kedro-viz sets axes and margins of its own."""


def picture_of(about: Mapping[str, Any], shapes: Shapes) -> "Figure":
    """Return the picture of a model from the header of its file.

    `about` has name, options and catalogue, and `shapes` the shape of each tensor. The picture of a
    model that was left out has the reason instead.
    """
    import plotly.graph_objects as go

    layers = layers_of(about)
    figure = go.Figure(table_of(list(rows_of(about, shapes)), share=0.26 if layers else 0.75))
    add_layers(figure, layers)
    equation = "<br>".join(textwrap.wrap(equation_of(about["model"]), CHARACTERS))
    figure.add_annotation(text=equation, x=0, y=1, xanchor="left", yanchor="top", align="left")
    figure.update_annotations(showarrow=False, **IN_PAPER)
    numbers = sum(math.prod(shape) for shape in shapes.values())
    return figure.update_layout(title=f"{about['model']}: {numbers:,} numbers")


def equation_of(model: str) -> str:
    """Return the paragraph of a model's documentation that has its equation, or the first."""
    paragraphs = (
        (inspect.getdoc(model_class(model)) or "").split("\n\n") if model in MODELS else [""]
    )
    return next((each for each in paragraphs if " = " in each), paragraphs[0])


def layers_of(about: Mapping[str, Any]) -> list[Layer]:
    """Return the layers of a network; none for any other model."""
    name, options = about["model"], about.get("options")
    if name not in MODELS or not MODELS[name].is_network or options is None:
        return []
    network = model_class(name)
    layers: list[Layer] = network.layers(
        read_options(network.options_class, options), Catalogue(**about["catalogue"])
    )
    return layers


def rows_of(about: Mapping[str, Any], shapes: Shapes) -> Iterator[tuple[str, str]]:
    """Yield the rows of the table: why the model was left out, its options, its tensors."""
    if about.get("left_out"):
        yield "left out", str(about["left_out"])
    for name, value in (about.get("options") or {}).items():
        yield name, str(value)
    for name, shape in shapes.items():
        yield name, " × ".join(f"{size:,}" for size in shape) or "one number"


def table_of(rows: Sequence[tuple[str, str]], share: float) -> Any:
    """Return the table of options and tensors, in the lower `share` of the figure."""
    import plotly.graph_objects as go

    return go.Table(
        header={
            "values": ["option or tensor", "value or shape"],
            "fill": {"color": BLUE},
            "font": {"color": "white"},
            "align": "left",
        },
        cells={
            "values": list(zip(*rows, strict=True)),
            "fill": {"color": "rgba(0, 0, 0, 0)"},
            "line": {"color": GREY},
            "align": "left",
        },
        domain={"x": [0, 1], "y": [0, share]},
    )


def add_layers(figure: "Figure", layers: Sequence[Layer]) -> None:
    """Draw a box per layer with its number of units, from left to right, and arrows between."""
    for place, layer in enumerate(layers):
        left, right = ((place + side) / len(layers) for side in (0.1, 0.9))
        middle = (left + right) / 2
        box = {"x0": left, "x1": right, "y0": 0.5, "y1": 0.78}
        figure.add_shape(type="rect", fillcolor=BLUE, line={"width": 0}, **box, **IN_PAPER)
        units = f"<b>{layer.units:,}</b>" + f"<br>{layer.activation}" * bool(layer.activation)
        figure.add_annotation(
            text=units, x=middle, y=0.64, xanchor="center", font={"color": "white"}
        )
        label = "<br>".join(textwrap.wrap(layer.shows, LABEL_CHARACTERS))
        figure.add_annotation(text=label, x=middle, y=0.49, xanchor="center", yanchor="top")
        if place:
            figure.add_annotation(text="→", x=place / len(layers), y=0.64, xanchor="center")
