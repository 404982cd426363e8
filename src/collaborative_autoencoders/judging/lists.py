"""Ranked lists as a table and as arrays, and what a list must never be.

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

LIST_TYPES = {USER_INDEX: np.int32, RANK: np.int32, ITEM_INDEX: np.int32, SCORE: np.float32}
NO_ITEM = -1


def no_lists() -> pd.DataFrame:
    """The table of a model that was left out: its columns, no row."""
    return pd.DataFrame({name: np.empty(0, dtype) for name, dtype in LIST_TYPES.items()})


def lists_to_table(item_UK: NDArray[np.integer], score_UK: NDArray[np.floating]) -> pd.DataFrame:
    """One row per recommended item, users ascending, best first; padding is dropped."""
    user_L, place_L = np.nonzero(item_UK != NO_ITEM)
    columns = (user_L, place_L + 1, item_UK[user_L, place_L], score_UK[user_L, place_L])
    return pd.DataFrame(
        {
            name: values_L.astype(dtype)
            for (name, dtype), values_L in zip(LIST_TYPES.items(), columns, strict=True)
        }
    )


def table_to_lists(
    ranked_items: pd.DataFrame, n_users: int, length: int
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """The lists of all users, shape (U, K), whatever the order of the rows; −1 and −inf pad.

    Raises ValueError where a place is outside 1..`length`, taken twice or skipped.
    """
    user_L, place_L = ranked_items[USER_INDEX].to_numpy(), ranked_items[RANK].to_numpy() - 1
    if ((place_L < 0) | (place_L >= length)).any():
        raise ValueError(f"The ranks of a list go from 1 to {length}: found others.")
    item_UK = np.full((n_users, length), NO_ITEM, dtype=np.int32)
    score_UK = np.full((n_users, length), -np.inf, dtype=np.float32)
    item_UK[user_L, place_L] = ranked_items[ITEM_INDEX].to_numpy()
    score_UK[user_L, place_L] = ranked_items[SCORE].to_numpy()
    taken_UK = item_UK != NO_ITEM
    if taken_UK.sum() != len(ranked_items):
        raise ValueError("Two items of one list have the same rank.")
    _refuse(taken_UK[:, 1:] & ~taken_UK[:, :-1], "skips a rank")
    return item_UK, score_UK


def check_lists(
    item_UK: NDArray[np.integer], score_UK: NDArray[np.floating], *seen_UI: csr_array
) -> None:
    """Raises ValueError, naming the user, where a list cannot be an honest one.

    That is: the best item does not come first, an item comes twice, or the user has had an item
    of it in one of the `seen_UI` parts.
    """
    # "not at least as good", so that a NaN is caught as well
    _refuse(~(score_UK[:, :-1] >= score_UK[:, 1:]), "is not ranked best first")
    sorted_UK = np.sort(item_UK, axis=1)
    twice_UK = (sorted_UK[:, 1:] == sorted_UK[:, :-1]) & (sorted_UK[:, 1:] != NO_ITEM)
    _refuse(twice_UK, "has an item twice")
    for part_UI in seen_UI:
        _refuse(find_hits(item_UK, part_UI), "has an item that was seen in train or validation")


def _refuse(wrong_UK: NDArray[np.bool_], reason: str) -> None:
    if wrong_UK.any():
        user = int(np.argmax(wrong_UK.any(axis=1)))
        raise ValueError(
            f"The list of user_index {user} {reason}. Its scores would be worth nothing: "
            "make `ranked_items` anew with `rank_items`."
        )
