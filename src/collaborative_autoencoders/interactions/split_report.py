"""Sizes of the parts, and users and items of the test part that are not in training.

Dimension key: U users, I items.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .part_counts import PartCounts
from .split_options import SplitOptions
from .splitting import Split

KINDS_BY_TIME = ("last", "time")
"""Kinds of a split that ties in time decide."""


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


def report_split(split: Split[Any], options: SplitOptions) -> SplitReport:
    """Return the sizes of the parts and of what is new in the test part.

    A test user of a split by users is not new, because the fold-in ratings are a history.
    """
    parts = [part.counted(with_times=options.kind in KINDS_BY_TIME) for part in split]
    train, validation, test = parts
    users_U, items_I = test.of_user_U, test.of_item_I
    known, shown = [train, validation, validation.fold_in], test.fold_in
    new_U, not_in_train_U = (
        test.has_users & ~_has_users(*given, shown) for given in (known, [train])
    )
    new_I, not_in_train_I = (test.has_items & ~_has_items(*given) for given in (known, [train]))
    users, short_users = count_short_users(parts, options)
    return SplitReport(
        train=train.ratings,
        validation=validation.ratings,
        test=test.ratings,
        new_users=int(new_U.sum()),
        ratings_of_new_users=int(users_U[new_U].sum()),
        new_items=int(new_I.sum()),
        ratings_of_new_items=int(items_I[new_I].sum()),
        users_not_in_train=int(not_in_train_U.sum()),
        items_not_in_train=int(not_in_train_I.sum()),
        shown=sum(part.fold_in.ratings for part in parts if part.fold_in is not None),
        users=users,
        short_users=short_users,
        tied_users=count_tied_users(parts, options),
    )


def count_short_users(parts: Sequence[PartCounts], options: SplitOptions) -> tuple[int, int]:
    """Return the number of users of whom rows may be held out, and how many have none that are.

    Those are rows of the test part, and of the validation part if its users are others.
    """
    of_whom, held_out = parts, parts[2:]
    if options.kind == "users":
        of_whom, held_out = parts[1:], parts[1:]
    has_rows_U = _has_users(*of_whom, *(part.fold_in for part in of_whom))
    return int(has_rows_U.sum()), int((has_rows_U & ~_has_users(*held_out)).sum())


def count_tied_users(parts: Sequence[PartCounts], options: SplitOptions) -> int:
    """Return the number of users of whom ties in time decide which rows are test."""
    lasts = [part.last_U for part in parts[:2] if part.last_U is not None]
    if options.kind not in KINDS_BY_TIME or len(lasts) < 2:
        return 0
    return int((np.maximum(*lasts) == parts[2].first_U).sum())


def _has_users(*parts: PartCounts | None) -> NDArray[np.bool_]:
    """Return whether each user has a rating in one of these parts."""
    return np.logical_or.reduce([part.has_users for part in parts if part is not None])


def _has_items(*parts: PartCounts | None) -> NDArray[np.bool_]:
    """Return whether each item has a rating in one of these parts."""
    return np.logical_or.reduce([part.has_items for part in parts if part is not None])
