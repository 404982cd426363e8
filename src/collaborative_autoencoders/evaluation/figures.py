"""Plotly figures: learning curves of one model, and comparisons of all models."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from collaborative_autoencoders.metrics.table import METRICS

from .breakdown import BY_LENGTH

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

Breakdowns = Mapping[str, Mapping[str, Any]]
Style = Mapping[str, Any]
History = Mapping[str, Sequence[Mapping[str, float]]]
"""Curves by name. A point has the keys `value` and `step`."""

COLOURS = (
    "#0072b2",
    "#d55e00",
    "#009e73",
    "#cc79a7",
    "#e69f00",
    "#56b4e9",
    "#000000",
    "#8c564b",
)
"""The colour-blind safe palette of Okabe and Ito (2008), with brown instead of yellow."""

SYMBOLS = ("circle", "square", "diamond", "triangle-up", "triangle-down", "cross", "x", "star")
ERROR = METRICS["rmse"].heading
"""Title of the panels whose axis does not start at 0, because no error is close to 0."""

GRID = "rgba(128, 128, 128, 0.3)"
"""Colour of the grid, for white and black: kedro-viz sets only that of the first panel."""

PANEL_HEIGHT, MARGIN_HEIGHT = 300, 160
CURVE_HEIGHT = 220
CURVES = "Learning curves"


def styles_of(models: Iterable[str]) -> dict[str, Style]:
    """Return the colour and symbol of each model, which all figures share."""
    return {
        model: {
            "line": {"color": COLOURS[place % len(COLOURS)], "width": 1.75},
            "marker": {"symbol": SYMBOLS[place % len(SYMBOLS)], "size": 8},
        }
        for place, model in enumerate(models)
    }


def is_drawn(name: str) -> bool:
    """Return whether a series is drawn: the training loss and the validation metric."""
    return name == "train_loss" or name.startswith("validation_")


def draw_history(history: History) -> "Figure":
    """Draw training loss and validation metric by epoch, each in its own panel."""
    from plotly.subplots import make_subplots

    series = {name: points for name, points in history.items() if points and is_drawn(name)}
    panels = max(1, len(series))
    titles = [name.replace("_", " ") for name in series] or ["this model is not fitted in epochs"]
    figure = make_subplots(rows=panels, cols=1, shared_xaxes=True, subplot_titles=titles)
    for row, (name, points) in enumerate(series.items(), start=1):
        figure.add_scatter(
            x=[point["step"] for point in points],
            y=[point["value"] for point in points],
            name=name,
            mode="lines+markers",
            row=row,
            col=1,
        )
    figure.update_xaxes(title_text="epoch", row=panels, col=1)
    height = CURVE_HEIGHT * (panels + 1)
    return with_grid(figure).update_layout(title=CURVES, height=height, showlegend=False)


def with_grid(figure: "Figure") -> "Figure":
    """Return the figure with a grid that is faint on white and on black."""
    grid = {"gridcolor": GRID, "zerolinecolor": GRID}
    return figure.update_xaxes(**grid).update_yaxes(**grid)


def side_by_side(curves: Mapping[str, "Figure"]) -> "Figure":
    """Return one figure with a column per model, which has the panels of `draw_history`."""
    from plotly.subplots import make_subplots

    panels = max((len(drawn.data) for drawn in curves.values()), default=1)
    titles = [
        f"{model}<br>{drawn.data[row].name.replace('_', ' ')}" if row < len(drawn.data) else ""
        for row in range(panels)
        for model, drawn in curves.items()
    ] or ["no model is fitted in epochs"]
    figure = make_subplots(panels, max(1, len(curves)), shared_xaxes=True, subplot_titles=titles)
    for column, drawn in enumerate(curves.values(), start=1):
        for row, trace in enumerate(drawn.data, start=1):
            figure.add_trace(trace, row, column)
    figure.update_traces(line_color=COLOURS[0]).update_annotations(font_size=11)
    figure.update_xaxes(title_text="epoch", row=panels)
    height = CURVE_HEIGHT * (panels + 1)
    return with_grid(figure).update_layout(title=CURVES, height=height, showlegend=False)


def draw_groups(
    breakdowns: Breakdowns,
    rows: str,
    metrics: Mapping[str, str],
    label: Callable[[Mapping[str, Any]], str],
    styles: Mapping[str, Style],
    mode: str = "lines+markers",
) -> "Figure":
    """Draw one panel per metric and one line per model over the groups.

    A metric that no model has gets no panel.
    """
    available = {
        metric: title
        for metric, title in metrics.items()
        if any(
            row.get(metric) is not None for groups in breakdowns.values() for row in groups[rows]
        )
    }
    figure = _panels(list(available.values()))
    for panel, metric in enumerate(available, start=1):
        for model, groups in breakdowns.items():
            points = [row for row in groups[rows] if row.get(metric) is not None]
            if points:
                x, y = [label(row) for row in points], [row[metric] for row in points]
                _add_line(figure, model, x, y, styles[model], panel, mode)
    return figure


def draw_by_activity(breakdowns: Breakdowns, styles: Mapping[str, Style]) -> "Figure":
    """Draw NDCG, and RMSE if predicted, by fifths of the users by their number of ratings."""
    metrics = {"ndcg": _heading("ndcg", _length(breakdowns)), "rmse": ERROR}
    figure = draw_groups(breakdowns, "activity", metrics, label_of_fifth, styles)
    axis = "fifths of the users, by their number of known ratings"
    return _finish(figure, "Metrics by user activity", axis)


def draw_by_popularity(breakdowns: Breakdowns, styles: Mapping[str, Style]) -> "Figure":
    """Draw recall of held-out likes, and RMSE if predicted, by head, middle and tail."""
    metrics = {"recall": _heading("recall", _length(breakdowns)), "rmse": ERROR}
    figure = draw_groups(breakdowns, "popularity", metrics, label_of_third, styles, "markers")
    # side by side within a group, because models with equal values would hide each other
    figure.update_layout(scattermode="group", scattergap=0.4)
    figure.update_traces(marker_size=10)
    _keep_off_zero(figure)
    axis = "items, the most rated first; each group has a third of the training ratings"
    return _finish(figure, "Metrics by item popularity", axis)


def draw_lorenz(breakdowns: Breakdowns, styles: Mapping[str, Style]) -> "Figure":
    """Draw Lorenz curves: the share of recommendations that the least recommended items have."""
    figure = _panels([""])
    equal = {"color": "#888888", "dash": "dot", "width": 1.5}
    figure.add_scatter(x=[0, 1], y=[0, 1], mode="lines", name="equal shares", line=equal)
    for model, breakdown in breakdowns.items():
        curve = breakdown["lorenz"]
        if curve:
            name = f"{model} (Gini {curve['gini']:.3f})"
            figure.add_scatter(
                x=curve["items"],
                y=curve["recommendations"],
                mode="lines",
                name=name,
                legendgroup=model,
                line=styles[model]["line"],
            )
    figure.update_yaxes(title_text="share of recommendations", tickformat=".0%")
    figure.update_xaxes(tickformat=".0%")
    title = f"How often items are recommended in lists of {_length(breakdowns)}"
    return _finish(figure, title, "share of items, the least recommended first", height=560)


def draw_by_length(breakdowns: Breakdowns, styles: Mapping[str, Style]) -> "Figure":
    """Draw NDCG and recall for every length of list, from 1 to the longest."""
    metrics = {name: _heading(name, "k") for name in BY_LENGTH}
    figure = _panels(list(metrics.values()))
    for panel, metric in enumerate(metrics, start=1):
        for model, breakdown in breakdowns.items():
            y = breakdown["by_length"].get(metric, [])
            if y:
                x = list(range(1, len(y) + 1))
                _add_line(figure, model, x, y, styles[model], panel, mode="lines")
    return _finish(figure, "Metrics by length of list", "k, the length of list")


def label_of_fifth(row: Mapping[str, Any]) -> str:
    """Return the name of the fifth and its range of ratings per user."""
    fewest, most = row["from"], row["to"]
    ratings = f"{fewest}" if fewest == most else f"{fewest}–{most}"
    return f"{row['group'].replace('_', ' ')}<br>{ratings} ratings"


def label_of_third(row: Mapping[str, Any]) -> str:
    """Return the name of the group and its number of items."""
    return f"{row['group']}<br>{row['items']} items"


def _heading(metric: str, k: str) -> str:
    return f"{METRICS[metric].heading}@{k}"


def _length(breakdowns: Breakdowns) -> str:
    return "/".join(dict.fromkeys(str(each["k"]) for each in breakdowns.values())) or "k"


def _panels(titles: Sequence[str]) -> "Figure":
    # imported here because plotly takes most of a second to import
    from plotly.subplots import make_subplots

    rows = max(1, len(titles))
    spacing = 0.1 if rows > 1 else 0
    figure = make_subplots(rows=rows, cols=1, shared_xaxes=True, vertical_spacing=spacing)
    for row, title in enumerate(titles, start=1):
        start = "normal" if title == ERROR else "tozero"
        figure.update_yaxes(title_text=title, rangemode=start, row=row, col=1)
    return figure.update_layout(height=PANEL_HEIGHT * rows + MARGIN_HEIGHT)


def _add_line(
    figure: "Figure",
    model: str,
    x: Sequence[Any],
    y: Sequence[float],
    style: Style,
    panel: int,
    mode: str,
) -> None:
    # one legend entry per model, also if it is in several panels
    named = any(trace.legendgroup == model for trace in figure.data)
    figure.add_scatter(
        x=x,
        y=y,
        mode=mode,
        name=model,
        legendgroup=model,
        showlegend=not named,
        row=panel,
        col=1,
        **style,
    )


def _keep_off_zero(figure: "Figure") -> None:
    # with grouped markers plotly starts the axis at 0, where errors are too close to distinguish
    for axis in figure.select_yaxes(selector={"title.text": ERROR}):
        name = axis.plotly_name.replace("axis", "")
        errors = [value for trace in figure.data if trace.yaxis == name for value in trace.y]
        room = 0.1 * (max(errors) - min(errors)) or 0.1
        axis.update(range=[min(errors) - room, max(errors) + room])


def _finish(figure: "Figure", title: str, axis: str, height: int | None = None) -> "Figure":
    if not any(trace.legendgroup for trace in figure.data):  # only models have a legend group
        title = f"{title}: no model was evaluated"
    rows = len(list(figure.select_xaxes()))
    figure.update_xaxes(title_text=axis, row=rows, col=1)
    with_grid(figure).update_layout(title=title, template="plotly_white", margin={"t": 70})
    return figure.update_layout(height=height) if height else figure
