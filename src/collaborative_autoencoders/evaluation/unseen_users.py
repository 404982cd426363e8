"""Evaluation of unseen users: compared with the same users known, and with popularity."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import csr_array

from collaborative_autoencoders.columns import MODEL
from collaborative_autoencoders.metrics.table import Measure
from collaborative_autoencoders.models.cells import predict_at
from collaborative_autoencoders.models.model import Model, RatingModel

from .averages import average_users, mean_of_users
from .differences import DIFFERENCE, HIGH, LOW, METRIC, OTHER, VERDICT, compare_pairs
from .evaluate import N_RATINGS
from .options import EvaluationOptions
from .ranking import Scorer

UNSEEN, KNOWN, POPULARITY = "unseen", "known", "popularity"
ANSWERED_AS = "answered_as"
"""Column of the scores: whether the user was `unseen` or `known` in the fit."""

BESIDE = (KNOWN, POPULARITY)
COLUMNS = (
    *(MODEL, METRIC, UNSEEN, f"{UNSEEN}_{LOW}", f"{UNSEEN}_{HIGH}", *BESIDE),
    *(f"less_{name}{end}" for name in BESIDE for end in ("", f"_{LOW}", f"_{HIGH}")),
    *(f"than_{name}" for name in BESIDE),
)

Scores = Mapping[str, pd.DataFrame]
Row = dict[str, Any]


@dataclass(frozen=True)
class Unseen:
    """A model that scores every user as an unseen user, with index −1."""

    model: Any

    def score(self, histories_UI: csr_array, users_U: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the scores for unseen users with these histories, shape (U, I)."""
        scores_UI: NDArray[np.float32] = self.model.score(histories_UI, np.full_like(users_U, -1))
        return scores_UI


class UnseenRatings(Unseen):
    """A model that scores, and predicts the ratings of, every user as an unseen user."""

    def predict(self, histories_UI: csr_array, users_U: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the predicted ratings for unseen users with these histories, shape (U, I)."""
        ratings_UI: NDArray[np.float32] = self.model.predict(
            histories_UI, np.full_like(users_U, -1)
        )
        return ratings_UI

    def predict_at(
        self, histories_UI: csr_array, users_U: NDArray[np.int64], wanted_UI: csr_array
    ) -> NDArray[np.float32]:
        """Return what `predict` returns at the cells that `wanted_UI` stores, shape (N,)."""
        return predict_at(self.model, histories_UI, np.full_like(users_U, -1), wanted_UI)


def as_unseen(model: Model) -> Scorer:
    """Return the model wrapped so that every user is unseen."""
    return UnseenRatings(model) if isinstance(model, RatingModel) else Unseen(model)


def average_both(scores: pd.DataFrame, options: EvaluationOptions) -> dict[str, float]:
    """Return the figures of the users as unseen and as known: `unseen_ndcg_at_10`, `known_…`."""
    return {
        f"{name}_{figure}": value
        for name, rows in by_answer(scores).items()
        for figure, value in average_users(rows, options).items()
    }


def by_answer(scores: pd.DataFrame) -> Scores:
    """Return the scores as UNSEEN and as KNOWN; empty for a model that was left out."""
    if scores.empty:
        return {}
    return {
        name: scores[scores[ANSWERED_AS] == name].reset_index(drop=True) for name in (UNSEEN, KNOWN)
    }


def compare_all(by_model: Mapping[str, Scores], options: EvaluationOptions) -> pd.DataFrame:
    """Return one row per model and metric: the metric of lists, and of ratings if predicted.

    `by_model` holds the scores of the same users, UNSEEN and KNOWN, for each model.
    `less_known` is unseen − known with the 95 % interval of the paired difference over users, and
    `than_known` its verdict. `popularity` is popularity's figure for them as unseen users.
    """
    popularity = by_model.get(POPULARITY, {}).get(UNSEEN)
    rows: list[Row] = []
    for model, scores in by_model.items():
        beside = dict(scores)
        if popularity is not None and model != POPULARITY:
            beside[POPULARITY] = popularity
        for measure in measures_of(scores[UNSEEN], options):
            rows.append({MODEL: model, METRIC: measure.name} | compare(beside, measure, options))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def measures_of(scores: pd.DataFrame, options: EvaluationOptions) -> Iterator[Measure]:
    """Yield the metrics that compare a model: of lists, and of ratings if it predicts them."""
    of_lists, of_ratings = options.measures_of_users
    if of_lists.name in scores:
        yield of_lists
    if N_RATINGS in scores:
        yield of_ratings


def compare(scores: Scores, measure: Measure, options: EvaluationOptions) -> Row:
    """Return one row: the metric of each of `scores`, and how UNSEEN differs from the others."""
    row: Row = {name: mean_of_users(rows, measure) for name, rows in scores.items()}
    figures = average_users(scores[UNSEEN], options)
    row |= {f"{UNSEEN}_{end}": figures.get(f"{measure.name}_{end}") for end in (LOW, HIGH)}
    pairs = compare_pairs(scores, measure, options)
    for pair in pairs[pairs[MODEL] == UNSEEN].to_dict(orient="records"):
        other = pair[OTHER]
        row |= {
            f"less_{other}": pair[DIFFERENCE],
            f"less_{other}_{LOW}": pair[LOW],
            f"less_{other}_{HIGH}": pair[HIGH],
            f"than_{other}": pair[VERDICT],
        }
    return row
