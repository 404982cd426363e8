"""Evaluation of one model: rank items, predict ratings and score each user.

Dimension key: U users, C users of the core, L users with lists, I items, K places of a list,
N held-out ratings.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import csr_array

from collaborative_autoencoders.columns import ITEM_INDEX, RATING, USER_INDEX
from collaborative_autoencoders.interactions import Interactions
from collaborative_autoencoders.interactions.sample import sample_of, size_of_sample
from collaborative_autoencoders.interactions.sparse import user_of_cells, with_shape
from collaborative_autoencoders.metrics.hits import count_relevant, find_hits
from collaborative_autoencoders.metrics.rating import sum_by_user
from collaborative_autoencoders.metrics.table import Lists, Metric, Owners, at, metrics_of
from collaborative_autoencoders.models.model import RatingModel
from collaborative_autoencoders.threads import blas_threads

from .known import Known
from .lists import NO_ITEM, check_lists, lists_to_table
from .options import EvaluationOptions
from .prediction import predict_ratings
from .ranking import Scorer, rank_items

N_RELEVANT = "n_relevant"
LIST_BY_POPULARITY = "list_by_popularity"
PREDICTED = "predicted"
N_RATINGS = "n_ratings"


class Evaluation(NamedTuple):
    """The lists, predictions and scores of a model for some users."""

    ranked_items: pd.DataFrame
    """One row per recommended item, best first: user_index, rank from 1, item_index, score."""

    predicted_ratings: pd.DataFrame
    """One row per held-out rating: user_index, item_index, rating, predicted. Empty if the model
    does not predict ratings."""

    user_scores: pd.DataFrame
    """One row per user: user_index, n_relevant (held-out likes in the core), list_by_popularity
    (the model has no history to rank by, see `Known.by_model_U`), every metric of lists at every k,
    and, if the model predicts ratings, `rmse_sum`, `mae_sum` and n_ratings. A metric is NaN for a
    user without a value, such as NDCG without held-out likes, or of lists outside the core.
    """


def evaluate(
    model: Scorer,
    known: Known,
    test: Interactions,
    owners: Owners,
    options: EvaluationOptions,
    users: NDArray[np.integer] | None = None,
    first: int = 0,
) -> Evaluation:
    """Rank the longest list for each user, predict the held-out ratings, and score both.

    Lists are of the items of the core, for its users; ratings are predicted for all. Of a sample
    (`to_evaluate`), users without held-out ratings have no list. `known` and `test` have one row
    per user, from the user `first` on. `users` are rows, those of the core first; None means all.
    `owners` is what `count_owners` returns. Ranking reads `known` only. Prediction also reads which
    ratings the test part has, but not their values.

    Raises ValueError if users of the core do not come first, a score or prediction is not finite,
    or a list is not valid.
    """
    users_U = np.arange(test.shape[0]) if users is None else np.asarray(users, dtype=np.int64)
    n_users, n_items = test.core_shape
    users_C = users_U[users_U < n_users]
    if not np.array_equal(users_U[: len(users_C)], users_C):
        raise ValueError("the users of the core do not come first")
    has_list_U = have_lists(test, options)[users_U]
    users_L = users_U[has_list_U]
    lists = rank_items(model, known, max(options.k), options.batch_size, users_L, n_items, first)
    check_lists(*lists, known.seen_UI[users_L], first + users_L)
    item_UK = np.full((len(users_U), max(options.k)), NO_ITEM, dtype=lists[0].dtype)
    item_UK[has_list_U] = lists[0]
    by_popularity_U = np.zeros(len(users_U), dtype=np.bool_)
    by_popularity_U[has_list_U] = ~known.by_model_U[users_L]
    relevant_UI = with_shape(test.likes[users_C], (len(users_U), n_items))
    scores = score_lists(item_UK, relevant_UI, owners, options.k)
    scores.insert(0, USER_INDEX, first + users_U)
    scores.insert(2, LIST_BY_POPULARITY, by_popularity_U)
    predicted = predictions_to_table(_EMPTY, _EMPTY, users_U)
    if isinstance(model, RatingModel):
        predicted_UI = predict_ratings(
            model,
            histories_UI=known.histories_UI,
            wanted_UI=test.ratings,
            users=users_U,
            first=first,
        )
        actual_UI = test.ratings[users_U]
        predicted = predictions_to_table(predicted_UI, actual_UI, first + users_U)
        scores = scores.join(sum_errors(predicted_UI, actual_UI))
    return Evaluation(lists_to_table(*lists, first + users_L), predicted, scores)


def to_evaluate(
    test: Interactions, options: EvaluationOptions
) -> tuple[Interactions, EvaluationOptions]:
    """Return the part with the users that are evaluated, all or a sample, and the options for it.

    Their `test_users` is None if no sample is drawn, because there are no more users than that.
    """
    size = size_of_sample(test, options.test_users)
    return sample_of(test, size), options.model_copy(update={"test_users": size})


def have_lists(test: Interactions, options: EvaluationOptions) -> NDArray[np.bool_]:
    """Return whether each user has a list, shape (U,): all of the core, unless `test` is a sample.

    Both are as `to_evaluate` returns them: of a sample, `test` has the ratings of its users alone.
    """
    in_core_U = np.arange(test.shape[0]) < test.core_shape[0]
    return in_core_U & (options.test_users is None or np.diff(test.ratings.indptr) > 0)


def nothing_evaluated(options: EvaluationOptions) -> Evaluation:
    """Return empty tables, with their columns, for a model that was left out."""
    no_users_U = np.empty(0, dtype=np.int64)
    item_UK = np.full((0, max(options.k)), NO_ITEM)
    scores = score_lists(item_UK, _EMPTY, Owners(no_users_U, 0), options.k)
    scores.insert(0, USER_INDEX, no_users_U)
    scores.insert(2, LIST_BY_POPULARITY, np.empty(0, dtype=np.bool_))
    return Evaluation(
        lists_to_table(item_UK, item_UK, no_users_U),
        predictions_to_table(_EMPTY, _EMPTY, no_users_U),
        scores,
    )


def score_lists(
    item_UK: NDArray[np.integer],
    relevant_UI: csr_array,
    owners: Owners,
    k: list[int],
) -> pd.DataFrame:
    """Return every list metric at every k, one row per list."""
    hits_UK, n_relevant_U = find_hits(item_UK, relevant_UI), count_relevant(relevant_UI)
    lists = Lists(item_UK, hits_UK, n_relevant_U, owners)
    columns = {N_RELEVANT: n_relevant_U}
    with blas_threads(1):
        for length in k:
            for metric in metrics_of("list"):
                columns[at(metric.name, length)] = metric.function(lists.first(length))
    return pd.DataFrame(columns)


def sum_errors(predicted_UI: csr_array, actual_UI: csr_array) -> pd.DataFrame:
    """Return one row per user: the sum of each rating metric's values, and the number of ratings.

    Both matrices must store the same cells.
    """
    error_N = predicted_UI.data.astype(np.float64) - actual_UI.data
    user_N, n_users = user_of_cells(actual_UI), actual_UI.shape[0]
    sums = {
        sum_column(metric): sum_by_user(user_N, metric.function(error_N), n_users)
        for metric in metrics_of("ratings")
    }
    return pd.DataFrame(sums | {N_RATINGS: np.diff(actual_UI.indptr)})


def sum_column(metric: Metric) -> str:
    """Return the column of a rating metric in `user_scores`, such as `rmse_sum`."""
    return f"{metric.name}_sum"


def predictions_to_table(
    predicted_UI: csr_array, actual_UI: csr_array, users_U: NDArray[np.integer]
) -> pd.DataFrame:
    """Return one row per held-out rating, with its prediction.

    Both matrices must store the same cells, with one row per user in `users_U`.
    """
    return pd.DataFrame(
        {
            USER_INDEX: users_U[user_of_cells(actual_UI)].astype(np.int32),
            ITEM_INDEX: actual_UI.indices.astype(np.int32),
            RATING: actual_UI.data,
            PREDICTED: predicted_UI.data,
        }
    )


_EMPTY = csr_array(np.empty((0, 0), dtype=np.float32))
