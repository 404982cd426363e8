"""One part of a split – train, validation or test – as one value.

    ratings  5 . 2      likes  1 . .      times  70  . 90     Three matrices of one shape,
             . 4 .             . 1 .              . 80  .     users x items, CSR.

If models of ratings use ratings outside the core, likes are those of the core: its users and items
are the first rows and columns.

    ratings  5 . 2 | 4      likes  1 . .
             . 4 . | .             . 1 .
             ------+--
             4 . . | 1

If the split is by users, validation and test have a second such value: `fold_in`, more ratings of
the same users.

Dimension key: U users, I items, N stored ratings.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import reduce
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from .sparse import (
    cells_of,
    first_cells,
    join,
    likes_of,
    take_cells,
    to_matrix,
    where,
    with_shape,
)

View = Literal["likes", "ratings"]
"""The matrix that a model is fitted on and reads as a user's history."""


@dataclass(frozen=True, eq=False)
class Interactions:
    """The ratings of one part, which of them are likes, and when they were given."""

    ratings: csr_array
    """All ratings, including ratings of 0; float32, shape (U, I). Ones if the table has none."""

    likes: csr_array
    """A one for every rating of the core that is a like. Its shape is that of the core: (U, I), or
    less."""

    times: csr_array | None = None
    """The time of each rating, in the cells of `ratings`; None if the table has no timestamps.
    Dates are seconds since 1970 (UTC); numeric timestamps keep the unit of the table."""

    fold_in: "Interactions | None" = None
    """Further ratings of the same users, if the split is by users: a model may read them as
    history, and they are not held out. None for other splits."""

    def __post_init__(self) -> None:
        """Raise ValueError if shapes differ or ratings and times are in different cells.

        With fold-in ratings, every user with ratings must have some of them.
        """
        if self.fold_in is not None:
            _check_fold_in(self.ratings, self.fold_in)
        times = self.ratings if self.times is None else self.times
        if self.ratings.shape != times.shape or any(
            core > whole for core, whole in zip(self.core_shape, self.shape, strict=True)
        ):
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
        core_shape: tuple[int, int] | None = None,
    ) -> Self:
        """Return a part from one rating per row. Without ratings every row is a like.

        `core_shape` is the number of users and items in the core; None means all.

        Raises ValueError if a pair of user and item is duplicated.
        """
        times_UI = None
        if times is not None:
            times_UI = to_matrix(user_index, item_index, times, shape, dtype=times.dtype)
        if ratings is None:
            ones_UI = to_matrix(user_index, item_index, 1.0, shape)
            return cls(ones_UI, first_cells(ones_UI, core_shape or shape), times_UI)
        ratings_UI = to_matrix(user_index, item_index, ratings, shape)
        return cls.of(ratings_UI, like_threshold, times_UI, core_shape)

    @classmethod
    def of(
        cls,
        ratings_UI: csr_array,
        like_threshold: float,
        times_UI: csr_array | None = None,
        core_shape: tuple[int, int] | None = None,
    ) -> Self:
        """Return a part from a matrix of ratings; a rating ≥ `like_threshold` is a like.

        `core_shape` is the number of users and items in the core; None means all.
        """
        core_UI = first_cells(ratings_UI, core_shape or ratings_UI.shape)
        return cls(ratings_UI, likes_of(core_UI, like_threshold), times_UI)

    @property
    def shape(self) -> tuple[int, int]:
        """The number of users and of items."""
        n_users, n_items = self.ratings.shape
        return n_users, n_items

    @property
    def core_shape(self) -> tuple[int, int]:
        """The number of users and of items in the core."""
        n_users, n_items = self.likes.shape
        return n_users, n_items

    @property
    def core(self) -> "Interactions":
        """The part without what is outside the core, in the shape of the core."""
        if self.core_shape == self.shape:
            return self
        shape, fold_in = self.core_shape, None if self.fold_in is None else self.fold_in.core
        times = None if self.times is None else first_cells(self.times, shape)
        return Interactions(first_cells(self.ratings, shape), self.likes, times, fold_in)

    def view(self, name: View) -> csr_array:
        """Return the likes or the ratings, by name."""
        return self.likes if name == "likes" else self.ratings

    def seen_by(self, view: View) -> "Interactions":
        """Return what a model of this view knows of: the core, or the whole part."""
        return self.core if view == "likes" else self

    def of_users(self, users: NDArray[np.integer]) -> Self:
        """Return these users' rows, in this order.

        Raises ValueError if a user outside the core comes before one of the core.
        """
        users = np.asarray(users)
        of_core = users[users < self.core_shape[0]]
        if not np.array_equal(users[: len(of_core)], of_core):
            raise ValueError("users of the core do not come first")
        times = None if self.times is None else self.times[users]
        fold_in = None if self.fold_in is None else self.fold_in.of_users(users)
        return type(self)(self.ratings[users], self.likes[of_core], times, fold_in)

    def without_cells(self, cells_UI: csr_array) -> "Interactions":
        """Return the part without the cells that `cells_UI` stores; same shape.

        The fold-in ratings stay.
        """
        excluded = cells_of(cells_UI)
        return self._keep(
            lambda view_UI: ~np.isin(cells_of(with_shape(view_UI, self.shape)), excluded)
        )

    def without_items(self, drop_I: NDArray[np.bool_]) -> "Interactions":
        """Return the part without the ratings of the items that `drop_I` marks; same shape.

        The fold-in ratings stay.
        """
        return self._keep(lambda view_UI: ~drop_I[view_UI.indices])

    def joined(self, other: "Interactions") -> "Interactions":
        """Return the union of two parts of one split, such as train + validation.

        Fold-in ratings of both are ratings of the union. Raises ValueError if the parts share a
        cell, differ in shape, or only one of them has times.
        """
        first, second = self.whole, other.whole
        if (first.times is None) != (second.times is None):
            raise ValueError("one part has times and the other has none: they come from two runs")
        times = None
        if first.times is not None and second.times is not None:
            times = join(first.times, second.times)
        ratings, likes = join(first.ratings, second.ratings), join(first.likes, second.likes)
        return Interactions(ratings, likes, times)

    @property
    def whole(self) -> "Interactions":
        """The part with its fold-in ratings among its ratings."""
        if self.fold_in is None:
            return self
        return replace(self, fold_in=None).joined(self.fold_in)

    def with_fold_in_of(self, *parts: "Interactions") -> "Interactions":
        """Return the union of this part with the fold-in ratings of other parts."""
        shown = [part.fold_in for part in parts if part.fold_in is not None]
        return reduce(Interactions.joined, shown, self)

    def split_off(self, is_fold_in_N: NDArray[np.bool_]) -> "Interactions":
        """Return the part with the ratings that `is_fold_in_N` marks as its fold-in ratings."""
        fold_in_UI = where(self.ratings, is_fold_in_N)
        held_out_UI = where(self.ratings, ~is_fold_in_N)
        return replace(self.without_cells(fold_in_UI), fold_in=self.without_cells(held_out_UI))

    def _keep(self, marks: Callable[[csr_array], NDArray[np.bool_]]) -> "Interactions":
        times = None if self.times is None else take_cells(self.times, marks(self.times))
        return Interactions(
            take_cells(self.ratings, marks(self.ratings)),
            take_cells(self.likes, marks(self.likes)),
            times,
            self.fold_in,
        )


def fingerprint(*, train: Interactions, validation: Interactions) -> str:
    """Return the BLAKE2b hash of the structure and values of both parts, as hex digits."""
    digest = hashlib.blake2b(digest_size=16)
    parts = (train, validation, train.fold_in, validation.fold_in)
    for part in (part for part in parts if part is not None):
        for matrix_UI in (part.ratings, part.likes, part.times):
            if matrix_UI is not None:
                for array in (matrix_UI.indptr, matrix_UI.indices, matrix_UI.data):
                    digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def _check_fold_in(ratings_UI: csr_array, fold_in: Interactions) -> None:
    if fold_in.ratings.shape != ratings_UI.shape:
        raise ValueError(f"ratings {ratings_UI.shape} and fold-in {fold_in.ratings.shape} differ")
    without_U = (np.diff(ratings_UI.indptr) > 0) & (np.diff(fold_in.ratings.indptr) == 0)
    if without_U.any():
        raise ValueError(f"user_index {np.argmax(without_U)} has ratings and none to fold in")
