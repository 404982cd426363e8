"""From lists and predicted ratings to one row of scores per user.

Dimension key: U users, I items, K places of a list.
"""

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import csr_array

from collaborative_autoencoders.columns import ITEM_INDEX, RATING, USER_INDEX
from collaborative_autoencoders.metrics.beyond_accuracy import novelty
from collaborative_autoencoders.metrics.hits import count_relevant, find_hits
from collaborative_autoencoders.metrics.ranking import RANKING_METRICS
from collaborative_autoencoders.metrics.rating import sum_errors

from .options import at

N_RELEVANT = "n_relevant"
PREDICTED = "predicted"
SQUARED_ERROR, ABSOLUTE_ERROR, N_RATINGS = "squared_error", "absolute_error", "n_ratings"

Columns = dict[str, NDArray]


def count_owners(train_ratings_UI: csr_array) -> NDArray[np.int64]:
    """How many users have each item in the train part, shape (I,)."""
    return np.bincount(train_ratings_UI.indices, minlength=train_ratings_UI.shape[1])


def score_of_lists(
    item_UK: NDArray[np.integer], relevant_UI: csr_array, owners_I: NDArray[np.int64], k: list[int]
) -> pd.DataFrame:
    """Every metric of lists at every k, one row per user; NaN where there is nothing to judge."""
    n_users = len(item_UK)
    hits_UK, n_relevant_U = find_hits(item_UK, relevant_UI), count_relevant(relevant_UI)
    columns: Columns = {USER_INDEX: np.arange(n_users), N_RELEVANT: n_relevant_U}
    for length in k:
        for name, metric in RANKING_METRICS.items():
            columns[at(name, length)] = metric(hits_UK[:, :length], n_relevant_U)
        columns[at("novelty", length)] = novelty(item_UK[:, :length], owners_I, n_users)
    return pd.DataFrame(columns)


def errors_of_ratings(predicted_ratings: pd.DataFrame, n_users: int) -> pd.DataFrame:
    """The sums of each user's errors, and of how many ratings; one row per user."""
    errors = sum_errors(
        predicted_ratings[USER_INDEX].to_numpy(),
        predicted_ratings[PREDICTED].to_numpy(),
        predicted_ratings[RATING].to_numpy(),
        n_users,
    )
    return pd.DataFrame(
        {
            SQUARED_ERROR: errors.squared_U,
            ABSOLUTE_ERROR: errors.absolute_U,
            N_RATINGS: errors.count_U,
        }
    )


def predictions_to_table(predicted_UI: csr_array, actual_UI: csr_array) -> pd.DataFrame:
    """One row per held-out rating, beside it what was predicted; both share one structure."""
    user_N = np.repeat(np.arange(actual_UI.shape[0]), np.diff(actual_UI.indptr))
    return pd.DataFrame(
        {
            USER_INDEX: user_N.astype(np.int32),
            ITEM_INDEX: actual_UI.indices.astype(np.int32),
            RATING: actual_UI.data,
            PREDICTED: predicted_UI.data,
        }
    )


def no_predictions() -> pd.DataFrame:
    """The table of a model that tells no ratings: its columns, no row."""
    empty_UI = csr_array(np.empty((0, 0), dtype=np.float32))
    return predictions_to_table(empty_UI, empty_UI)
