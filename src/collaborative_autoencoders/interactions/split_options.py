"""Options of the split, and the sizes of the parts that follow from them.

Dimension key: U users, N rows.
"""

from collections.abc import Collection
from typing import Annotated, Literal, Self, get_args

import numpy as np
import pandas as pd
from annotated_types import Ge, Gt, Le, Lt
from numpy.typing import NDArray
from pydantic import Field, field_validator, model_validator

from collaborative_autoencoders.options import MOST, Options

from .date_forms import NOW

TRAIN, VALIDATION, TEST = 0, 1, 2
SHOWN = 3
"""VALIDATION + SHOWN and TEST + SHOWN are the fold-in rows of these parts (kind users)."""

Kind = Literal["hash", "last", "time", "date", "users", "own"]

KINDS = get_args(Kind)

Fraction = Annotated[float, Field(ge=0, lt=1)]
Rows = Annotated[int, Ge(0), Le(MOST)]
Moment = str | float | int

READ_BY: dict[str, tuple[Kind, ...]] = {
    "within": ("hash", "last", "time", "users", "own"),
    "test_fraction": ("hash", "time", "date", "users"),
    "validation_fraction": ("hash", "time", "date", "users", "own"),
    "validation_of": ("hash", "time", "date", "users"),
    "test_last": ("last",),
    "validation_last": ("last",),
    "test_from": ("date",),
    "validation_from": ("date",),
    "fold_in": ("users",),
    "ties": KINDS,
    "seed": ("hash", "last", "time", "users", "own"),
}
"""The kinds that read a key. If only one kind does, the others require null."""


class SplitOptions(Options):
    """Options of the split."""

    kind: Kind
    """What decides the part of a row: a hash of seed and ids (hash), its place among the user's
    last rows (last), its place in the user's time order (time), its date (date), its user (users),
    or the table itself (own)."""

    within: Literal["user", "global"]
    """Whether the fractions apply to each user's rows (user) or to all rows (global). Kind date is
    always global, kinds last, time and users always within a user."""

    test_fraction: Fraction
    """Kinds hash, time, and date without `test_from`. Kind users: a share of the users."""

    validation_fraction: Fraction
    """Kinds hash, time, date without `validation_from`, users (a share of the users), and own
    without validation rows, where it is a share of the train rows."""

    validation_of: Literal["rest", "all"]
    """Whether `validation_fraction` applies to the rows that are not test (rest) or to all rows."""

    test_last: Rows | None
    """Number of each user's last rows in the test part (kind last)."""

    validation_last: Rows | None
    """Number of each user's rows before those in the validation part (kind last)."""

    test_from: Moment | None
    """A date, or a number in the unit of the timestamps: rows from then on are test (kind date)."""

    validation_from: Moment | None
    """The same for validation: rows from then on that are not test (kind date)."""

    fold_in: Annotated[float, Gt(0), Lt(1)] | None
    """Share of the rows of a validation or test user that a model reads as history; the others are
    held out (kind users)."""

    ties: Literal["table", "hash"]
    """Order of a user's rows with one timestamp, in splits within a user and in the order that
    sequential models read: as in the raw table, or by hash."""

    seed: int = Field(ge=0, lt=2**32)

    @field_validator("test_from", "validation_from")
    @classmethod
    def _is_a_date(cls, moment: Moment | None) -> Moment | None:
        if isinstance(moment, str):
            seconds_of(moment)
        return moment

    @model_validator(mode="after")
    def _train_part_is_not_empty(self) -> Self:
        held_out = self.test_fraction + self.validation_fraction
        if self.validation_of == "all" and held_out >= 1:
            raise ValueError(
                f"test_fraction + validation_fraction is {held_out}: no rows are left to train on "
                "(validation_of: all). Make the sum less than 1."
            )
        return self

    @model_validator(mode="after")
    def _keys_belong_to_the_kind(self) -> Self:
        for key, kinds in READ_BY.items():
            if len(kinds) == 1 and getattr(self, key) is not None and self.kind not in kinds:
                raise ValueError(
                    f"{key} is read by kind: {kinds[0]} only, and kind is {self.kind}. Set "
                    f"kind: {kinds[0]}, or {key}: null."
                )
        if self.kind == "last" and (self.test_last is None or self.validation_last is None):
            raise ValueError(
                "kind: last needs test_last and validation_last, such as 1 and 1 (leave-one-out)."
            )
        if self.kind == "users" and self.fold_in is None:
            raise ValueError(
                "kind: users needs fold_in, the share of a held-out user's rows that a model reads "
                "as history, such as 0.8."
            )
        if self.kind == "users" and self.within != "user":
            raise ValueError(
                "kind: users holds out rows of each held-out user, and within is "
                f"{self.within}. Set within: user."
            )
        if self.kind in ("last", "time") and self.within != "user":
            raise ValueError(
                f"kind: {self.kind} is within each user, and within is {self.within}. Set "
                "within: user, or kind: date for one date for all users."
            )
        return self


def problems_of_unread(given: Collection[str], kind: str) -> list[str]:
    """Return one line per key of the split that is given and that the kind does not read."""
    return [
        f"split.{key}: split.kind: {kind} does not read it, only {', '.join(kinds)}. Remove the "
        "key, or set another kind"
        for key, kinds in READ_BY.items()
        if key in given and len(kinds) > 1 and kind in KINDS and kind not in kinds
    ]


def seconds_of(date: str) -> float:
    """Return a date as seconds since 1970 (UTC). Raises ValueError if it is not ISO 8601."""
    text = "" if date in NOW else date
    moment = pd.to_datetime(text, errors="coerce", utc=True, format="ISO8601")
    if pd.isna(moment):
        raise ValueError(f"{date!r} is not a date such as 2000-12-31 or 2000-12-31T18:00")
    return float(moment.timestamp())


def sizes_of(n_rows_U: NDArray[np.integer], options: SplitOptions) -> NDArray[np.int64]:
    """Return the number of test, validation and train rows of each user, shape (U, 3)."""
    if options.kind == "last":
        return _sizes_of_last(n_rows_U, options.test_last or 0, options.validation_last or 0)
    n_test_U = floor_share(n_rows_U, options.test_fraction)
    pool_U = n_rows_U - n_test_U if options.validation_of == "rest" else n_rows_U
    n_validation_U = floor_share(pool_U, options.validation_fraction)
    return np.stack([n_test_U, n_validation_U, n_rows_U - n_test_U - n_validation_U], axis=1)


def _sizes_of_last(n_rows_U: NDArray[np.integer], test: int, validation: int) -> NDArray[np.int64]:
    enough_U = n_rows_U > test + validation
    n_test_U, n_validation_U = enough_U * test, enough_U * validation
    return np.stack([n_test_U, n_validation_U, n_rows_U - n_test_U - n_validation_U], axis=1)


def parts_in_order(sizes_U3: NDArray[np.integer]) -> NDArray[np.int8]:
    """Return the part of each row, for rows sorted by user: first test, then validation, train."""
    one_user = np.array([TEST, VALIDATION, TRAIN], dtype=np.int8)
    return np.repeat(np.tile(one_user, len(sizes_U3)), sizes_U3.ravel())


def floor_share(count: NDArray[np.integer], fraction: float) -> NDArray[np.int64]:
    """Return floor(count x fraction) without float error: 0.29 x 100 gives 29, not 28.

    Computed as floor(count x fraction + 1e-9), which is correct for count < 1,000,000.
    """
    return np.floor(count * fraction + 1e-9).astype(np.int64)
