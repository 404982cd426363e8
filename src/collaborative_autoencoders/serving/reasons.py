"""Reasons: the items of a history that speak most for a recommended item.

The weight of item h of a history for item i is what the score of i loses without h. For a model
whose score is a sum over the history, such as EASE and ItemKNN, that is exactly what h adds to the
sum; for a network it is the effect of one item while all others stay.

Dimension key: H items of a history, I items of the catalogue, K places of a list, N reasons.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from collaborative_autoencoders.evaluation.lists import NO_ITEM
from collaborative_autoencoders.evaluation.rows_at_once import rows_at_once
from collaborative_autoencoders.models.model import Model


def reasons_for(
    model: Model,
    history_1I: csr_array,
    user: int,
    item_K: NDArray[np.integer],
    n: int,
    before_batch: Callable[[], None] = lambda: None,
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Return the `n` items of the history with the largest weight above 0 for each item.

    Returned are items, −1 where fewer speak for it, and weights, both of shape (K, N), the largest
    first. `user` is the index of a known user, or −1. A model that does not read the histories of
    known users is asked as for an unseen one. Of equal weights, the lower item comes first. The
    history is scored once without each of its items; `before_batch` is called before every batch of
    these rows, and may end the work by raising an error.
    """
    user = user if model.reads_histories else -1
    whole_K = model.score(history_1I, np.array([user]))[0, item_K]
    items, size = history_1I.nnz, rows_at_once(history_1I.shape[1])
    reason_KN = np.full((len(item_K), n), NO_ITEM, dtype=np.int32)
    weight_KN = np.zeros((len(item_K), n), dtype=np.float32)
    for start in range(0, items, size):
        before_batch()
        without_BI = without_each(history_1I, start, min(start + size, items))
        own_B = history_1I.indices[start : start + without_BI.shape[0]]
        scores_BI = model.score(without_BI, np.full(len(own_B), user))
        # the zeros come first, and of equal weights the first is kept: none at or below 0 is named
        weight_KC = np.hstack([weight_KN, whole_K[:, None] - scores_BI[:, item_K].T])
        reason_KC = np.hstack([reason_KN, np.tile(own_B, (len(item_K), 1))])
        best_KN = np.argsort(-weight_KC, axis=1, kind="stable")[:, :n]
        weight_KN = np.take_along_axis(weight_KC, best_KN, axis=1)
        reason_KN = np.take_along_axis(reason_KC, best_KN, axis=1)
    return reason_KN, weight_KN


def without_each(history_1I: csr_array, start: int, stop: int) -> csr_array:
    """Return the history without its stored item `start`, then without the next …, shape (B, I)."""
    rows, items = stop - start, history_1I.nnz
    is_kept_BH = np.arange(items) != np.arange(start, stop)[:, None]
    place_N = np.nonzero(is_kept_BH)[1]
    cells = history_1I.data[place_N], history_1I.indices[place_N], np.arange(rows + 1) * (items - 1)
    return csr_array(cells, shape=(rows, history_1I.shape[1]))
