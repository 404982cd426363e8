"""What stored figures claim, checked when they are read."""

import math
import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from pandas.api import types

from collaborative_autoencoders.columns import MODEL
from collaborative_autoencoders.metrics.intervals import Bounds
from collaborative_autoencoders.metrics.table import (
    METRICS,
    Measure,
    at,
    measure,
    measure_if_known,
    metrics_of,
)
from collaborative_autoencoders.models.registry import run_of

from .averages import mean_of_users
from .differences import DIFFERENCE, HIGH, LOW, METRIC, OTHER, VERDICT, verdict_of
from .evaluate import N_RATINGS, N_RELEVANT
from .options import EvaluationOptions

BESIDES_A_METRIC = "^(unseen|known)_|_(fifth_[0-9]+|head|middle|tail)$"
PARTS_OF_A_BREAKDOWN = {"k", "activity", "popularity", "lorenz", "by_length"}

ROUNDING = 1e-9


def check_figures(figures: Any) -> None:
    """Raise ValueError, with the name, if a figure is no finite number or off its metric's scale.

    The ends of an interval may lie outside the scale of a metric, but in order.
    """
    if not isinstance(figures, dict):
        raise ValueError(f"it holds {type(figures).__name__}, not figures by name")
    for name, value in figures.items():
        if type(value) not in (int, float) or not math.isfinite(value):
            raise ValueError(f"{name} is {value!r}, not a finite number")
    for name, value in figures.items():
        metric = metric_of(name)
        lowest, highest = bounds_of(metric)
        if metric is not None and not lowest - ROUNDING <= value <= highest + ROUNDING:
            raise ValueError(f"{name} is {value}, which no {metric} can be")
        low, high = f"{name}_low", f"{name}_high"
        if low in figures and high in figures and figures[low] > figures[high]:
            raise ValueError(f"the interval of {name} ends below its start")


def check_breakdown(breakdown: Any) -> None:
    """Raise ValueError unless rows, curves and lists have figures that can be."""
    if breakdown == {}:
        return  # of a model that was left out
    if not isinstance(breakdown, dict) or breakdown.keys() != PARTS_OF_A_BREAKDOWN:
        raise ValueError(f"it does not have the keys {sorted(PARTS_OF_A_BREAKDOWN)}")
    k = breakdown["k"]
    check_figures({"k": k})
    for row in (*breakdown["activity"], *breakdown["popularity"]):
        numbers = {
            name: value for name, value in row.items() if name != "group" and value is not None
        }
        check_figures(
            {at(name, k) if is_of_lists(name) else name: numbers[name] for name in numbers}
        )
        if min(numbers.values(), default=0) < 0:
            raise ValueError(f"a figure of {row.get('group')} is below 0")
    curve = {name: value for name, value in breakdown["lorenz"].items() if name != "gini"}
    check_figures({at("gini", k): breakdown["lorenz"].get("gini", 0)})
    for name, values in (*curve.items(), *breakdown["by_length"].items()):
        if not isinstance(values, list):
            raise ValueError(f"{name} is {values!r}, not a list")
        check_figures({at("ndcg", place + 1): value for place, value in enumerate(values)})


def bounds_of(metric: str | None) -> Bounds:
    """Return the lowest and highest possible value of a metric; from 0 up if it has no bounds."""
    found = None if metric is None else METRICS[metric].bounds
    return found or Bounds(0.0, math.inf)


def is_of_lists(name: str) -> bool:
    """Return whether this is a metric of lists, whose figures are named after a length of list."""
    return name in METRICS and METRICS[name].of != "ratings"


def metric_of(name: str) -> str | None:
    """Return the metric of a figure, such as `ndcg` of `unseen_ndcg_at_10`; None for others."""
    found = measure_if_known(re.sub(BESIDES_A_METRIC, "", name))
    return None if found is None else found.metric.name


def check_means(
    model: str, figures: Mapping[str, float], user_scores: pd.DataFrame, options: EvaluationOptions
) -> None:
    """Raise ValueError if a figure is not the mean of the scores of the users."""
    if user_scores.empty:
        return
    lists = [Measure(metric, k) for k in options.k for metric in metrics_of("list")]
    for each in (*lists, *(Measure(metric) for metric in metrics_of("ratings"))):
        found, right = figures.get(each.name, math.nan), mean_of_users(user_scores, each)
        if not np.isclose(found, right, rtol=ROUNDING, atol=1e-12, equal_nan=True):
            raise ValueError(
                f"{model}.metrics has {each.name} {found:.6g}, but the mean of {model}.user_scores "
                f"is {right:.6g}: one of the files was changed or is of another run. Make them "
                f"again: {run_of(model)} --from-nodes {model}.evaluate_model"
            )


def check_same_users(user_scores: Mapping[str, pd.DataFrame]) -> None:
    """Raise ValueError unless all models have as many held-out likes and ratings of each user.

    Models that were evaluated on different samples of users do not. Ratings are compared among the
    models that predict them.
    """
    first: dict[str, tuple[str, pd.Series]] = {}
    for model, scores in user_scores.items():
        for column in {N_RELEVANT, N_RATINGS} & {*scores}:
            if scores.empty:
                continue
            other, theirs = first.setdefault(column, (model, scores[column]))
            if not np.array_equal(theirs, scores[column]):
                raise ValueError(
                    f"{model} and {other} were not evaluated on the same users: "
                    "evaluation.test_users or the split has changed between them. Evaluate "
                    f"{model} again: {run_of(model)} --from-nodes {model}.evaluate_model"
                )


def check_leaderboard(board: pd.DataFrame) -> None:
    """Raise ValueError if a model occurs twice or a figure is impossible."""
    if MODEL not in board or not board[MODEL].is_unique:
        raise ValueError(f"it has no column {MODEL}, or a model twice")
    for row in board.select_dtypes("number").to_dict(orient="records"):
        check_figures({str(name): value for name, value in row.items() if not math.isnan(value)})
    for name in board.columns:
        if metric_of(str(name)) and not types.is_numeric_dtype(board[name]):
            raise ValueError(f"{name} holds text")


def check_differences(table: pd.DataFrame) -> None:
    """Raise ValueError if a pair occurs twice, or a verdict is not that of its interval."""
    if table.duplicated([METRIC, MODEL, OTHER]).any():
        raise ValueError("a pair of models occurs twice")
    for row in table[[METRIC, DIFFERENCE, LOW, HIGH, VERDICT]].itertuples(index=False):
        name, difference, low, high, verdict = row
        right = verdict_of(low, high, measure(name).metric.higher_is_better)
        if not (math.isnan(low) or low <= high) or (right or "") != (
            verdict if isinstance(verdict, str) else ""
        ):
            raise ValueError(f"{difference} from {low} to {high} is {right!r}, not {verdict!r}")
