"""Conversion between a part of a split and the bytes of one `.npz` file.

The file stores the ratings as CSR, and for each rating whether it is a like and its time. Its
arrays are `layout`, `shape`, `indptr`, `indices`, `ratings`, `liked` and, if known, `times` and
`order`, the place of each like. In a split by users, `fold_in` says for each rating whether it is
to be folded in or held out. If the part has ratings outside the core, `core` is the shape of the
core.
Dimension key: N stored ratings.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from collaborative_autoencoders.checksum import NoChecksum

from .npz import arrays_from_bytes, arrays_to_bytes, checked_csr, refuse_other_names
from .part import Interactions
from .sparse import cells_of, first_cells, user_of_cells, where, with_shape

LAYOUT = 3
"""Version of the file's layout. Files of another layout are refused."""

REQUIRED = frozenset({"layout", "shape", "indptr", "indices", "ratings", "liked"})
TIMES, ORDER, FOLD_IN, CORE = "times", "order", "fold_in", "core"


class OlderLayout(ValueError):
    """Error for a file that was written with another layout."""


def part_to_bytes(part: Interactions) -> bytes:
    """Return the part as `.npz`; the same part gives the same bytes.

    Raises ValueError if a like is not a rating of the part.
    """
    fold_in, part, marks = part.fold_in, part.whole, {}
    core = {} if part.core_shape == part.shape else {CORE: np.asarray(part.core_shape)}
    if fold_in is not None:
        marks = {FOLD_IN: np.isin(cells_of(part.ratings), cells_of(fold_in.ratings))}
    ratings_UI = part.ratings.sorted_indices()
    liked_N = _liked(ratings_UI, with_shape(part.likes.sorted_indices(), part.shape))
    times = {} if part.times is None else {TIMES: part.times.sorted_indices().data}
    order = {} if part.order is None else {ORDER: part.order.sorted_indices().data}
    return arrays_to_bytes(
        layout=np.asarray(LAYOUT),
        shape=np.asarray(ratings_UI.shape),
        indptr=ratings_UI.indptr,
        indices=ratings_UI.indices,
        ratings=ratings_UI.data,
        liked=liked_N,
        **times,
        **order,
        **marks,
        **core,
    )


def _liked(ratings_UI: csr_array, likes_UI: csr_array) -> NDArray[np.bool_]:
    """Return whether each rating is a like. Both matrices have sorted columns."""
    rating_cells, like_cells = cells_of(ratings_UI), cells_of(likes_UI)
    places = np.searchsorted(rating_cells, like_cells)
    if (places == len(rating_cells)).any() or (rating_cells[places] != like_cells).any():
        raise ValueError("a like is not among the ratings of its part")
    liked_N = np.zeros(len(rating_cells), dtype=bool)
    liked_N[places] = True
    return liked_N


def part_from_bytes(content: bytes) -> Interactions:
    """Return the part that `part_to_bytes` wrote.

    Raises OlderLayout if the file has another layout, and ValueError, with the reason, if the
    bytes are truncated or changed or the arrays do not form one part.
    """
    try:
        arrays = arrays_from_bytes(content)
    except NoChecksum as error:
        raise OlderLayout(str(error)) from None
    layout = arrays.get("layout", np.asarray(0))
    if layout.shape != () or layout.item() != LAYOUT:
        raise OlderLayout("another version of this project wrote the file, with another layout")
    refuse_other_names(arrays, REQUIRED | (arrays.keys() & {TIMES, ORDER, FOLD_IN, CORE}))
    return part_of_arrays(arrays)


def part_of_arrays(arrays: Mapping[str, NDArray]) -> Interactions:
    """Return the part that these arrays describe.

    Raises ValueError, with the reason, if they do not form one part.
    """
    ratings_UI = checked_csr(arrays["ratings"], arrays)
    core_shape = _checked_core(arrays.get(CORE), ratings_UI.shape)
    liked_N, is_core_N = arrays["liked"], _in_core(ratings_UI, core_shape)
    likes_UI = where(ratings_UI, _checked_likes(liked_N, ratings_UI.data, is_core_N))
    times_UI = None
    if TIMES in arrays:
        times_N = _checked_times(arrays[TIMES], ratings_UI.nnz)
        cells = (times_N, ratings_UI.indices, ratings_UI.indptr)
        times_UI = csr_array(cells, shape=ratings_UI.shape)
    likes_UI = first_cells(likes_UI, core_shape)
    order_UI = None
    if ORDER in arrays:
        places_N = _checked_order(arrays[ORDER], likes_UI)
        order_UI = csr_array((places_N, likes_UI.indices, likes_UI.indptr), shape=likes_UI.shape)
    part = Interactions(ratings_UI, likes_UI, times_UI, order=order_UI)
    if FOLD_IN not in arrays:
        return part
    is_fold_in_N = arrays[FOLD_IN]
    if is_fold_in_N.dtype != np.bool_ or is_fold_in_N.shape != ratings_UI.data.shape:
        raise ValueError("the file does not store for each rating whether it is to be folded in")
    return part.split_off(is_fold_in_N)


def _checked_core(core: NDArray | None, shape: tuple[int, int]) -> tuple[int, int]:
    """Return the shape of the core. Raises ValueError if it is not within that of the part."""
    if core is None:
        return shape
    if core.shape != (2,) or core.dtype.kind != "i" or not ((core >= 0) & (core <= shape)).all():
        raise ValueError(f"the file holds a core of {core.tolist()} in a part of {shape}")
    return int(core[0]), int(core[1])


def _in_core(ratings_UI: csr_array, core_shape: tuple[int, int]) -> NDArray[np.bool_]:
    users, items = core_shape
    in_core_N = ratings_UI.indices < items
    in_core_N[ratings_UI.indptr[users] :] = False
    return in_core_N


def _checked_likes(
    liked_N: NDArray, ratings_N: NDArray[np.floating], in_core_N: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Return the likes.

    Raises ValueError if one is outside the core, or if no threshold separates them from the other
    ratings of the core.
    """
    if liked_N.dtype != np.bool_ or liked_N.shape != ratings_N.shape:
        raise ValueError("the file does not store for each rating whether it is a like")
    if (liked_N & ~in_core_N).any():
        raise ValueError("the file holds a like outside the core")
    if liked_N.any() and not liked_N[in_core_N].all():
        like, other = ratings_N[liked_N].min(), ratings_N[in_core_N & ~liked_N].max()
        if like <= other:
            raise ValueError(f"a rating of {like:g} is a like and one of {other:g} is none")
    return liked_N


def _checked_order(places_N: NDArray, likes_UI: csr_array) -> NDArray:
    """Return the places of the likes. Raises ValueError if they are not distinct whole numbers."""
    if places_N.dtype != np.float32 or places_N.shape != (likes_UI.nnz,):
        raise ValueError("the file does not hold one place per like")
    if not (np.isfinite(places_N) & (places_N >= 1) & (places_N == np.floor(places_N))).all():
        raise ValueError("the file holds a place in the order of likes that is not 1, 2, 3, …")
    key_N = np.sort(user_of_cells(likes_UI) << 32 | places_N.astype(np.int64))
    if (key_N[1:] == key_N[:-1]).any():
        raise ValueError("the file holds two likes of a user at one place of their order")
    return places_N


def _checked_times(times_N: NDArray, n_ratings: int) -> NDArray:
    """Return the times. Raises ValueError if they are not one finite number per rating."""
    if times_N.shape != (n_ratings,):
        raise ValueError("the file does not hold one time per rating")
    if times_N.dtype not in (np.int64, np.float64) or not np.isfinite(times_N).all():
        raise ValueError("the file holds a time that is not a finite number")
    return times_N
