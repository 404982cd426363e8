"""The order of each user's rows in time.

Dimension key: N rows.
"""

import numpy as np
from numpy.typing import NDArray


def by_user_and_time(
    user_index_N: NDArray[np.integer], times_N: NDArray[np.number], tie_N: NDArray[np.integer]
) -> NDArray[np.int64]:
    """Return the positions of the rows sorted by user, then time, then `tie_N`, shape (N,).

    `tie_N` holds distinct numbers. It is `np.lexsort((tie_N, times_N, user_index_N))`, by two sorts
    of integers, which take a tenth of the time.
    """
    key_N = by_user(user_index_N, times_N)
    order = np.argsort(key_N)
    key_N = key_N[order]
    differs = np.concatenate([[True], key_N[1:] != key_N[:-1], [True]])
    tied = np.flatnonzero(~(differs[:-1] & differs[1:]))
    rows = order[tied]
    run = np.cumsum(differs[tied])
    order[tied] = rows[np.argsort(run << 32 | _in_32_bits(tie_N[rows]))]
    return order


def by_user(user_index_N: NDArray[np.integer], times_N: NDArray[np.number]) -> NDArray[np.int64]:
    """Return a number for each row that orders them by user and then time, shape (N,).

    Rows of one user and time have the same number.
    """
    key_N = _in_32_bits(times_N)
    key_N |= user_index_N.astype(np.int64) << 32
    return key_N


def places_of(
    user_index_N: NDArray[np.integer],
    times_N: NDArray[np.number],
    tie_N: NDArray[np.integer],
    counted_N: NDArray[np.bool_],
) -> NDArray[np.float32]:
    """Return the place of each counted row in its user's order, shape (N,): 1, 2, 3, … by time.

        user     0   0   0   1   1
        time    70  90  80  60  50        counted: all but the third
        place    1   2   0   2   1

    Rows of one time are in the order of `tie_N`. Rows that are not counted have the place 0. A
    float32 holds every place up to 2^24.
    """
    rows = np.flatnonzero(counted_N)
    order = rows[by_user_and_time(user_index_N[rows], times_N[rows], tie_N[rows])]
    n_rows_U = np.bincount(user_index_N[rows])
    before_U = np.cumsum(n_rows_U) - n_rows_U
    place_N = np.zeros(len(counted_N), dtype=np.float32)
    place_N[order] = np.arange(1, len(order) + 1) - np.repeat(before_U, n_rows_U)
    return place_N


def _in_32_bits(values_N: NDArray[np.number]) -> NDArray[np.int64]:
    """Return integers from 0 to below 2^32 in the same order; equal if the values are equal."""
    if values_N.dtype.kind in "iu" and len(values_N):
        lowest = values_N.min()
        if int(values_N.max()) - int(lowest) < 2**32:
            shifted_N = values_N.astype(np.int64)
            shifted_N -= lowest.astype(np.int64)
            return shifted_N
    return np.unique(values_N, return_inverse=True)[1].astype(np.int64)
