"""Sizes of the parts, and users and items of the test part that are not in training.

Dimension key: U users, I items.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from .part import Interactions
from .sparse import count_each, user_of_cells
from .split_options import SplitOptions
from .splitting import Split


class SplitReport(NamedTuple):
    """The number of ratings in each part, and what the test part has that training has not."""

    train: int
    validation: int
    test: int
    new_users: int
    """Users with test ratings and none in train or validation."""

    ratings_of_new_users: int
    new_items: int
    """Items with test ratings and none in train or validation."""

    ratings_of_new_items: int

    users_not_in_train: int
    """Users with test ratings and none in train: the new users if `training.refit` is false."""

    items_not_in_train: int
    """The same for items."""

    shown: int
    """Fold-in ratings of validation and test users (kind users)."""

    users: int
    """Users of whom rows may be held out: all, or the validation and test users (kind users)."""

    short_users: int
    """Those of `users` without a test rating (kind users: of whom no rating is held out)."""

    tied_users: int
    """Users with a test rating at the time of one that is not test (kinds last and time)."""

    def __str__(self) -> str:
        return (
            f"Split: {self.train:,} ratings in train, {self.validation:,} in validation, "
            f"{self.test:,} in test" + (f", and {self.shown:,} to fold in" if self.shown else "")
        )

    @property
    def about_ties(self) -> str | None:
        """How many users' test ratings are decided by ties; None if there is none."""
        if not self.tied_users:
            return None
        return (
            f"{self.tied_users:,} users have a test rating at the time of one that is not test, so "
            "split.ties decides which of them is test. What hangs on it: run again with --params "
            "split.ties=hash (or table), and outputs=NAME to keep these files."
        )

    @property
    def about_new(self) -> str | None:
        """How users and items without training are evaluated; None if there is none."""
        if not (self.users_not_in_train or self.items_not_in_train):
            return None
        new = "no user and no item of the test part"
        if self.new_users or self.new_items:
            new = (
                f"{self.new_users:,} users of the test part ({self.ratings_of_new_users:,} "
                f"ratings), whose lists are by popularity, and {self.new_items:,} items "
                f"({self.ratings_of_new_items:,} ratings)"
            )
        return (
            f"Not in train or validation: {new}. With training.refit: false, which fits on train "
            f"alone, it is {self.users_not_in_train:,} users and {self.items_not_in_train:,} "
            "items. All of them count in every metric."
        )


def report_split(split: Split, options: SplitOptions) -> SplitReport:
    """Return the sizes of the parts and of what is new in the test part.

    A test user of a split by users is not new, because the fold-in ratings are a history.
    """
    train, validation, test = split
    users_U, items_I = _per_user(test.ratings), _per_item(test.ratings)
    known, shown = [train, validation, validation.fold_in], test.fold_in
    new_U, not_in_train_U = (
        (users_U > 0) & ~_has_users(*parts, shown) for parts in (known, [train])
    )
    new_I, not_in_train_I = ((items_I > 0) & ~_has_items(*parts) for parts in (known, [train]))
    users, short_users = count_short_users(split, options)
    return SplitReport(
        train=train.ratings.nnz,
        validation=validation.ratings.nnz,
        test=test.ratings.nnz,
        new_users=int(new_U.sum()),
        ratings_of_new_users=int(users_U[new_U].sum()),
        new_items=int(new_I.sum()),
        ratings_of_new_items=int(items_I[new_I].sum()),
        users_not_in_train=int(not_in_train_U.sum()),
        items_not_in_train=int(not_in_train_I.sum()),
        shown=sum(part.fold_in.ratings.nnz for part in split if part.fold_in is not None),
        users=users,
        short_users=short_users,
        tied_users=count_tied_users(split, options),
    )


def count_short_users(split: Split, options: SplitOptions) -> tuple[int, int]:
    """Return the number of users of whom rows may be held out, and how many have none that are.

    Those are rows of the test part, and of the validation part if its users are others.
    """
    parts, held_out = [part.whole for part in split], [split.test]
    if options.kind == "users":
        parts, held_out = parts[1:], [split.validation, split.test]
    has_rows_U = _has_users(*parts)
    return int(has_rows_U.sum()), int((has_rows_U & ~_has_users(*held_out)).sum())


def count_tied_users(split: Split, options: SplitOptions) -> int:
    """Return the number of users of whom ties in time decide which rows are test."""
    times = [part.times for part in split]
    if options.kind not in ("last", "time") or any(times_UI is None for times_UI in times):
        return 0
    *known, test_UI = [times_UI for times_UI in times if times_UI is not None]
    latest_U, earliest_U = (np.full(test_UI.shape[0], end) for end in (-np.inf, np.inf))
    for known_UI in known:
        np.maximum.at(latest_U, user_of_cells(known_UI), known_UI.data)
    np.minimum.at(earliest_U, user_of_cells(test_UI), test_UI.data)
    return int((latest_U == earliest_U).sum())


def _has_users(*parts: Interactions | None) -> NDArray[np.bool_]:
    """Return whether each user has a rating in one of these parts."""
    counts = [_per_user(part.ratings) > 0 for part in parts if part is not None]
    return np.logical_or.reduce(counts)


def _has_items(*parts: Interactions | None) -> NDArray[np.bool_]:
    """Return whether each item has a rating in one of these parts."""
    counts = [_per_item(part.ratings) > 0 for part in parts if part is not None]
    return np.logical_or.reduce(counts)


def _per_user(part_UI: csr_array) -> NDArray[np.integer]:
    return np.diff(part_UI.indptr)


def _per_item(part_UI: csr_array) -> NDArray[np.integer]:
    return count_each(part_UI.indices, part_UI.shape[1])
