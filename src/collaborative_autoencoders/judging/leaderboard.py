"""Models side by side, the best first."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from collaborative_autoencoders.columns import MODEL

LEFT_OUT = "left_out"
LOWER_IS_BETTER = ("rmse", "mae", "gini")
"""How the names of these metrics begin."""


def lower_is_better(metric: str) -> bool:
    """Whether the less of this metric the better."""
    return metric.startswith(LOWER_IS_BETTER)


def make_leaderboard(
    metrics: Mapping[str, Mapping[str, float]],
    left_out: Mapping[str, str | None],
    primary_metric: str,
) -> pd.DataFrame:
    """One row per model, one column per metric, sorted by `primary_metric`.

    Best first; a model without that metric comes last, and equal ones stay in the order given.
    A metric that a model does not have is NaN; `left_out` says why a model has none at all.
    """
    names = dict.fromkeys([primary_metric, *(name for row in metrics.values() for name in row)])
    rows = [{MODEL: model, **row, LEFT_OUT: left_out.get(model)} for model, row in metrics.items()]
    board = pd.DataFrame(rows, columns=[MODEL, *names, LEFT_OUT])
    return board.astype(dict.fromkeys(names, np.float64)).sort_values(
        primary_metric,
        ascending=lower_is_better(primary_metric),
        na_position="last",
        kind="stable",
        ignore_index=True,
    )
