"""How a model learned, as a figure."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

History = Mapping[str, Sequence[Mapping[str, float]]]
PANEL_HEIGHT = 220


def is_drawn(name: str) -> bool:
    """Whether a series tells how well the model learns; the others stand in MLflow."""
    return name == "train_loss" or name.startswith("validation_")


def draw_history(history: History, title: str) -> "Figure":
    """Loss and validation over the epochs, a panel each, as their scales differ."""
    # plotly takes most of a second to import, and a run without figures need not wait
    from plotly.subplots import make_subplots

    series = {name: points for name, points in history.items() if points and is_drawn(name)}
    panels = max(1, len(series))
    titles = [name.replace("_", " ") for name in series] or ["nothing was learned by epochs"]
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
    return figure.update_layout(title=title, height=PANEL_HEIGHT * (panels + 1), showlegend=False)
