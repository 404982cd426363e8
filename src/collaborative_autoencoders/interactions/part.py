"""One part of a split – train, validation or test – as one value.

    ratings  5 . 2      likes  1 . .      times  70  . 90     Three matrices of one shape,
             . 4 .             . 1 .              . 80  .     users x items, CSR.

Dimension key: U users, I items, N stored ratings.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from .sparse import cells_of, join, likes_of, take_cells, to_matrix

View = Literal["likes", "ratings"]
"""The matrix that a model is fitted on and reads as a user's history."""


@dataclass(frozen=True, eq=False)
class Interactions:
    """The ratings of one part, which of them are likes, and when they were given."""

    ratings: csr_array
    """All ratings, including ratings of 0; float32, shape (U, I). Ones if the table has none."""

    likes: csr_array
    """A one for every rating that is a like, shape (U, I)."""

    times: csr_array | None = None
    """The time of each rating, in the cells of `ratings`; None if the table has no timestamps.
    Dates are seconds since 1970 (UTC); numeric timestamps keep the unit of the table."""

    def __post_init__(self) -> None:
        """Raise ValueError if shapes differ or ratings and times are in different cells."""
        times = self.ratings if self.times is None else self.times
        if not self.ratings.shape == self.likes.shape == times.shape:
            raise ValueError(
                f"ratings {self.ratings.shape}, likes {self.likes.shape} and times {times.shape} "
                "differ in shape"
            )
        if times.nnz != self.ratings.nnz:
            raise ValueError(f"{self.ratings.nnz} ratings have {times.nnz} times")
        if not (
            np.array_equal(times.indptr, self.ratings.indptr)
            and np.array_equal(times.indices, self.ratings.indices)
        ):
            raise ValueError("ratings and times are in different cells")

    @classmethod
    def from_rows(
        cls,
        user_index: NDArray[np.integer],
        item_index: NDArray[np.integer],
        shape: tuple[int, int],
        *,
        ratings: NDArray[np.floating] | None,
        times: NDArray[np.number] | None,
        like_threshold: float,
    ) -> Self:
        """Return a part from one rating per row. Without ratings every row is a like.

        Raises ValueError if a pair of user and item is duplicated.
        """
        times_UI = None
        if times is not None:
            times_UI = to_matrix(user_index, item_index, times, shape, dtype=times.dtype)
        if ratings is None:
            ones_UI = to_matrix(user_index, item_index, 1.0, shape)
            return cls(ones_UI, ones_UI, times_UI)
        return cls.of(to_matrix(user_index, item_index, ratings, shape), like_threshold, times_UI)

    @classmethod
    def of(
        cls, ratings_UI: csr_array, like_threshold: float, times_UI: csr_array | None = None
    ) -> Self:
        """Return a part from a matrix of ratings; a rating ≥ `like_threshold` is a like."""
        return cls(ratings_UI, likes_of(ratings_UI, like_threshold), times_UI)

    @property
    def shape(self) -> tuple[int, int]:
        """The number of users and of items."""
        n_users, n_items = self.ratings.shape
        return n_users, n_items

    def view(self, name: View) -> csr_array:
        """Return the likes or the ratings, by name."""
        return self.likes if name == "likes" else self.ratings

    def of_users(self, users: NDArray[np.integer]) -> Self:
        """Return these users' rows, in this order."""
        times = None if self.times is None else self.times[users]
        return type(self)(self.ratings[users], self.likes[users], times)

    def without_cells(self, cells_UI: csr_array) -> "Interactions":
        """Return the part without the cells that `cells_UI` stores; same shape."""
        excluded = cells_of(cells_UI)
        return self._keep(lambda view_UI: ~np.isin(cells_of(view_UI), excluded))

    def without_items(self, drop_I: NDArray[np.bool_]) -> "Interactions":
        """Return the part without the ratings of the items that `drop_I` marks; same shape."""
        return self._keep(lambda view_UI: ~drop_I[view_UI.indices])

    def joined(self, other: "Interactions") -> "Interactions":
        """Return the union of two parts of one split, such as train + validation.

        Raises ValueError if they share a cell, differ in shape, or only one of them has times.
        """
        if (self.times is None) != (other.times is None):
            raise ValueError("one part has times and the other has none: they come from two runs")
        times = None
        if self.times is not None and other.times is not None:
            times = join(self.times, other.times)
        return Interactions(join(self.ratings, other.ratings), join(self.likes, other.likes), times)

    def _keep(self, marks: Callable[[csr_array], NDArray[np.bool_]]) -> "Interactions":
        times = None if self.times is None else take_cells(self.times, marks(self.times))
        return Interactions(
            take_cells(self.ratings, marks(self.ratings)),
            take_cells(self.likes, marks(self.likes)),
            times,
        )


def fingerprint(*, train: Interactions, validation: Interactions) -> str:
    """Return the BLAKE2b hash of the structure and values of both parts, as hex digits."""
    digest = hashlib.blake2b(digest_size=16)
    for part in (train, validation):
        for matrix_UI in (part.ratings, part.likes, part.times):
            if matrix_UI is not None:
                for array in (matrix_UI.indptr, matrix_UI.indices, matrix_UI.data):
                    digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()
