"""Which models can be told apart by the users they were judged on.

Dimension key: U users, M models.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from collaborative_autoencoders.columns import MODEL, USER_INDEX
from collaborative_autoencoders.metrics.bootstrap import Differences, paired_differences

from .leaderboard import lower_is_better
from .options import EvaluationOptions
from .scores import ABSOLUTE_ERROR, N_RATINGS, SQUARED_ERROR

OTHER, USERS, VERDICT = "other", "users", "verdict"
DIFFERENCE, LOW, HIGH = "difference", "low", "high"
BETTER, NOT_TOLD_APART, WORSE = "better", "not told apart", "worse"
THAN_ABOVE = "than_above"

ERRORS = {"rmse": SQUARED_ERROR, "mae": ABSOLUTE_ERROR}
"""Metrics that are a ratio of sums over users, and the sum above the line."""


def tell_apart(
    user_scores: Mapping[str, pd.DataFrame], evaluation: EvaluationOptions
) -> pd.DataFrame:
    """One row per ordered pair of models: model − other in the primary metric, and the verdict.

        model  other       difference  low    high   users  verdict
        cdae   popularity  0.081       0.072  0.090  927    better

    The interval is of the paired difference over users, 95 %; the verdict is of `model`, which is
    better or worse where the interval leaves out 0. NaN and no verdict where a model does not have
    the metric, and for Gini and coverage, which no user has.
    """
    metric, names = evaluation.primary_metric, list(user_scores)
    found = _compare_all(user_scores, evaluation)
    rows = [
        (names[a], names[b], *(matrix_MM[a, b] for matrix_MM in found))
        for a in range(len(names))
        for b in range(len(names))
        if a != b
    ]
    table = pd.DataFrame(rows, columns=[MODEL, OTHER, DIFFERENCE, LOW, HIGH, USERS])
    verdicts = [
        judge(low, high, lower_is_better(metric))
        for low, high in zip(table[LOW], table[HIGH], strict=True)
    ]
    return table.assign(**{VERDICT: pd.Series(verdicts, dtype=object)})


def judge(low: float, high: float, lower_is_better: bool) -> str | None:
    """What the interval of a difference says of the first of the two; None of no interval."""
    if np.isnan(low):
        return None
    if low <= 0 <= high:
        return NOT_TOLD_APART
    return BETTER if (high < 0) == lower_is_better else WORSE


def compare_with_above(leaderboard: pd.DataFrame, differences: pd.DataFrame) -> pd.DataFrame:
    """The leaderboard with how each row differs from the one above it, after the primary metric.

    Empty in the first row, and where one of the two does not have the metric.
    """
    above = leaderboard[MODEL].shift()
    wanted = pd.MultiIndex.from_arrays([leaderboard[MODEL], above])
    found = differences.set_index([MODEL, OTHER])[[DIFFERENCE, LOW, HIGH, VERDICT]].reindex(wanted)
    columns = {
        DIFFERENCE: DIFFERENCE,
        LOW: f"{DIFFERENCE}_{LOW}",
        HIGH: f"{DIFFERENCE}_{HIGH}",
        VERDICT: THAN_ABOVE,
    }
    told = found.rename(columns=columns).set_index(leaderboard.index)
    model_and_metric, others = leaderboard.iloc[:, :2], leaderboard.iloc[:, 2:]
    return pd.concat([model_and_metric, told, others], axis=1)


def _compare_all(
    user_scores: Mapping[str, pd.DataFrame], evaluation: EvaluationOptions
) -> Differences:
    metric = evaluation.primary_metric
    fractions = [_fraction(scores, metric) for scores in user_scores.values()]
    numerators_UM, denominators_UM = (
        # one row per user of any model, whatever the order of the tables
        pd.concat(list(columns), axis=1).fillna(0.0).to_numpy(dtype=np.float64)
        for columns in zip(*fractions, strict=True)
    )
    return paired_differences(
        numerators_UM,
        denominators_UM,
        evaluation.bootstrap_resamples,
        evaluation.seed,
        of_ratio=np.sqrt if metric == "rmse" else np.positive,
    )


def _fraction(user_scores: pd.DataFrame, metric: str) -> tuple[pd.Series, pd.Series]:
    # the metric of some users is Σ first / Σ second
    scores = user_scores.set_index(USER_INDEX)
    nothing = pd.Series(np.nan, index=scores.index)
    if metric in ERRORS:
        return scores.get(ERRORS[metric], nothing), scores.get(N_RATINGS, nothing)
    values = scores.get(metric, nothing)
    return values, values.notna().astype(np.float64)
