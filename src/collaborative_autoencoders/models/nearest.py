"""The most similar items of each item, from the pairs of items that have a user in common.

Dimension key: I items, B items of a block, N pairs of a block, C pairs of one item, K nearest.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csc_array, csr_array

Floats = NDArray[np.float64]
Positions = NDArray[np.intp]

ITEMS_AT_ONCE = 64
"""Items that one thread, or a worker, looks at before what it has found is stored."""

PAIRS_AT_ONCE = 2**20
"""Maximum pairs of items of a block, some 30 MB."""

BYTES_PER_PAIR = 8 + 4
"""A pair of a block: its product and item."""

BYTES_PER_ITEM = 6 * 8
"""An item that has a user in common with the item whose nearest are found."""


class Nearest(NamedTuple):
    """The items that are nearest to one item, in the order of their positions."""

    items_K: NDArray[np.int32]
    similarity_K: Floats


def nearest_items(
    columns_UI: csc_array,
    rows_UI: csr_array,
    neighbours: int,
    similarity: Callable[[Floats, int, NDArray[np.int32]], Floats],
    of_items: Positions | None = None,
) -> Iterator[Nearest]:
    """Yield, for each item, the items of largest positive similarity, without the item itself.

    Both matrices have the same cells, by column and by row. `of_items` are the items whose nearest
    are found, in this order; None means all. `similarity` takes the products of an item's column
    with those of others in `rows_UI`, the item, and the others. Items without a common user have
    the similarity 0. Of equally similar items, the lower ones are taken.
    """
    columns_UI = columns_UI if of_items is None else columns_UI[:, of_items]
    of_items = np.arange(columns_UI.shape[1]) if of_items is None else of_items
    for start, stop in blocks_of(columns_UI, rows_UI):
        common_BI = columns_UI[:, start:stop].T @ rows_UI
        bounds = zip(common_BI.indptr[:-1], common_BI.indptr[1:], strict=True)
        for item, bound in zip(of_items[start:stop].tolist(), bounds, strict=True):
            items_C, product_C = common_BI.indices[slice(*bound)], common_BI.data[slice(*bound)]
            similarity_C = similarity(product_C.astype(np.float64), item, items_C)
            similarity_C[items_C == item] = 0
            best_K = largest(similarity_C, items_C, neighbours)
            yield Nearest(items_C[best_K], similarity_C[best_K])


def in_blocks(items: Positions) -> list[Positions]:
    """Return the items in blocks that are computed side by side."""
    return np.split(items, range(ITEMS_AT_ONCE, len(items), ITEMS_AT_ONCE))


def blocks_of(columns_UI: csc_array, rows_UI: csr_array) -> Iterator[tuple[int, int]]:
    """Yield the first item and the end of each block; one item may exceed the limit alone."""
    end_I = np.cumsum(np.minimum(users_in_common(columns_UI, rows_UI), rows_UI.shape[1]))
    start = done = 0
    while start < len(end_I):
        stop = max(start + 1, int(np.searchsorted(end_I, done + PAIRS_AT_ONCE, side="right")))
        yield start, stop
        start, done = stop, int(end_I[stop - 1])


def bytes_of_block(items: int) -> int:
    """Return the memory of a block with so many items in all."""
    pairs = max(items, min(PAIRS_AT_ONCE, items**2))
    return pairs * BYTES_PER_PAIR + items * BYTES_PER_ITEM


def users_in_common(columns_UI: csc_array, rows_UI: csr_array) -> NDArray[np.int64]:
    """Return the number of users that each item has in common with all items, summed over them."""
    items_N = np.diff(rows_UI.indptr)[columns_UI.indices]
    end_N = np.concatenate([[0], np.cumsum(items_N, dtype=np.int64)])
    return np.diff(end_N[columns_UI.indptr])


def largest(similarity_C: Floats, items_C: NDArray[np.int32], k: int) -> Positions:
    """Return where the `k` largest positive similarities are, in the order of their items.

    Of equal ones, those of the lower items are taken.
    """
    positive = np.flatnonzero(similarity_C > 0)
    if len(positive) > k:
        value_P = similarity_C[positive]
        least = np.partition(value_P, -k)[-k]
        above, tied = positive[value_P > least], positive[value_P == least]
        lowest = np.sort(items_C[tied])[k - len(above) - 1]
        positive = np.concatenate([above, tied[items_C[tied] <= lowest]])
    return positive[np.argsort(items_C[positive])]
