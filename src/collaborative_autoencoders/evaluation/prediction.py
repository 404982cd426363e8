"""Prediction of ratings, in batches of users.

Dimension key: U users, I items, N ratings to predict, B users of one batch.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from collaborative_autoencoders.models.model import RatingModel


def predict_ratings(
    model: RatingModel,
    *,
    histories_UI: csr_array,
    wanted_UI: csr_array,
    batch_size: int,
    users: NDArray[np.integer] | None = None,
) -> csr_array:
    """Return the predicted rating at every cell that `wanted_UI` stores for `users`.

    Both matrices have one row per user. The result has the rows of `users` (None: all users), the
    stored cells of `wanted_UI` and float32 values. The values in `wanted_UI` are not read. Users
    without a stored cell are skipped, and the others are predicted `batch_size` at once.

    Raises ValueError, with user and item, if a prediction is not finite.
    """
    users_U = np.arange(wanted_UI.shape[0]) if users is None else np.asarray(users, dtype=np.int64)
    wanted_UI = wanted_UI if users is None else wanted_UI[users_U]
    n_wanted_U = np.diff(wanted_UI.indptr)
    rows_U = np.flatnonzero(n_wanted_U)
    # skipped rows are empty, so the ratings of a batch are one contiguous slice of `data`
    predicted_N = np.empty(wanted_UI.nnz, dtype=np.float32)
    for start in range(0, len(rows_U), batch_size):
        rows_B = rows_U[start : start + batch_size]
        users_B = users_U[rows_B]
        ratings_BI = model.predict(histories_UI[users_B], users_B)
        cells = slice(wanted_UI.indptr[rows_B[0]], wanted_UI.indptr[rows_B[-1] + 1])
        row_N = np.repeat(np.arange(len(rows_B)), n_wanted_U[rows_B])
        predicted_N[cells] = ratings_BI[row_N, wanted_UI.indices[cells]]
    _refuse_not_finite(predicted_N, wanted_UI, users_U)
    structure = (wanted_UI.indices.copy(), wanted_UI.indptr.copy())
    return csr_array((predicted_N, *structure), shape=wanted_UI.shape)


def _refuse_not_finite(
    predicted_N: NDArray[np.float32], wanted_UI: csr_array, users_U: NDArray[np.integer]
) -> None:
    finite_N = np.isfinite(predicted_N)
    if not finite_N.all():
        place = int(np.argmin(finite_N))
        row = int(np.searchsorted(wanted_UI.indptr, place, side="right")) - 1
        raise ValueError(
            f"The model predicted {predicted_N[place]} for user_index {users_U[row]}, item_index "
            f"{wanted_UI.indices[place]}. Check the model's history, and lower "
            "fitting.learning_rate."
        )
