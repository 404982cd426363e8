"""The importance of each axis of a search, and three figures of a search."""

from collections.abc import Callable
from typing import Any

import optuna
import plotly.graph_objects as go
from optuna import visualization
from optuna.importance import FanovaImportanceEvaluator, get_param_importances
from optuna.trial import TrialState, create_trial

from .space import Choices, Range
from .study import COMPLETE, PRUNED, STATES, to_optuna

HEIGHT_PIXELS = 420

ORANGE, BLUE, GREY = "#e66100", "#4a90d9", "#8a8a8a"
"""Colours that can be seen on white and on black."""

FAINTEST = 0.15
"""Opacity of the worst trial's line."""

LEAST_TRIALS = 10
"""Complete trials that importances need: forests of fewer points say nothing."""


def importances_of(result: dict[str, Any]) -> dict[str, float]:
    """Return the share of each axis in the variance of the metric, largest first (fANOVA).

    The variance is over the complete trials. The result is empty if they are fewer than
    `LEAST_TRIALS` or have the same value.
    """
    study = rebuild(result)
    values = [trial.value for trial in study.get_trials(states=(TrialState.COMPLETE,))]
    if len(values) < LEAST_TRIALS or len(set(values)) < 2:
        return {}
    found = get_param_importances(study, evaluator=FanovaImportanceEvaluator(seed=0))
    return {name: float(share) for name, share in found.items()}


def draw_progress(result: dict[str, Any]) -> go.Figure:
    """Return a figure of the validation metric of each trial, and of the best so far."""
    return draw(result, visualization.plot_optimization_history, "trial by trial")


def draw_parallel_coordinates(result: dict[str, Any]) -> go.Figure:
    """Return a figure with a line per complete trial: the best is orange, the worst are faint."""
    title = "complete trials, the best in orange"
    figure = draw(result, visualization.plot_parallel_coordinate, title)
    return figure if result["left_out"] else with_best_in_front(figure, result["higher_is_better"])


def with_best_in_front(figure: go.Figure, higher_is_better: bool) -> go.Figure:
    """Return parallel coordinates whose most visible line is the best trial, on white and on black.

    Optuna's colours go from white to dark blue, so that on black the worst trials are the
    brightest. Its colour bar goes too: the first axis has the value. The place on this axis ranks
    the lines, which are not in the order of the trials.
    """
    lines = [trace for trace in figure.data if trace.mode == "lines"]
    ranked = sorted(lines, key=lambda line: float(line.y[0]), reverse=not higher_is_better)
    for place, line in enumerate(ranked, start=1):
        line.update(opacity=FAINTEST + place / len(ranked) / 2, line={"color": BLUE, "width": 1.5})
    if ranked:
        ranked[-1].update(opacity=1, line={"color": ORANGE, "width": 4}, name="best trial")
    figure.data = ranked
    return figure.update_annotations(font_color=GREY).update_shapes(line_color=GREY)


def draw_importances(result: dict[str, Any]) -> go.Figure:
    """Return a figure with a bar per axis: its importance."""
    if result["left_out"]:
        return with_words(result["left_out"])
    shares = dict(reversed(importances_of(result).items()))
    if not shares:
        return with_words(
            f"importances need {LEAST_TRIALS} complete trials with different values of the metric"
        )
    bars = go.Bar(x=list(shares.values()), y=list(map(option_of, shares)), orientation="h")
    title = "importance, as a share of the variance of the validation metric (fANOVA)"
    return with_title(go.Figure(bars), result, title)


def draw(result: dict[str, Any], plot: Callable[..., go.Figure], title: str) -> go.Figure:
    """Return one of optuna's figures, or why nothing was searched."""
    if result["left_out"]:
        return with_words(result["left_out"])
    figure = plot(rebuild(result, option_of), target_name=f"validation {result['metric']}")
    return with_title(figure, result, title)


def with_title(figure: go.Figure, result: dict[str, Any], title: str) -> go.Figure:
    """Return the figure with a title and a fixed height."""
    title = f"{result['model']} ({result['study']}): {title}"
    return figure.update_layout(title=title, height=HEIGHT_PIXELS, template="plotly_white")


def with_words(text: str) -> go.Figure:
    """Return a figure that only says why there is nothing to draw."""
    middle = {"x": 0.5, "y": 0.5, "xref": "paper", "yref": "paper"}
    figure = go.Figure().add_annotation(text=text, showarrow=False, **middle)
    figure.update_xaxes(visible=False).update_yaxes(visible=False)
    return figure.update_layout(height=HEIGHT_PIXELS, template="plotly_white")


def option_of(axis: str) -> str:
    """Return `hidden_size` for `model.hidden_size`, which is too long for the axis of a figure."""
    return axis.partition(".")[2]


def rebuild(result: dict[str, Any], rename: Callable[[str], str] = str) -> optuna.Study:
    """Return the finished trials as a study in memory, with each axis renamed."""
    axes = {
        rename(name): to_optuna(
            Choices(tuple(axis["values"])) if "values" in axis else Range(**axis)
        )
        for name, axis in result["axes"].items()
    }
    study = optuna.create_study(direction="maximize" if result["higher_is_better"] else "minimize")
    for trial in result["trials"]:
        if trial["state"] in (COMPLETE, PRUNED) and trial["value"] is not None:
            study.add_trial(
                create_trial(
                    state=STATES[trial["state"]],
                    value=trial["value"],
                    params={rename(name): value for name, value in trial["stored"].items()},
                    distributions=axes,
                )
            )
    return study
