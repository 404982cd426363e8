"""Ranked lists as a table and as arrays, and the checks that a list must pass.

    user_index  rank  item_index  score
    0           1     7           0.9         item_UK  [[7,  3]        score_UK  [[0.9,  0.4]
    0           2     3           0.4                   [5, -1]]                  [0.2, -inf]]
    1           1     5           0.2

Dimension key: U users, I items, K places of a list, L rows of the table.
"""

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import csr_array

from collaborative_autoencoders.columns import ITEM_INDEX, RANK, SCORE, USER_INDEX
from collaborative_autoencoders.metrics.hits import find_hits

from .best import NO_ITEM

LIST_TYPES = {USER_INDEX: np.int32, RANK: np.int32, ITEM_INDEX: np.int32, SCORE: np.float32}


def lists_to_table(
    item_UK: NDArray[np.integer], score_UK: NDArray[np.floating], users_U: NDArray[np.integer]
) -> pd.DataFrame:
    """Return one row per recommended item, in the order of the lists, without padding."""
    shown_UK = item_UK != NO_ITEM
    rank_K = np.arange(1, item_UK.shape[1] + 1, dtype=LIST_TYPES[RANK])
    columns = {
        USER_INDEX: np.repeat(users_U.astype(LIST_TYPES[USER_INDEX]), shown_UK.sum(axis=1)),
        RANK: np.broadcast_to(rank_K, item_UK.shape)[shown_UK],
        ITEM_INDEX: item_UK[shown_UK].astype(LIST_TYPES[ITEM_INDEX], copy=False),
        SCORE: score_UK[shown_UK].astype(LIST_TYPES[SCORE], copy=False),
    }
    # not copied into blocks: the lists of 200,000 users are 20 million rows
    return pd.DataFrame(columns, copy=False)


def table_to_lists(
    ranked_items: pd.DataFrame, n_users: int, length: int, first: int = 0
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Return the lists of `n_users` users and their scores, both shape (U, K), K = `length`.

    `first` is the first of the users. The rows may be in any order. Short lists are padded with
    item −1 and score −inf.
    Raises ValueError if a rank is outside 1..`length`, duplicate or skipped.
    """
    user_L = ranked_items[USER_INDEX].to_numpy() - first
    place_L = ranked_items[RANK].to_numpy() - 1
    outside_L = (place_L < 0) | (place_L >= length)
    if outside_L.any():
        row = int(np.argmax(outside_L))
        raise ValueError(
            f"user_index {user_L[row] + first} has rank {place_L[row] + 1}; ranks are from 1 to "
            f"{length}"
        )
    item_UK = np.full((n_users, length), NO_ITEM, dtype=np.int32)
    score_UK = np.full((n_users, length), -np.inf, dtype=np.float32)
    item_UK[user_L, place_L] = ranked_items[ITEM_INDEX].to_numpy()
    score_UK[user_L, place_L] = ranked_items[SCORE].to_numpy()
    taken_UK = item_UK != NO_ITEM
    if taken_UK.sum() != len(ranked_items):
        raise ValueError("ranked_items: two items of one list have the same rank")
    _refuse(taken_UK[:, 1:] & ~taken_UK[:, :-1], first + np.arange(n_users), "skips a rank")
    return item_UK, score_UK


def check_lists(
    item_UK: NDArray[np.integer],
    score_UK: NDArray[np.floating],
    seen_UI: csr_array,
    users_U: NDArray[np.integer],
) -> None:
    """Raise ValueError, with the user, if a list is not valid.

    A list is not valid if it is not sorted by score, best first, if it has a duplicate item, or if
    it has a seen item. The rows of all arrays are those of `users_U`, which are indices.
    """
    # ~(a >= b) instead of a < b, so that NaN is refused too
    _refuse(~(score_UK[:, :-1] >= score_UK[:, 1:]), users_U, "is not ranked best first")
    sorted_UK = np.sort(item_UK, axis=1)
    twice_UK = (sorted_UK[:, 1:] == sorted_UK[:, :-1]) & (sorted_UK[:, 1:] != NO_ITEM)
    _refuse(twice_UK, users_U, "has a duplicate item")
    seen_UK = find_hits(item_UK, seen_UI)
    _refuse(seen_UK, users_U, "has an item that was seen in train or validation")


def _refuse(wrong_UK: NDArray[np.bool_], users_U: NDArray[np.integer], reason: str) -> None:
    if wrong_UK.any():
        user = users_U[np.argmax(wrong_UK.any(axis=1))]
        raise ValueError(
            f"The list of user_index {user} {reason}, so its metrics would not be valid"
        )
