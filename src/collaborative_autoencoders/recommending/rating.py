"""From a model to the ratings that are asked for.

Dimension key: U users, I items, N ratings asked for, B users of one batch.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from collaborative_autoencoders.models.model import RatingModel


def predict_ratings(
    model: RatingModel, histories_UI: csr_array, wanted_UI: csr_array, batch_size: int
) -> csr_array:
    """What the model predicts at every place that `wanted_UI` holds, float32, same structure.

    The values in `wanted_UI` are not looked at. Users of whom nothing is asked are not computed,
    and only `batch_size` users are dense at once.

    Raises ValueError that names user and item where a prediction is not finite.
    """
    n_wanted_U = np.diff(wanted_UI.indptr)
    asked_U = np.flatnonzero(n_wanted_U)
    # no user without a wanted rating lies between, so a batch's ratings are one run of `data`
    predicted_N = np.empty(wanted_UI.nnz, dtype=np.float32)
    for start in range(0, len(asked_U), batch_size):
        users_B = asked_U[start : start + batch_size]
        ratings_BI = model.predict(histories_UI[users_B], users_B)
        run = slice(wanted_UI.indptr[users_B[0]], wanted_UI.indptr[users_B[-1] + 1])
        rows_N = np.repeat(np.arange(len(users_B)), n_wanted_U[users_B])
        predicted_N[run] = ratings_BI[rows_N, wanted_UI.indices[run]]
    _refuse_endless(predicted_N, wanted_UI)
    structure = (wanted_UI.indices.copy(), wanted_UI.indptr.copy())
    return csr_array((predicted_N, *structure), shape=wanted_UI.shape)


def _refuse_endless(predicted_N: NDArray[np.float32], wanted_UI: csr_array) -> None:
    finite_N = np.isfinite(predicted_N)
    if not finite_N.all():
        place = int(np.argmin(finite_N))
        user = int(np.searchsorted(wanted_UI.indptr, place, side="right")) - 1
        raise ValueError(
            f"The model predicted {predicted_N[place]} for user_index {user}, item_index "
            f"{wanted_UI.indices[place]}. It has not learned: look at its history, and lower the "
            "learning rate."
        )
