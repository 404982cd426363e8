"""Ranking of items: score, exclude seen items, take the best.

Dimension key: U users, I items, K places of a list, B users of one batch.
"""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from collaborative_autoencoders.threads import map_in_threads

from .best import take_best
from .known import Known
from .rows_at_once import rows_at_once


class Scorer(Protocol):
    """A model, or a wrapper around one, that scores items."""

    def score(self, histories_UI: csr_array, users_U: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the scores of every item, shape (U, I). Higher is better."""


def rank_items(
    model: Scorer,
    known: Known,
    k: int,
    batch_size: int,
    users: NDArray[np.integer] | None = None,
    n_listed: int | None = None,
    first: int = 0,
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Return the `k` best unseen items of each user, best first, and their scores, shape (U, K).

    `known` has one row per user, from the user `first` on. `users` are the rows to rank; None means
    all. The lists are of the first `n_listed` items, those of the core; None means all. Items whose
    number of likes in `known` is −inf are in no list. Ties go to the lower item.
    A list with fewer than `k` unseen items is padded with item −1 and score −inf.
    The model scores `batch_size` users at once, or fewer in a large catalogue, in each of the
    threads that products may use.

    Raises ValueError if `k` is larger than the catalogue, or, with user and item, if a score is NaN
    or +inf.
    """
    n_users, n_items = known.histories_UI.shape
    n_listed = n_items if n_listed is None else n_listed
    check_k(k, n_listed)
    excluded_I = np.arange(n_items) >= n_listed
    if known.likes_I is not None:
        excluded_I |= known.likes_I == -np.inf
    batch_size = min(batch_size, rows_at_once(n_items))
    users_U = np.arange(n_users) if users is None else np.asarray(users, dtype=np.int64)
    item_UK = np.empty((len(users_U), k), dtype=np.int32)
    score_UK = np.empty((len(users_U), k), dtype=np.float32)

    def rank(start: int) -> None:
        rows = slice(start, start + batch_size)
        users_B = users_U[rows]
        item_UK[rows], score_UK[rows] = rank_batch(
            model, known.of_users(users_B), first + users_B, k, excluded_I
        )

    for _ in map_in_threads(rank, range(0, len(users_U), batch_size)):
        pass
    return item_UK, score_UK


def rank_batch(
    model: Scorer,
    known: Known,
    users_B: NDArray[np.int64],
    k: int,
    excluded_I: NDArray[np.bool_],
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Return the `k` best unseen items of one batch and their scores, both shape (B, K).

    `known` has the rows of `users_B` only. In `users_B`, −1 is an unseen user. `excluded_I` marks
    items that are excluded for every user.
    """
    excluded_N = np.flatnonzero(excluded_I)

    def hide(scores_CI: NDArray[np.float32], first: int) -> None:
        refuse_unrankable(scores_CI, users_B[first:])
        exclude_seen(scores_CI, known.seen_UI, first)
        if len(excluded_N):
            scores_CI[:, excluded_N] = -np.inf

    return take_best(score_batch(model, known, users_B), k, hide)


def score_batch(model: Scorer, known: Known, users_B: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return the scores of every item, shape (B, I), which the model may keep.

    The score is the model's, or the number of likes of the item for a user without a history.
    """
    by_model_B = known.by_model_U
    if by_model_B.all():
        return np.asarray(model.score(known.histories_UI, users_B), dtype=np.float32)
    scores_BI = np.empty(known.seen_UI.shape, dtype=np.float32)
    scores_BI[~by_model_B] = known.likes_I
    if by_model_B.any():
        histories_BI = known.histories_UI[by_model_B]
        scores_BI[by_model_B] = model.score(histories_BI, users_B[by_model_B])
    return scores_BI


def exclude_seen(scores_BI: NDArray[np.float32], seen_UI: csr_array, first: int = 0) -> None:
    """Set the score to −inf at every cell that `seen_UI` stores, including explicit zeros.

    `scores_BI` has the users of `seen_UI` from the row `first` on, and at least its items. It must
    be contiguous and is changed in place.
    """
    n_users, n_items = scores_BI.shape
    start_B = seen_UI.indptr[first : first + n_users + 1]
    row_starts_N = np.repeat(np.arange(n_users) * n_items, np.diff(start_B))
    # a flat index is twice as fast as two indices. copy=False, because writing into a copy would
    # not change `scores_BI`
    cells_N = row_starts_N + seen_UI.indices[start_B[0] : start_B[-1]]
    scores_BI.reshape(-1, copy=False)[cells_N] = -np.inf


def refuse_unrankable(scores_BI: NDArray[np.floating], users_B: NDArray[np.integer]) -> None:
    """Raise ValueError, with the first user and item, if a score is NaN or +inf."""
    # the maximum of a row with NaN is NaN, and NaN < inf is False
    rankable_B = scores_BI.max(axis=1) < np.inf
    if not rankable_B.all():
        row = int(np.argmin(rankable_B))
        item = int(np.argmin(scores_BI[row] < np.inf))
        raise ValueError(
            f"The model scored item_index {item} for user_index {users_B[row]} as "
            f"{scores_BI[row, item]}, which cannot be ranked. Of a network, check the curves and "
            "lower fitting.learning_rate; of a formula, use no exponent above 1."
        )


def check_k(k: int, n_items: int) -> None:
    """Raise ValueError if `k` is larger than the number of items."""
    if k > n_items:
        raise ValueError(
            f"A list of k = {k} is longer than the catalogue of {n_items} items. "
            f"Set it to at most {n_items} (evaluation.k, promotion.metric)."
        )
