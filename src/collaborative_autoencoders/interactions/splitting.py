"""The split: a function of the seed and the raw ids alone, whatever the order of the rows."""

from typing import Annotated, Literal, NamedTuple, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import Field, model_validator

from collaborative_autoencoders.columns import ITEM, RATING, USER
from collaborative_autoencoders.options import Options

from .ids import Ids, known_indices
from .matrices import Interactions, to_interactions
from .row_hash import Digests, digests_of, hash_rows

TRAIN, VALIDATION, TEST = 0, 1, 2

Fraction = Annotated[float, Field(ge=0, lt=1)]


class SplitOptions(Options):
    """Which share of the rows is held out, and among which rows it is drawn."""

    within: Literal["user", "global"]
    """user: of each user's rows; global: of all rows."""

    test_fraction: Fraction
    validation_fraction: Fraction

    validation_of: Literal["rest", "all"]
    """What `validation_fraction` is a fraction of: what test leaves over, or all rows."""

    seed: int = Field(ge=0, lt=2**32)

    @model_validator(mode="after")
    def _something_is_left_to_learn_from(self) -> Self:
        held_out = self.test_fraction + self.validation_fraction
        if self.validation_of == "all" and held_out >= 1:
            raise ValueError(
                f"test_fraction + validation_fraction is {held_out}: nothing is left to learn from "
                "(validation_of: all). Make it less than 1."
            )
        return self


class Split(NamedTuple):
    """Three parts that share no row and together are the table."""

    train: Interactions
    validation: Interactions
    test: Interactions


def split_interactions(
    ratings: pd.DataFrame, ids: Ids, options: SplitOptions, like_threshold: float
) -> Split:
    """The three parts of the table as matrices, users x items.

    Raises ValueError if a user or item of the table is not in `ids`.
    """
    user_index_N = known_indices(ids.users, ratings[USER])
    item_index_N = known_indices(ids.items, ratings[ITEM])
    part_N = split_parts(user_index_N, item_index_N, ids, options)
    ratings_N = ratings[RATING].to_numpy() if RATING in ratings else None
    shape = (len(ids.users), len(ids.items))

    def interactions_of(part: int) -> Interactions:
        rows = np.flatnonzero(part_N == part)
        values = None if ratings_N is None else ratings_N[rows]
        users, items = user_index_N[rows], item_index_N[rows]
        return to_interactions(users, items, values, like_threshold, shape)

    return Split(interactions_of(TRAIN), interactions_of(VALIDATION), interactions_of(TEST))


def split_parts(
    user_index_N: NDArray[np.integer],
    item_index_N: NDArray[np.integer],
    ids: Ids,
    options: SplitOptions,
) -> NDArray[np.int8]:
    """The part of each row: 0 train, 1 validation, 2 test; shape (N,).

    `within: user`, with test_fraction 0.2 and validation_fraction 0.25 (of the rest):

        a user's ten rows in the order of their hashes
        test test | validation validation | train train train train train train

    floor(10 x 0.2) = 2 are test, floor(8 x 0.25) = 2 of the rest are validation. Rows with the same
    hash go by their item's digest. Another user's rows never matter.

    `within: global`, with the same fractions: a row falls where its hash / 2^32 falls

        0 - - test - - 0.2 - - validation - - 0.4 - - - - train - - - - 1

    so the sizes are binomial, and a row's part depends on no other row at all.
    """
    users, items = digests_of(ids.users[USER]), digests_of(ids.items[ITEM])
    hash_N = hash_rows(user_index_N, item_index_N, users, items, options.seed)
    if options.within == "global":
        return _parts_by_fraction(hash_N, options)
    order = _by_user_and_hash(user_index_N, item_index_N, hash_N, items)
    n_rows_U = np.bincount(user_index_N, minlength=len(users.high))
    parts_N = np.empty(len(order), dtype=np.int8)
    parts_N[order] = _parts_in_order(n_rows_U, options)
    return parts_N


def _by_user_and_hash(
    user_index_N: NDArray[np.integer],
    item_index_N: NDArray[np.integer],
    hash_N: NDArray[np.uint32],
    items: Digests,
) -> NDArray[np.int64]:
    """The order of the rows by user, then hash, then item digest."""
    key_N = (user_index_N.astype(np.int64) << 32) | hash_N
    order = np.argsort(key_N)
    ordered_N = key_N[order]
    same_as_next = np.append(ordered_N[1:] == ordered_N[:-1], False)
    tied = np.flatnonzero(same_as_next | np.roll(same_as_next, 1))
    rows, item_of_row = order[tied], item_index_N[order[tied]]
    order[tied] = rows[np.lexsort((items.low[item_of_row], items.high[item_of_row], key_N[rows]))]
    return order


def _parts_in_order(n_rows_U: NDArray[np.integer], options: SplitOptions) -> NDArray[np.int8]:
    """Parts of rows that lie user by user, each user's in the order of their hashes."""
    n_test_U = floor_share(n_rows_U, options.test_fraction)
    pool_U = n_rows_U - n_test_U if options.validation_of == "rest" else n_rows_U
    n_validation_U = floor_share(pool_U, options.validation_fraction)
    sizes_U3 = np.stack([n_test_U, n_validation_U, n_rows_U - n_test_U - n_validation_U], axis=1)
    one_user = np.array([TEST, VALIDATION, TRAIN], dtype=np.int8)
    return np.repeat(np.tile(one_user, len(n_rows_U)), sizes_U3.ravel())


def floor_share(count: NDArray[np.integer], fraction: float) -> NDArray[np.int64]:
    """floor(count x fraction) as on paper: 0.29 x 100 is 29, though floats say 28.999999999999996.

    Computed as floor(count x fraction + 1e-9), which is right while count < 1,000,000.
    """
    return np.floor(count * fraction + 1e-9).astype(np.int64)


def _parts_by_fraction(hash_N: NDArray[np.uint32], options: SplitOptions) -> NDArray[np.int8]:
    test, validation = options.test_fraction, options.validation_fraction
    pool = 1 - test if options.validation_of == "rest" else 1.0
    fraction_N = hash_N / 2**32
    parts_N = np.full(len(hash_N), TRAIN, dtype=np.int8)
    parts_N[fraction_N < test + pool * validation] = VALIDATION
    parts_N[fraction_N < test] = TEST
    return parts_N
