"""Two versions of a model on the same test rows, none of which either has learned from.

Dimension key: U users, I items, both of today's data.
"""

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy.sparse import csr_array

from collaborative_autoencoders.columns import ITEM, MODEL, USER, USER_INDEX
from collaborative_autoencoders.interactions.matrices import Interactions, to_matrix, with_newer
from collaborative_autoencoders.judging.differences import (
    DIFFERENCE,
    HIGH,
    LOW,
    OTHER,
    USERS,
    tell_apart,
)
from collaborative_autoencoders.judging.leaderboard import lower_is_better
from collaborative_autoencoders.judging.options import EvaluationOptions
from collaborative_autoencoders.judging.scores import (
    ABSOLUTE_ERROR,
    N_RATINGS,
    SQUARED_ERROR,
    count_owners,
    errors_of_ratings,
    predictions_to_table,
    score_of_lists,
)
from collaborative_autoencoders.metrics.rating import RATING_METRICS, RatingErrors, mae, rmse
from collaborative_autoencoders.recommending.ranking import rank_items
from collaborative_autoencoders.recommending.rating import predict_ratings

CHAMPION, CHALLENGER = "champion", "challenger"


class Today(NamedTuple):
    """The data that both are judged on."""

    users: pd.Series
    items: pd.Series
    known: Interactions
    """Train and validation."""
    test: Interactions
    facts: dict[str, Any]


class Comparison(NamedTuple):
    """The metric of both, and the gain of the challenger with its 95 % interval."""

    metric: str
    champion_value: float
    challenger_value: float
    gain: float
    """Above 0 where the challenger is better, also of a metric that is better low."""
    low: float
    high: float
    users: int
    rows_left_out: int
    """Test ratings that one of the two was fitted or chosen on, or does not know the item of."""


def what_differs(recommender: Any, today: Today) -> str | None:
    """Why a model is not of today's data; None where it is."""
    theirs, ours = recommender.data, today.facts
    if theirs["checksum"] != ours["checksum"]:
        return (
            f"learned from {theirs['data_set']} ({theirs['checksum'][:8]}), "
            f"and data/ holds {ours['data_set']} ({ours['checksum'][:8]})"
        )
    same = recommender.items[ITEM].equals(today.items) and recommender.users[USER].equals(
        today.users
    )
    if same:
        return None
    return (
        f"has another catalogue: {len(recommender.users)} users x {len(recommender.items)} items, "
        f"and data/ holds {len(today.users)} x {len(today.items)}, or others of them"
    )


def compare(
    champion: Any, challenger: Any, today: Today, metric: str, evaluation: EvaluationOptions
) -> Comparison:
    """Challenger − champion on the test rows that are new to both.

    `champion` and `challenger` are models in the indices of today's data (`Translated`). What
    either has seen is left out of both test and lists, so that no list loses a place by it.
    """
    left_out_UI = with_newer(
        *(model.seen(today.users, today.items) for model in (champion, challenger))
    )
    test = without(today.test, left_out_UI, champion, challenger)
    seen_UI = with_newer(today.known.ratings, left_out_UI)
    scores = {
        name: judge(model, today.known, seen_UI, test, metric, evaluation)
        for name, model in ((CHALLENGER, challenger), (CHAMPION, champion))
    }
    asked = evaluation.model_copy(update={"primary_metric": metric})
    better, worse = CHALLENGER, CHAMPION
    if lower_is_better(metric):  # the gain is champion − challenger then
        better, worse = worse, better
    table = tell_apart(scores, asked)
    pair = table[(table[MODEL] == better) & (table[OTHER] == worse)].iloc[0]
    return Comparison(
        metric,
        mean_of(scores[CHAMPION], metric),
        mean_of(scores[CHALLENGER], metric),
        float(pair[DIFFERENCE]),
        float(pair[LOW]),
        float(pair[HIGH]),
        users=int(pair[USERS]),
        rows_left_out=today.test.ratings.nnz - test.ratings.nnz,
    )


def without(
    test: Interactions, left_out_UI: csr_array, champion: Any, challenger: Any
) -> Interactions:
    """The test part less the cells that are left out, and less items that one does not know."""
    known_I = (champion.their_item_I >= 0) & (challenger.their_item_I >= 0)
    n_items = left_out_UI.shape[1]
    out = left_out_UI.tocoo()
    out_N = out.row.astype(np.int64) * n_items + out.col

    def rest(part_UI: csr_array) -> csr_array:
        part = part_UI.tocoo()
        cell_N = part.row.astype(np.int64) * n_items + part.col
        stays = known_I[part.col] & ~np.isin(cell_N, out_N)
        return to_matrix(part.row[stays], part.col[stays], part.data[stays], part_UI.shape)

    return Interactions(rest(test.ratings), rest(test.likes))


def judge(
    model: Any,
    known: Interactions,
    seen_UI: csr_array,
    test: Interactions,
    metric: str,
    evaluation: EvaluationOptions,
) -> pd.DataFrame:
    """One row per user: the metric of the list, or the sums of the errors of the ratings."""
    histories_UI, n_users = model.view(known), test.ratings.shape[0]
    if metric in RATING_METRICS:
        predicted_UI = predict_ratings(model, histories_UI, test.ratings, evaluation.batch_size)
        errors = errors_of_ratings(predictions_to_table(predicted_UI, test.ratings), n_users)
        return errors.assign(**{USER_INDEX: np.arange(n_users)})
    k = int(metric.rpartition("_at_")[2])
    item_UK, _ = rank_items(model, histories_UI, seen_UI, k, evaluation.batch_size)
    return score_of_lists(item_UK, test.likes, count_owners(known.ratings), [k])


def mean_of(scores: pd.DataFrame, metric: str) -> float:
    """The metric over all users; NaN where there is nothing to judge."""
    if metric not in RATING_METRICS:
        return float(scores[metric].mean())
    sums = (scores[name].to_numpy() for name in (SQUARED_ERROR, ABSOLUTE_ERROR, N_RATINGS))
    return {"rmse": rmse, "mae": mae}[metric](RatingErrors(*sums))
