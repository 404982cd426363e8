"""From a model to everybody's list: scores, seen items left out, the best first.

Dimension key: U users, I items, K places of a list, B users of one batch.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from collaborative_autoencoders.models.model import Model

from .best import take_best


def rank_items(
    model: Model,
    histories_UI: csr_array,
    seen_UI: csr_array,
    k: int,
    batch_size: int,
    users: NDArray[np.integer] | None = None,
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """The `k` best unseen items of each user, best first, and their scores, both shape (U, K).

    `histories_UI` is what the model reads, `seen_UI` what is left out; their rows are all users,
    of whom `users` are ranked (all of them where None). Ties go to the lower item. A list that is
    short of unseen items ends in item −1, score −inf. Only `batch_size` users are dense at once.

    Raises ValueError where `k` is larger than the catalogue, and, naming the user, where the
    model gives a score that is NaN or +inf.
    """
    n_users, n_items = histories_UI.shape
    check_k(k, n_items)
    users_U = np.arange(n_users) if users is None else np.asarray(users, dtype=np.int64)
    item_UK = np.empty((len(users_U), k), dtype=np.int32)
    score_UK = np.empty((len(users_U), k), dtype=np.float32)
    for start in range(0, len(users_U), batch_size):
        rows = slice(start, start + batch_size)
        users_B = users_U[rows]
        item_UK[rows], score_UK[rows] = rank_batch(
            model, histories_UI[users_B], seen_UI[users_B], users_B, k
        )
    return item_UK, score_UK


def rank_batch(
    model: Model,
    histories_BI: csr_array,
    seen_BI: csr_array,
    users_B: NDArray[np.int64],
    k: int,
    left_out_I: NDArray[np.bool_] | None = None,
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """As `rank_items`, of one batch; a user of −1 is one that the model has never seen.

    `left_out_I` marks the items that nobody is to get, whoever has seen them.
    """
    # a copy of our own: a model may hand out what it keeps
    scores_BI = np.array(model.score(histories_BI, users_B), dtype=np.float32, order="C")
    refuse_unrankable(scores_BI, users_B)
    leave_out_seen(scores_BI, seen_BI)
    if left_out_I is not None:
        scores_BI[:, left_out_I] = -np.inf
    return take_best(scores_BI, k)


def leave_out_seen(scores_BI: NDArray[np.float32], seen_BI: csr_array) -> None:
    """Writes −inf into the scores at every place that `seen_BI` holds, an explicit zero too.

    Give it an array of your own, contiguous: it is changed in place.
    """
    n_users, n_items = scores_BI.shape
    row_starts_N = np.repeat(np.arange(n_users) * n_items, np.diff(seen_BI.indptr))
    # one flat index is twice as fast as two; a copy would take the writing, so none is allowed
    scores_BI.reshape(-1, copy=False)[row_starts_N + seen_BI.indices] = -np.inf


def refuse_unrankable(scores_BI: NDArray[np.floating], users_B: NDArray[np.integer]) -> None:
    """Raises ValueError that names the first user with a score that is NaN or +inf."""
    # the maximum of a row with a NaN is NaN, and NaN is not below infinity
    rankable_B = scores_BI.max(axis=1) < np.inf
    if not rankable_B.all():
        row = int(np.argmin(rankable_B))
        item = int(np.argmin(scores_BI[row] < np.inf))
        raise ValueError(
            f"The model scored item_index {item} for user_index {users_B[row]} as "
            f"{scores_BI[row, item]}, which has no place in a list. It has not learned: "
            "look at its history, and lower the learning rate."
        )


def check_k(k: int, n_items: int) -> None:
    """Raises ValueError where a list of `k` cannot be filled from the catalogue."""
    if k > n_items:
        raise ValueError(
            f"A list of k = {k} is longer than the catalogue of {n_items} items: "
            f"let every number in `evaluation.k` be at most {n_items}."
        )
