"""The K best items of every row of scores, without a full sort.

A score and its item are combined into one integer key. Keys are in the order of the scores, and a
tie goes to the lower item:

    score  2.0  0.5  2.0      key  (bits of 2.0, 2)  (bits of 0.5, 1)  (bits of 2.0, 0)
    item     0    1    2      best first: 0, 2, 1

Keys are unique. A partition finds the K largest, and only those K are sorted.

In a large catalogue, keys are made for few items. The items are put into groups, item i into group
i modulo the number of groups, and the best score of each group is found, which is much quicker than
a partition. If exactly K groups reach the K-th best of these, the K best items are in them: any
other item has K better ones. If more groups do, their best scores tie, and the K best items are
among those above that score and the lowest K of those that have it.
Dimension key: U users, I items, K places of a list, B users of one block, W items with those that
pad the last groups, G groups, M items of a group, C candidates.
"""

from collections.abc import Callable
from math import isqrt

import numpy as np
from numpy.typing import NDArray

CELLS_AT_ONCE = 2**17
"""Scores in a block, half a MB: it stays in the cache of a core from the first step to the last."""

LARGE = 128
"""Items for each place of a list that make groups the quicker way."""

ITEM_BITS = np.int64(32)
MAGNITUDE = np.int32(0x7FFFFFFF)
NO_ITEM = -1

Hide = Callable[[NDArray[np.float32], int], None]
"""Sets scores of a block to −inf, in place, given the first row of the block."""

BestKeys = Callable[[NDArray[np.float32]], NDArray[np.int64]]
"""Returns the K largest keys of each row of a block, in any order, shape (B, K)."""


def take_best(
    scores_UI: NDArray[np.float32], k: int, hide: Hide | None = None
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Return the `k` best items of each row, best first, and their scores, both shape (U, K).

    Ties go to the lower item. An item with score −inf is never taken. A row with fewer than `k`
    other items is padded with item −1 and score −inf. Scores must not be NaN or +inf, and
    1 ≤ k ≤ I. `hide` gets a copy of each block of rows, with some columns of −inf at the end.
    """
    n_users, n_items = scores_UI.shape
    of_group = isqrt(n_items // k) if n_items >= LARGE * k else 1
    width = -(-n_items // of_group) * of_group
    block_BW = np.empty((max(1, min(CELLS_AT_ONCE // width, n_users)), width), dtype=np.float32)
    block_BW[:, n_items:] = -np.inf
    best_keys = _best_keys_of(block_BW, k) if of_group == 1 else _best_keys_by_groups(of_group, k)
    keys_UK = np.empty((n_users, k), dtype=np.int64)
    for start in range(0, n_users, len(block_BW)):
        rows = slice(start, min(start + len(block_BW), n_users))
        scores_BW = block_BW[: rows.stop - start]
        scores_BW[:, :n_items] = scores_UI[rows]
        if hide is not None:
            hide(scores_BW, start)
        keys_UK[rows] = best_keys(scores_BW)
    keys_UK.sort(axis=1)
    return _read_keys(keys_UK[:, ::-1], width)


def _best_keys_of(block_BW: NDArray[np.float32], k: int) -> BestKeys:
    """Return the function that finds the largest keys among those of all items."""
    width = block_BW.shape[1]
    tie_break_W = np.arange(width - 1, -1, -1)
    # writes into the same memory for every block: new memory costs as much as the arithmetic
    keys_BW = np.empty(block_BW.shape, dtype=np.int64)

    def best_keys(scores_BW: NDArray[np.float32]) -> NDArray[np.int64]:
        written_BW = keys_BW[: len(scores_BW)]
        _write_keys(scores_BW, tie_break_W, written_BW)
        written_BW.partition(width - k, axis=1)
        return written_BW[:, width - k :]

    return best_keys


def _best_keys_by_groups(of_group: int, k: int) -> BestKeys:
    """Return the function that finds the largest keys among those of the best groups."""

    def best_keys(scores_BW: NDArray[np.float32]) -> NDArray[np.int64]:
        n_rows, width = scores_BW.shape
        best_BG = scores_BW.reshape(n_rows, of_group, -1, copy=False).max(axis=1)
        first = best_BG.shape[1] - k
        least_B = np.partition(best_BG, first, axis=1)[:, first]
        reaches_BG = best_BG >= least_B[:, None]
        is_clear_B = np.count_nonzero(reaches_BG, axis=1) == k
        clear_B, keys_BK = np.flatnonzero(is_clear_B), np.empty((n_rows, k), dtype=np.int64)
        group_BK = np.nonzero(reaches_BG[clear_B])[1].reshape(-1, 1, k)
        item_BMK = np.arange(0, width, best_BG.shape[1])[:, None] + group_BK
        item_BC = item_BMK.reshape(len(clear_B), of_group * k)
        scores_BC = scores_BW.reshape(-1, copy=False)[clear_B[:, None] * width + item_BC]
        keys_BK[clear_B] = _largest_keys(scores_BC, width - 1 - item_BC, k)
        for row in np.flatnonzero(~is_clear_B):
            item_C = _at_least(scores_BW[row], least_B[row], k)
            scores_C = scores_BW[row, item_C]
            keys_BK[row] = _largest_keys(scores_C[None], width - 1 - item_C[None], k)
        return keys_BK

    return best_keys


def _at_least(score_W: NDArray[np.float32], least: np.float32, k: int) -> NDArray[np.intp]:
    """Return the items above a score, and the lowest `k` of those that have it."""
    tied = np.flatnonzero(score_W[: 8 * k] == least)  # enough of them where most scores are 0
    if len(tied) < k:
        tied = np.flatnonzero(score_W == least)
    return np.concatenate([np.flatnonzero(score_W > least), tied[:k]])


def _largest_keys(
    scores_BC: NDArray[np.float32], tie_break_BC: NDArray[np.int64], k: int
) -> NDArray[np.int64]:
    keys_BC = np.empty_like(tie_break_BC)
    _write_keys(scores_BC, tie_break_BC, keys_BC)
    keys_BC.partition(keys_BC.shape[1] - k, axis=1)
    return keys_BC[:, keys_BC.shape[1] - k :]


def _write_keys(
    scores_BC: NDArray[np.float32], tie_break_C: NDArray[np.int64], keys_BC: NDArray[np.int64]
) -> None:
    # adding 0 turns −0.0 into 0.0, so that the two zeros tie
    keys_BC[:] = _flip((scores_BC + np.float32(0)).view(np.int32))
    keys_BC <<= ITEM_BITS
    keys_BC |= tie_break_C


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
