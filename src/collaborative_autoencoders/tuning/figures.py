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
    """Return a figure with a line per complete trial, coloured by the validation metric."""
    return draw(result, visualization.plot_parallel_coordinate, "complete trials")


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
