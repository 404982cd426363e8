"""An unseen user's answer beside the one that they get when known, and beside popularity's."""

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from collaborative_autoencoders.columns import MODEL
from collaborative_autoencoders.judging.averages import average_errors, average_lists
from collaborative_autoencoders.judging.differences import (
    DIFFERENCE,
    HIGH,
    LOW,
    OTHER,
    VERDICT,
    tell_apart,
)
from collaborative_autoencoders.judging.options import EvaluationOptions
from collaborative_autoencoders.judging.scores import N_RATINGS

UNSEEN, KNOWN, POPULARITY = "unseen", "known", "popularity"
METRIC = "metric"
RMSE = "rmse"

Scores = Mapping[str, pd.DataFrame]
Row = dict[str, Any]

BESIDE = (KNOWN, POPULARITY)
COLUMNS = (
    *(MODEL, METRIC, UNSEEN, f"{UNSEEN}_{LOW}", f"{UNSEEN}_{HIGH}", *BESIDE),
    *(f"less_{name}{end}" for name in BESIDE for end in ("", f"_{LOW}", f"_{HIGH}")),
    *(f"than_{name}" for name in BESIDE),
)


def compare_all(by_model: Mapping[str, Scores], evaluation: EvaluationOptions) -> pd.DataFrame:
    """One row per model and metric: the primary one, and RMSE of a model that tells ratings.

    `by_model` holds of each model the scores of the same users as UNSEEN and as KNOWN.
    `less_known` is unseen − known, with the 95 % interval of the paired difference over users;
    `than_known` its verdict. `popularity` is popularity's answer for them as unseen users.
    """
    popularity = by_model.get(POPULARITY, {}).get(UNSEEN)
    rows: list[Row] = []
    for model, scores in by_model.items():
        beside = dict(scores)
        if popularity is not None and model != POPULARITY:
            beside[POPULARITY] = popularity
        for metric in metrics_of(scores[UNSEEN], evaluation):
            asked = evaluation.model_copy(update={"primary_metric": metric})
            rows.append({MODEL: model, METRIC: metric} | compare(beside, asked))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def metrics_of(scores: pd.DataFrame, evaluation: EvaluationOptions) -> Iterator[str]:
    """What a model is compared by."""
    rated = N_RATINGS in scores
    if evaluation.primary_metric in scores:
        yield evaluation.primary_metric
    if rated:
        yield RMSE


def compare(scores: Scores, evaluation: EvaluationOptions) -> Row:
    """The figures of one row: each of `scores`, and how UNSEEN differs from the others."""
    metric, row = evaluation.primary_metric, {}
    for name, of in scores.items():
        means = average_lists(of, evaluation) | average_errors(of, evaluation)
        row[name] = means.get(metric)
        if name == UNSEEN:
            row |= {f"{name}_{end}": means.get(f"{metric}_{end}") for end in (LOW, HIGH)}
    pairs = tell_apart(scores, evaluation)
    for pair in pairs[pairs[MODEL] == UNSEEN].to_dict(orient="records"):
        other = pair[OTHER]
        row |= {
            f"less_{other}": pair[DIFFERENCE],
            f"less_{other}_{LOW}": pair[LOW],
            f"less_{other}_{HIGH}": pair[HIGH],
            f"than_{other}": pair[VERDICT],
        }
    return row
