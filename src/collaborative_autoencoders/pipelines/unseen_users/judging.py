"""The same users' lists and ratings from two fits: of others alone, and of everybody.

Dimension key: U users, H users who are held out, I items.
"""

from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import csr_array

from collaborative_autoencoders.interactions.matrices import Interactions
from collaborative_autoencoders.judging.known import Known
from collaborative_autoencoders.judging.lists import NO_ITEM
from collaborative_autoencoders.judging.options import EvaluationOptions
from collaborative_autoencoders.judging.scores import (
    errors_of_ratings,
    predictions_to_table,
    score_of_lists,
)
from collaborative_autoencoders.models.model import Model, RatingModel
from collaborative_autoencoders.recommending.ranking import rank_items
from collaborative_autoencoders.recommending.rating import predict_ratings

from .holding_out import only_rows


def as_unseen(model: Model) -> Model:
    """The model, asked for everybody as for somebody it has never seen."""
    kind = UnseenRatings if isinstance(model, RatingModel) else Unseen
    return cast(Model, kind(model))


@dataclass(frozen=True)
class Unseen:
    """Lists from the history alone."""

    model: Any

    def score(self, histories_UI: csr_array, users_U: NDArray[np.int64]) -> NDArray[np.float32]:
        """As the model's `score`, of users of −1."""
        scores_UI: NDArray[np.float32] = self.model.score(histories_UI, np.full_like(users_U, -1))
        return scores_UI


class UnseenRatings(Unseen):
    """Ratings too."""

    def predict(self, histories_UI: csr_array, users_U: NDArray[np.int64]) -> NDArray[np.float32]:
        """As the model's `predict`, of users of −1."""
        told_UI: NDArray[np.float32] = self.model.predict(histories_UI, np.full_like(users_U, -1))
        return told_UI


def judge(
    model: Model,
    known: Known,
    users_H: NDArray[np.integer],
    owners_I: NDArray[np.int64],
    test: Interactions,
    evaluation: EvaluationOptions,
) -> pd.DataFrame:
    """One row per user of `users_H`: every metric of the list at every k, sums of rating errors.

    `known` is what the model is told of them; the errors are there where it tells ratings.
    """
    n_users, k = test.ratings.shape[0], max(evaluation.k)
    item_UK = np.full((n_users, k), NO_ITEM, dtype=np.int32)
    item_UK[users_H], _ = rank_items(model, *known, k, evaluation.batch_size, users_H)
    scores = score_of_lists(item_UK, test.likes, owners_I, evaluation.k)
    if isinstance(model, RatingModel):
        wanted_UI = only_rows(test.ratings, users_H)
        predicted_UI = predict_ratings(model, known.histories_UI, wanted_UI, evaluation.batch_size)
        scores = scores.join(
            errors_of_ratings(predictions_to_table(predicted_UI, wanted_UI), n_users)
        )
    return scores.iloc[users_H].reset_index(drop=True)
