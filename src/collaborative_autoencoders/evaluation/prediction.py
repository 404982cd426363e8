"""Prediction of ratings, in batches of users.

Dimension key: U users, I items, N ratings to predict, B users of one batch.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from collaborative_autoencoders.models.cells import predict_at
from collaborative_autoencoders.models.model import RatingModel
from collaborative_autoencoders.threads import blas_threads

STORED_AT_ONCE = 2**20
"""Maximum ratings of a batch, to predict and in the histories, of more than one user."""

USERS_AT_ONCE = 2**13
"""Maximum users of a batch. 500 hidden units of each take 16 MB."""


@blas_threads(1)
def predict_ratings(
    model: RatingModel,
    *,
    histories_UI: csr_array,
    wanted_UI: csr_array,
    users: NDArray[np.integer] | None = None,
    first: int = 0,
) -> csr_array:
    """Return the predicted rating at every cell that `wanted_UI` stores for `users`.

    Both matrices have one row per user, from the user `first` on. The result has the rows `users`
    (None: all), the stored cells of `wanted_UI` and float32 values. The values in `wanted_UI` are
    not read. Users without a stored cell are skipped. The size of a batch of users follows the
    number of ratings, not the size of the catalogue.

    Raises ValueError, with user and item, if a prediction is not finite.
    """
    users_U = np.arange(wanted_UI.shape[0]) if users is None else np.asarray(users, dtype=np.int64)
    wanted_UI = wanted_UI if users is None else wanted_UI[users_U]
    rows_U = np.flatnonzero(np.diff(wanted_UI.indptr))
    stored_U = np.diff(wanted_UI.indptr)[rows_U] + np.diff(histories_UI.indptr)[users_U[rows_U]]
    # skipped rows are empty, so the ratings of a batch are one contiguous slice of `data`
    predicted_N = np.empty(wanted_UI.nnz, dtype=np.float32)
    for batch in batches_by_size(stored_U, STORED_AT_ONCE, USERS_AT_ONCE):
        rows_B = rows_U[batch]
        users_B = users_U[rows_B]
        cells = slice(wanted_UI.indptr[rows_B[0]], wanted_UI.indptr[rows_B[-1] + 1])
        predicted_N[cells] = predict_at(
            model, histories_UI[users_B], first + users_B, wanted_UI[rows_B]
        )
    _refuse_not_finite(predicted_N, wanted_UI, first + users_U)
    structure = (wanted_UI.indices.copy(), wanted_UI.indptr.copy())
    return csr_array((predicted_N, *structure), shape=wanted_UI.shape)


def batches_by_size(size_U: NDArray[np.integer], most: int, most_users: int) -> Iterator[slice]:
    """Yield all users in turn, as many as have at most `most` in total, but at least one."""
    total_U = np.cumsum(size_U, dtype=np.int64)
    start = before = 0
    while start < len(total_U):
        fitting = int(np.searchsorted(total_U, before + most, side="right"))
        stop = min(max(fitting, start + 1), start + most_users)
        yield slice(start, stop)
        start, before = stop, int(total_U[stop - 1])


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
