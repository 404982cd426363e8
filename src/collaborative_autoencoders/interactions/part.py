"""One part of a split – train, validation or test – as one value.

    ratings  5 . 2      likes  1 . .      times  70  . 90     order  1 . .     Four matrices of one
             . 4 .             . 1 .              . 80  .            . 1 .     shape, users x items,
                                                                               CSR.

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
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import reduce
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import DTypeLike, NDArray
from scipy.sparse import csr_array

from .part_counts import PartCounts
from .sparse import (
    INT32_MAX,
    cells_of,
    first_cells,
    join,
    join_known,
    likes_of,
    ones_in,
    take_cells,
    to_matrix,
    user_of_cells,
    where,
    with_shape,
)

View = Literal["likes", "ratings", "order"]
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

    order: csr_array | None = None
    """The place of each like among all likes of its user, in every part, by time: 1, 2, 3, …, in
    the cells of `likes`; float32. None if the table has no timestamps."""

    def __post_init__(self) -> None:
        """Raise ValueError if shapes differ or views that belong together are in different cells.

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
        _check_cells(ratings=self.ratings, times=times)
        _check_cells(likes=self.likes, order=self.likes if self.order is None else self.order)

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
        order: NDArray[np.floating] | None = None,
        rows: NDArray[np.integer] | None = None,
    ) -> Self:
        """Return a part from one rating per row. Without ratings every row is a like.

        `core_shape` is the number of users and items in the core; None means all. `order` has the
        place of each like, and 0 for any other row. `rows` are the positions of the rows of this
        part in the arrays; None means all.

        Raises ValueError if a pair of user and item is duplicated.
        """
        rows = np.arange(len(user_index)) if rows is None else rows
        # the row of each cell, for the views that share its cells
        kind: DTypeLike = np.int32 if len(user_index) <= INT32_MAX else np.int64
        rows_UI = to_matrix(user_index[rows], item_index[rows], rows, shape, dtype=kind)
        del rows

        def view_of(values: NDArray[Any]) -> csr_array:
            cells = (values[rows_UI.data], rows_UI.indices, rows_UI.indptr)
            return csr_array(cells, shape=shape)

        times_UI = None if times is None else view_of(times)
        if ratings is None:
            ones_UI = ones_in(rows_UI)
            part = cls(ones_UI, first_cells(ones_UI, core_shape or shape), times_UI)
        else:
            ratings_UI = view_of(np.asarray(ratings, dtype=np.float32))
            part = cls.of(ratings_UI, like_threshold, times_UI, core_shape)
        if order is None:
            return part
        order_UI = first_cells(rows_UI, part.core_shape)
        order_UI.data = np.asarray(order, dtype=np.float32)[order_UI.data]
        return replace(part, order=take_cells(order_UI, order_UI.data > 0))

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
        return Interactions(
            first_cells(self.ratings, shape), self.likes, times, fold_in, self.order
        )

    def view(self, name: View) -> csr_array:
        """Return the likes, the ratings or the order of the likes, by name.

        Raises ValueError for the order of a table without timestamps.
        """
        view_UI: csr_array | None = getattr(self, name)
        if view_UI is None:
            raise ValueError("the table has no timestamps, so its likes have no order")
        return view_UI

    def seen_by(self, view: View) -> "Interactions":
        """Return what a model of this view knows of: the whole part if ratings, else the core."""
        return self if view == "ratings" else self.core

    def shape_for(self, view: View) -> tuple[int, int]:
        """Return the number of users and of items that a model of this view knows of."""
        return self.shape if view == "ratings" else self.core_shape

    def ratings_for(self, view: View) -> csr_array:
        """Return `seen_by(view).ratings`, without the memory of the other views."""
        return first_cells(self.ratings, self.shape_for(view))

    def counted(self, *, with_times: bool = False) -> PartCounts:
        """Return the number of ratings of each user and item, and their first and last times."""
        fold_in = None if self.fold_in is None else self.fold_in.counted()
        return PartCounts.of(self.ratings, self.times if with_times else None, fold_in)

    def of_users(self, users: NDArray[np.integer]) -> "Interactions":
        """Return these users' rows, in this order.

        Raises ValueError if a user outside the core comes before one of the core.
        """
        users = np.asarray(users)
        of_core = users[users < self.core_shape[0]]
        if not np.array_equal(users[: len(of_core)], of_core):
            raise ValueError("users of the core do not come first")
        times = None if self.times is None else self.times[users]
        fold_in = None if self.fold_in is None else self.fold_in.of_users(users)
        order = None if self.order is None else self.order[of_core]
        return Interactions(self.ratings[users], self.likes[of_core], times, fold_in, order)

    def without_cells(self, cells_UI: csr_array) -> "Interactions":
        """Return the part without the cells that `cells_UI` stores; same shape.

        The fold-in ratings stay.
        """
        excluded = cells_of(cells_UI)
        return self._keep(
            lambda view_UI: ~np.isin(cells_of(with_shape(view_UI, self.shape)), excluded)
        )

    def without_users(self, drop_U: NDArray[np.bool_]) -> "Interactions":
        """Return the part without the ratings of the users that `drop_U` marks; same shape.

        The fold-in ratings stay.
        """
        return self._keep(lambda view_UI: ~drop_U[user_of_cells(view_UI)])

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
        ratings, likes = join(first.ratings, second.ratings), join(first.likes, second.likes)
        times, order = join_known(first.times, second.times), join_known(first.order, second.order)
        return Interactions(ratings, likes, times, order=order)

    def joined_view(self, other: "Interactions", name: View) -> csr_array:
        """Return a view of the union of two parts, without the memory of the other views.

        Raises ValueError if the parts share a cell or differ in shape.
        """
        return join_views((self, self.fold_in, other, other.fold_in), name)

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
        def kept(view_UI: csr_array) -> csr_array:
            return take_cells(view_UI, marks(view_UI))

        return Interactions(
            kept(self.ratings),
            kept(self.likes),
            None if self.times is None else kept(self.times),
            self.fold_in,
            None if self.order is None else kept(self.order),
        )


def join_views(parts: Iterable[Interactions | None], name: View) -> csr_array:
    """Return a view of the union of the parts that are not None; see `joined_view`."""
    return reduce(join, (part.view(name) for part in parts if part is not None))


def fingerprint(*, train: Interactions, validation: Interactions) -> str:
    """Return the BLAKE2b hash of the structure and values of both parts, as hex digits."""
    digest = hashlib.blake2b(digest_size=16)
    parts = (train, validation, train.fold_in, validation.fold_in)
    for part in (part for part in parts if part is not None):
        for matrix_UI in (part.ratings, part.likes, part.times, part.order):
            if matrix_UI is not None:
                for array in (matrix_UI.indptr, matrix_UI.indices, matrix_UI.data):
                    digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def _check_cells(**views: csr_array) -> None:
    """Raise ValueError if two views, given by name, are not in the same cells."""
    (first, one), (second, other) = views.items()
    if one.nnz != other.nnz:
        raise ValueError(f"{one.nnz} {first} have {other.nnz} {second}")
    if not (
        np.array_equal(one.indptr, other.indptr) and np.array_equal(one.indices, other.indices)
    ):
        raise ValueError(f"{first} and {second} are in different cells")


def _check_fold_in(ratings_UI: csr_array, fold_in: Interactions) -> None:
    if fold_in.ratings.shape != ratings_UI.shape:
        raise ValueError(f"ratings {ratings_UI.shape} and fold-in {fold_in.ratings.shape} differ")
    without_U = (np.diff(ratings_UI.indptr) > 0) & (np.diff(fold_in.ratings.indptr) == 0)
    if without_U.any():
        raise ValueError(f"user_index {np.argmax(without_U)} has ratings and none to fold in")
