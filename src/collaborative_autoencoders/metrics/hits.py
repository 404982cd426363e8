"""Hits: which recommended items are held out. All ranking metrics are computed from hits.

Dimension key: U users, I items, K positions of a list, B users of one block.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

CELLS_AT_ONCE = 2**22
"""Number of cells of the dense boolean block: 4 MB, whatever the size of the data."""


def find_hits(item_UK: NDArray[np.integer], relevant_UI: csr_array) -> NDArray[np.bool_]:
    """Return whether each recommended item is stored in `relevant_UI`, shape (U, K).

    Lists shorter than K are padded with −1, which is never a hit. An item is relevant if the sparse
    structure stores it, even if its value is 0.
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
    """Return the number of held-out items of each user, shape (U,)."""
    return np.diff(relevant_UI.indptr).astype(np.int64)


def _dense(relevant_BI: csr_array) -> NDArray[np.bool_]:
    # one extra last column that is always False: −1 indexes it
    n_users, n_items = relevant_BI.shape
    dense_BI = np.zeros((n_users, n_items + 1), dtype=np.bool_)
    dense_BI[np.repeat(np.arange(n_users), np.diff(relevant_BI.indptr)), relevant_BI.indices] = True
    return dense_BI
