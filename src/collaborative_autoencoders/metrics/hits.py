"""Which recommended items were held out: all that ranking metrics need to know of a list.

Dimension key: U users, I items, K places of a list, B users of one block.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

CELLS_AT_ONCE = 2**22
"""Cells of the one dense block of booleans, so 4 MB whatever the size of the data."""


def find_hits(item_UK: NDArray[np.integer], relevant_UI: csr_array) -> NDArray[np.bool_]:
    """True where the recommended item is one that `relevant_UI` holds for that user, shape (U, K).

    A list that is shorter than K is padded with −1, which hits nothing. What is relevant comes
    from the sparse structure, so an explicit zero counts.
    """
    n_users, n_items = relevant_UI.shape
    block = max(1, CELLS_AT_ONCE // (n_items + 1))
    hits_UK = np.empty(item_UK.shape, dtype=np.bool_)
    for start in range(0, n_users, block):
        rows = slice(start, start + block)
        relevant_BI = _dense(relevant_UI[rows])
        hits_UK[rows] = np.take_along_axis(relevant_BI, item_UK[rows], axis=1)
    return hits_UK


def count_relevant(relevant_UI: csr_array) -> NDArray[np.int64]:
    """How many items are held out for each user, shape (U,)."""
    return np.diff(relevant_UI.indptr).astype(np.int64)


def _dense(relevant_BI: csr_array) -> NDArray[np.bool_]:
    # one column more than there are items: −1 reads the last one, which stays False
    n_users, n_items = relevant_BI.shape
    dense_BI = np.zeros((n_users, n_items + 1), dtype=np.bool_)
    dense_BI[np.repeat(np.arange(n_users), np.diff(relevant_BI.indptr)), relevant_BI.indices] = True
    return dense_BI
