"""Hits: which recommended items are held out. All ranking metrics are computed from hits.

Dimension key: U users, I items, K positions of a list, B users of one block.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from collaborative_autoencoders.threads import map_in_threads

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

    def find(start: int) -> None:
        rows = slice(start, start + block)
        relevant_BI = _dense(relevant_UI, rows)
        hits_UK[rows] = np.take_along_axis(relevant_BI, item_UK[rows], axis=1)

    for _ in map_in_threads(find, range(0, n_users, block)):
        pass
    return hits_UK


def count_relevant(relevant_UI: csr_array) -> NDArray[np.int64]:
    """Return the number of held-out items of each user, shape (U,)."""
    return np.diff(relevant_UI.indptr).astype(np.int64)


def _dense(relevant_UI: csr_array, rows: slice) -> NDArray[np.bool_]:
    # SciPy takes longer to make the matrix of a few rows than all else here
    end_B = relevant_UI.indptr[rows.start : rows.stop + 1]
    user_N = np.repeat(np.arange(len(end_B) - 1), np.diff(end_B))
    # one extra last column that is always False: −1 indexes it
    dense_BI = np.zeros((len(end_B) - 1, relevant_UI.shape[1] + 1), dtype=np.bool_)
    dense_BI[user_N, relevant_UI.indices[end_B[0] : end_B[-1]]] = True
    return dense_BI
