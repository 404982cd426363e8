"""Sizes of the parts, and users and items of the test part that are not in training.

Dimension key: U users, I items.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from .split_options import Kind
from .splitting import Split

MORE_TEST_ROWS: dict[Kind, str] = {
    "hash": "raise split.test_fraction, or set split.within: global if users have few ratings",
    "last": "set split.test_last to 1 or more, and the sum of test_last and validation_last to "
    "fewer rows than users have",
    "time": "raise split.test_fraction, or set split.kind: last if users have few ratings",
    "date": "set split.test_from to a time of the table, in its unit",
    "own": "name rows test in the column that cleaning.columns.part names, or lower core.k",
}
"""How to get a test part, by the kind of split."""


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

    def __str__(self) -> str:
        return (
            f"Split: {self.train:,} ratings in train, {self.validation:,} in validation, "
            f"{self.test:,} in test"
        )

    @property
    def about_new(self) -> str | None:
        """How users and items without training are evaluated; None if there is none."""
        if not (self.new_users or self.new_items):
            return None
        return (
            f"Not in train or validation: {self.new_users:,} users of the test part "
            f"({self.ratings_of_new_users:,} ratings), whose lists are by popularity, and "
            f"{self.new_items:,} items ({self.ratings_of_new_items:,} ratings). All of them count "
            "in every metric."
        )


def report_split(split: Split) -> SplitReport:
    """Return the sizes of the parts and of what is new in the test part."""
    known = (split.train.ratings, split.validation.ratings)
    test_UI = split.test.ratings
    users_U, items_I = _per_user(test_UI), _per_item(test_UI)
    new_U = sum(_per_user(part_UI) for part_UI in known) == 0
    new_I = sum(_per_item(part_UI) for part_UI in known) == 0
    return SplitReport(
        train=split.train.ratings.nnz,
        validation=split.validation.ratings.nnz,
        test=test_UI.nnz,
        new_users=int((users_U[new_U] > 0).sum()),
        ratings_of_new_users=int(users_U[new_U].sum()),
        new_items=int((items_I[new_I] > 0).sum()),
        ratings_of_new_items=int(items_I[new_I].sum()),
    )


def _per_user(part_UI: csr_array) -> NDArray[np.integer]:
    return np.diff(part_UI.indptr)


def _per_item(part_UI: csr_array) -> NDArray[np.integer]:
    return np.bincount(part_UI.indices, minlength=part_UI.shape[1])
