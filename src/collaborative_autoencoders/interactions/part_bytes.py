"""Conversion between a part of a split and the bytes of one `.npz` file.

The file stores the ratings as CSR, and for each rating whether it is a like and its time. Its
arrays are `layout`, `shape`, `indptr`, `indices`, `ratings`, `liked` and, if known, `times`.
"""

import numpy as np
from scipy.sparse import csr_array

from .part import Interactions
from .sparse import arrays_from_bytes, arrays_to_bytes, cells_of, checked_csr, where

LAYOUT = 1
"""Version of the file's layout. Files of another layout are refused."""

REQUIRED = frozenset({"layout", "shape", "indptr", "indices", "ratings", "liked"})
TIMES = "times"


class OlderLayout(ValueError):
    """Error for a file that was written with another layout."""


def part_to_bytes(part: Interactions) -> bytes:
    """Return the part as `.npz`; the same part gives the same bytes.

    Raises ValueError if a like is not a rating of the part.
    """
    ratings_UI = part.ratings.sorted_indices()
    rating_cells, like_cells = cells_of(ratings_UI), cells_of(part.likes.sorted_indices())
    liked_N = np.isin(rating_cells, like_cells, assume_unique=True)
    if liked_N.sum() < len(like_cells):
        raise ValueError("a like is not among the ratings of its part")
    times = {} if part.times is None else {TIMES: part.times.sorted_indices().data}
    return arrays_to_bytes(
        layout=np.asarray(LAYOUT),
        **times,  # first, as damage may hide the last arrays, and the others are required
        shape=np.asarray(ratings_UI.shape),
        indptr=ratings_UI.indptr,
        indices=ratings_UI.indices,
        ratings=ratings_UI.data,
        liked=liked_N,
    )


def part_from_bytes(content: bytes) -> Interactions:
    """Return the part that `part_to_bytes` wrote.

    Raises OlderLayout if the file has another layout, and ValueError, with the reason, if the
    bytes are truncated or changed or the arrays do not form one part.
    """
    arrays = arrays_from_bytes(content)
    if int(arrays.get("layout", np.asarray(0))) != LAYOUT:
        raise OlderLayout("another version of this project wrote the file, with another layout")
    missing = REQUIRED - arrays.keys()
    if missing:
        raise ValueError(f"the npz lacks the arrays {sorted(missing)}")
    unknown = arrays.keys() - REQUIRED - {TIMES}
    if unknown:  # the names are outside the checksums of an npz
        raise ValueError(f"the npz holds the unknown arrays {sorted(unknown)}")
    ratings_UI = checked_csr(arrays["ratings"], arrays)
    liked_N, times_N = arrays["liked"], arrays.get(TIMES)
    if not np.isfinite(ratings_UI.data).all():
        raise ValueError("the npz holds a rating that is not a finite number")
    if liked_N.dtype != np.bool_ or liked_N.shape != ratings_UI.data.shape:
        raise ValueError("the npz does not store for each rating whether it is a like")
    times_UI = None
    if times_N is not None:
        if times_N.shape != ratings_UI.data.shape:
            raise ValueError("the npz does not hold one time per rating")
        cells = (times_N, ratings_UI.indices, ratings_UI.indptr)
        times_UI = csr_array(cells, shape=ratings_UI.shape)
    return Interactions(ratings_UI, where(ratings_UI, liked_N), times_UI)
