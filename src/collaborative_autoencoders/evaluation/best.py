"""The K best items of every row of scores, without a full sort.

A score and its item are combined into one integer key. Keys are in the order of the scores, and a
tie goes to the lower item:

    score  2.0  0.5  2.0      key  (bits of 2.0, 2)  (bits of 0.5, 1)  (bits of 2.0, 0)
    item     0    1    2      best first: 0, 2, 1

Keys are unique. A partition finds the K largest, and only those K are sorted.
Dimension key: U users, I items, K places of a list, B users of one block.
"""

import numpy as np
from numpy.typing import NDArray

CELLS_AT_ONCE = 2**16
"""Keys in a block, half a MB. A block that fits in cache halves the time."""

ITEM_BITS = np.int64(32)
MAGNITUDE = np.int32(0x7FFFFFFF)
NO_ITEM = -1


def take_best(
    scores_UI: NDArray[np.float32], k: int
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Return the `k` best items of each row, best first, and their scores, both shape (U, K).

    Ties go to the lower item. An item with score −inf is never taken. A row with fewer than `k`
    other items is padded with item −1 and score −inf. Scores must not be NaN or +inf, and
    1 ≤ k ≤ I.
    """
    n_users, n_items = scores_UI.shape
    block = max(1, min(CELLS_AT_ONCE // n_items, n_users))
    keys_BI = np.empty((block, n_items), dtype=np.int64)
    tie_break_I = np.arange(n_items - 1, -1, -1)
    keys_UK = np.empty((n_users, k), dtype=np.int64)
    for start in range(0, n_users, block):
        rows = slice(start, min(start + block, n_users))
        size = rows.stop - rows.start
        _write_keys(scores_UI[rows], tie_break_I, keys_BI[:size])
        keys_BI[:size].partition(n_items - k, axis=1)
        keys_UK[rows] = keys_BI[:size, n_items - k :]
    keys_UK.sort(axis=1)
    return _read_keys(keys_UK[:, ::-1], n_items)


def _write_keys(
    scores_BI: NDArray[np.float32], tie_break_I: NDArray[np.int64], keys_BI: NDArray[np.int64]
) -> None:
    # writes into the same memory for every block: new memory costs as much as the arithmetic.
    # adding 0 turns −0.0 into 0.0, so that the two zeros tie
    keys_BI[:] = _flip((scores_BI + np.float32(0)).view(np.int32))
    keys_BI <<= ITEM_BITS
    keys_BI |= tie_break_I


def _flip(bits: NDArray[np.int32]) -> NDArray[np.int32]:
    # the bits of floats, read as integers, are in the order of the floats, but reversed for
    # negative floats. Flipping twice gives the same bits again
    flipped = bits >> np.int32(31)
    flipped &= MAGNITUDE
    flipped ^= bits
    return flipped


def _read_keys(
    keys_UK: NDArray[np.int64], n_items: int
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    score_UK = _flip((keys_UK >> ITEM_BITS).astype(np.int32)).view(np.float32)
    item_UK = (n_items - 1 - (keys_UK & 0xFFFFFFFF)).astype(np.int32)
    item_UK[score_UK == -np.inf] = NO_ITEM
    return item_UK, score_UK
