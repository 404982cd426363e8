"""All models in one figure: by activity, by popularity, by concentration, by length of list."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

Breakdowns = Mapping[str, Mapping[str, Any]]
Style = Mapping[str, Any]

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
"""Of Okabe and Ito, who chose them to be told apart by everybody, without the yellow; and brown."""

SYMBOLS = ("circle", "square", "diamond", "triangle-up", "triangle-down", "cross", "x", "star")
ERROR = "RMSE"
"""The title of the panels that do not start at 0, as no error is near it."""

PANEL_HEIGHT, MARGIN_HEIGHT = 300, 160


def styles_of(models: Iterable[str]) -> dict[str, Style]:
    """The colour and the symbol of each model, the same in every figure."""
    return {
        model: {
            "line": {"color": COLOURS[place % len(COLOURS)], "width": 1.75},
            "marker": {"symbol": SYMBOLS[place % len(SYMBOLS)], "size": 8},
        }
        for place, model in enumerate(models)
    }


def draw_groups(
    breakdowns: Breakdowns,
    rows: str,
    metrics: Mapping[str, str],
    label: Callable[[Mapping[str, Any]], str],
    styles: Mapping[str, Style],
    mode: str = "lines+markers",
) -> "Figure":
    """A panel per metric, a line per model over the groups; no panel of what no model tells."""
    told = {
        metric: title
        for metric, title in metrics.items()
        if any(row.get(metric) is not None for of in breakdowns.values() for row in of[rows])
    }
    figure = _panels(list(told.values()))
    for panel, metric in enumerate(told, start=1):
        for model, of in breakdowns.items():
            points = [row for row in of[rows] if row.get(metric) is not None]
            if points:
                x, y = [label(row) for row in points], [row[metric] for row in points]
                _add_line(figure, model, x, y, styles[model], panel, mode)
    return figure


def draw_by_activity(breakdowns: Breakdowns, styles: Mapping[str, Style]) -> "Figure":
    """NDCG, and RMSE where told, of the users in fifths by how many ratings they have."""
    metrics = {"ndcg": f"NDCG@{_length(breakdowns)}", "rmse": ERROR}
    figure = draw_groups(breakdowns, "activity", metrics, label_of_fifth, styles)
    axis = "fifths of the users by their ratings in train and validation"
    return _finish(figure, "Metrics by how active users are", axis)


def draw_by_popularity(breakdowns: Breakdowns, styles: Mapping[str, Style]) -> "Figure":
    """Recall of held-out likes, and RMSE where told, of head, middle and tail of the items."""
    metrics = {"recall": f"Recall@{_length(breakdowns)}", "rmse": ERROR}
    figure = draw_groups(breakdowns, "popularity", metrics, label_of_third, styles, "markers")
    # side by side within a group: models that recall all of the head would hide each other
    figure.update_layout(scattermode="group", scattergap=0.4)
    figure.update_traces(marker_size=10)
    _keep_off_zero(figure)
    axis = "items, the most rated first: each group holds a third of the training ratings"
    return _finish(figure, "Metrics by how popular items are", axis)


def draw_lorenz(breakdowns: Breakdowns, styles: Mapping[str, Style]) -> "Figure":
    """The share of all recommendations that the least recommended items have together."""
    figure = _panels([""])
    equal = {"color": "#888888", "dash": "dot", "width": 1.5}
    figure.add_scatter(x=[0, 1], y=[0, 1], mode="lines", name="every item alike", line=equal)
    for model, of in breakdowns.items():
        curve = of["lorenz"]
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
    """NDCG and recall of lists of every length up to the longest."""
    metrics = {"ndcg": "NDCG@k", "recall": "Recall@k"}
    figure = _panels(list(metrics.values()))
    for panel, metric in enumerate(metrics, start=1):
        for model, of in breakdowns.items():
            y = of["by_length"].get(metric, [])
            if y:
                x = list(range(1, len(y) + 1))
                _add_line(figure, model, x, y, styles[model], panel, mode="lines")
    return _finish(figure, "Metrics by length of list", "k, the length of list")


def label_of_fifth(row: Mapping[str, Any]) -> str:
    """The fifth, and from how many to how many ratings its users have."""
    fewest, most = row["from"], row["to"]
    ratings = f"{fewest}" if fewest == most else f"{fewest}–{most}"
    return f"{row['group'].replace('_', ' ')}<br>{ratings} ratings"


def label_of_third(row: Mapping[str, Any]) -> str:
    """The group of items, and how many they are."""
    return f"{row['group']}<br>{row['items']} items"


def _length(breakdowns: Breakdowns) -> str:
    return "/".join(dict.fromkeys(str(of["k"]) for of in breakdowns.values())) or "k"


def _panels(titles: Sequence[str]) -> "Figure":
    # plotly takes most of a second to import, and a run without figures need not wait
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
    mode: str = "lines+markers",
) -> None:
    # a model stands once in the legend, whatever its panels
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
    # plotly takes side by side to mean from 0, where the errors would be pressed together
    for axis in figure.select_yaxes(selector={"title.text": ERROR}):
        name = axis.plotly_name.replace("axis", "")
        errors = [value for trace in figure.data if trace.yaxis == name for value in trace.y]
        room = 0.1 * (max(errors) - min(errors)) or 0.1
        axis.update(range=[min(errors) - room, max(errors) + room])


def _finish(figure: "Figure", title: str, axis: str, height: int | None = None) -> "Figure":
    if not any(trace.legendgroup for trace in figure.data):  # of a model, that is
        title = f"{title}: no model was judged"
    rows = len(list(figure.select_xaxes()))
    figure.update_xaxes(title_text=axis, row=rows, col=1)
    figure.update_layout(title=title, template="plotly_white", margin={"t": 70})
    return figure.update_layout(height=height) if height else figure
