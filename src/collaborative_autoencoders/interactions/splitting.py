"""The split into train, validation and test, by the kind that its options name."""

from collections.abc import Collection, Iterator
from dataclasses import replace
from typing import Generic, NamedTuple, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import DTypeLike, NDArray

from collaborative_autoencoders.columns import ITEM, PART, RATING, ROW, TIMESTAMP, USER
from collaborative_autoencoders.memory import kept_memory

from .core import likes_in
from .ids import Ids, known_indices
from .own_split import own_parts, refuse_no_parts, refuse_no_train
from .part import Interactions
from .part_counts import Counted
from .row_hash import Digests, hash_rows
from .sparse import INT32_MAX
from .split_options import SHOWN, TEST, TRAIN, VALIDATION, SplitOptions, parts_in_order, sizes_of
from .time_splits import Dates, dates_of, parts_between, parts_by_user_time
from .user_order import places_of
from .user_split import parts_by_users, parts_of_users

ROWS_AT_ONCE = 2**23
"""Rows that are put in order at once, some 60 bytes each."""

OTHERS_BY_USERS = (
    "split.kind: users holds out users of the core only, and the table has others. Set "
    "core.ratings: core."
)


Part = TypeVar("Part", bound=Counted)


class Split(NamedTuple, Generic[Part]):
    """Three disjoint parts whose union, with their fold-in ratings, is the table."""

    train: Part
    validation: Part
    test: Part


@kept_memory()
def split_interactions(
    ratings: pd.DataFrame,
    ids: Ids,
    options: SplitOptions,
    like_threshold: float,
    core_shape: tuple[int, int] | None = None,
    others: pd.DataFrame | None = None,
) -> Split[Interactions]:
    """Return the three parts of the table, each of shape (users, items).

    `core_shape` is the number of users and items in the core, which come first; None means all.
    `others` are more rows of the table, those outside the core.

    Raises ValueError if a user or item of the table is not in `ids`, or if the table lacks a
    column that the kind of split needs.
    """
    shape = (len(ids.users), len(ids.items))
    if options.kind == "users" and core_shape not in (None, shape):
        raise ValueError(OTHERS_BY_USERS)
    tables = [ratings] if others is None or others.empty else [ratings, others]
    user_index_N = np.concatenate([known_indices(ids.users, table[USER]) for table in tables])
    item_index_N = np.concatenate([known_indices(ids.items, table[ITEM]) for table in tables])
    ratings = _without_ids(tables)
    core_users, core_items = core_shape or shape
    in_core_N = (user_index_N < core_users) & (item_index_N < core_items)
    liked_N = in_core_N & likes_in(ratings, like_threshold)
    index = user_index_N, item_index_N, ids, options
    part_N, order_N = parts_and_order(ratings, *index, in_core_N, liked_N)
    ratings_N = ratings[RATING].to_numpy() if RATING in ratings else None
    times_N = as_numbers(ratings[TIMESTAMP]) if TIMESTAMP in ratings else None
    del ratings, in_core_N, liked_N  # the numbers of the raw rows are not needed any more

    def interactions_of(part: int) -> Interactions:
        return Interactions.from_rows(
            user_index_N,
            item_index_N,
            shape,
            rows=np.flatnonzero(part_N == part),
            ratings=ratings_N,
            times=times_N,
            like_threshold=like_threshold,
            core_shape=core_shape,
            order=order_N,
        )

    def held_out(part: int) -> Interactions:
        if options.kind != "users":
            return interactions_of(part)
        return replace(interactions_of(part), fold_in=interactions_of(part + SHOWN))

    return Split(interactions_of(TRAIN), held_out(VALIDATION), held_out(TEST))


def _without_ids(tables: list[pd.DataFrame]) -> pd.DataFrame:
    """Return the rows of all tables, without the columns of ids."""
    names = [name for name in tables[0].columns if name not in (USER, ITEM)]
    if len(tables) == 1:
        return tables[0][names]
    # column by column, as pandas would first copy each table into one block for each type
    columns = {name: pd.concat([t[name] for t in tables], ignore_index=True) for name in names}
    return pd.DataFrame(columns, index=pd.RangeIndex(sum(map(len, tables))), copy=False)


def parts_and_order(
    ratings: pd.DataFrame,
    user_index_N: NDArray[np.integer],
    item_index_N: NDArray[np.integer],
    ids: Ids,
    options: SplitOptions,
    in_core_N: NDArray[np.bool_],
    liked_N: NDArray[np.bool_],
    rows_at_once: int = ROWS_AT_ONCE,
) -> tuple[NDArray[np.int8], NDArray[np.float32] | None]:
    """Return the part of each row by `options.kind`, and its place as `order_of` does.

    `in_core_N` marks the rows of the core, `liked_N` the likes. They are found for some users at a
    time, so that what is sorted does not grow with the table.

    Raises ValueError if the table lacks what the kind needs, or has parts that it does not read.
    """
    check_columns(ratings.columns, options)
    whole = decide(ratings, ids, options)
    part_N = np.empty(len(ratings), dtype=np.int8)
    order_N = np.zeros(len(ratings), dtype=np.float32) if TIMESTAMP in ratings else None
    for rows in blocks_of_users(user_index_N, rows_at_once):
        some = ratings.iloc[rows], user_index_N[rows], item_index_N[rows], ids, options
        part_N[rows] = parts_of_rows(*some, whole, in_core_N[rows])
        if order_N is not None:
            order_N[rows] = order_of(*some, liked_N[rows])
    return part_N, order_N


def blocks_of_users(
    user_index_N: NDArray[np.integer], rows_at_once: int
) -> Iterator[NDArray[np.int64]]:
    """Yield the positions of all rows of some users, then of the next, in ascending order.

    A block has fewer than `rows_at_once` rows and those of one user more.
    """
    last_row_U = np.cumsum(np.bincount(user_index_N)) - 1
    block_U = (last_row_U // rows_at_once).astype(np.int32)
    block_N = block_U[user_index_N]
    for block in np.unique(block_U):
        yield np.flatnonzero(block_N == block)


class Whole(NamedTuple):
    """What the whole table decides about the part of a row."""

    dates: Dates | None = None
    """Kind date."""

    has_validation: bool = True
    """Kind own."""

    part_U: NDArray[np.int8] | None = None
    """Kind users: the part of each user, shape (U,)."""


def check_columns(columns: Collection[str], options: SplitOptions) -> None:
    """Raise ValueError if a table with these columns lacks one, or has parts that are not read."""
    if options.kind == "own":
        refuse_no_parts(columns)
    elif PART in columns:
        raise ValueError(
            "The ratings have a column of parts, of cleaning.columns.part or of `kedro run "
            f"--pipelines update`, and split.kind: {options.kind} does not read it. Set "
            "split.kind: own, or cleaning.columns.part: null and run from the raw ratings."
        )
    if options.kind in ("date", "last", "time") and TIMESTAMP not in columns:
        raise ValueError(
            f"split.kind: {options.kind} needs times, and the table has none. Set "
            "cleaning.columns.timestamp to its column, or split.kind: hash."
        )


def decide(ratings: pd.DataFrame, ids: Ids, options: SplitOptions) -> Whole:
    """Return what the whole table decides.

    Raises ValueError if no row or no user would be left for a part.
    """
    if options.kind == "own":
        n_rows_P = np.bincount(own_parts(ratings), minlength=3)
        refuse_no_train(*n_rows_P)
        return Whole(has_validation=bool(n_rows_P[VALIDATION]))
    if options.kind == "users":
        return Whole(part_U=parts_of_users(ids, options))
    if options.kind == "date":
        return Whole(dates=dates_of(as_numbers(ratings[TIMESTAMP]), options))
    return Whole()


def parts_of_rows(
    ratings: pd.DataFrame,
    user_index_N: NDArray[np.integer],
    item_index_N: NDArray[np.integer],
    ids: Ids,
    options: SplitOptions,
    whole: Whole,
    in_core_N: NDArray[np.bool_] | None = None,
) -> NDArray[np.int8]:
    """Return the part of each row, shape (N,), of a table with all rows of some users."""
    if options.kind == "own":
        own_N = own_parts(ratings)
        if whole.has_validation:
            return own_N
        return _with_validation(own_N, user_index_N, item_index_N, ids, options, in_core_N)
    if options.kind == "hash":
        return split_parts(user_index_N, item_index_N, ids, options, in_core_N)
    if options.kind == "users":
        held_out = {"test_fraction": 1 - (options.fold_in or 0), "validation_fraction": 0.0}
        share = options.model_copy(update=held_out)
        parts_N = split_parts(user_index_N, item_index_N, ids, share)
        assert whole.part_U is not None
        return parts_by_users(whole.part_U[user_index_N], parts_N == TEST)
    times_N = as_numbers(ratings[TIMESTAMP])
    if options.kind == "date":
        assert whole.dates is not None
        return parts_between(times_N, whole.dates)
    tie_N = ties_of(ratings, user_index_N, item_index_N, ids, options)
    return parts_by_user_time(user_index_N, times_N, tie_N, options)


def order_of(
    ratings: pd.DataFrame,
    user_index_N: NDArray[np.integer],
    item_index_N: NDArray[np.integer],
    ids: Ids,
    options: SplitOptions,
    liked_N: NDArray[np.bool_],
) -> NDArray[np.float32] | None:
    """Return the place of each like among its user's likes by time, and 0 for any other row.

    None if the table has no timestamps.
    """
    if TIMESTAMP not in ratings:
        return None
    tie_N = ties_of(ratings, user_index_N, item_index_N, ids, options)
    return places_of(user_index_N, as_numbers(ratings[TIMESTAMP]), tie_N, liked_N)


def ties_of(
    ratings: pd.DataFrame,
    user_index_N: NDArray[np.integer],
    item_index_N: NDArray[np.integer],
    ids: Ids,
    options: SplitOptions,
) -> NDArray[np.int64]:
    """Return the number that orders a user's rows of one time, by `options.ties`, shape (N,).

    Raises ValueError if the table lacks the numbers of the raw rows.
    """
    if options.ties == "hash":
        return _rank_by_hash(user_index_N, item_index_N, ids, options.seed)
    if ROW not in ratings:
        raise ValueError(
            "core_ratings has no numbers of the raw rows, which split.ties: table reads: an "
            "earlier version made the file. Make it again with `kedro run --pipelines "
            "data_engineering`, or set split.ties: hash."
        )
    return ratings[ROW].to_numpy()


def _with_validation(
    parts_N: NDArray[np.int8],
    user_index_N: NDArray[np.integer],
    item_index_N: NDArray[np.integer],
    ids: Ids,
    options: SplitOptions,
    in_core_N: NDArray[np.bool_] | None,
) -> NDArray[np.int8]:
    """Return the parts, with a share of the train rows as validation."""
    train = np.flatnonzero(parts_N == TRAIN)
    no_test = options.model_copy(update={"test_fraction": 0.0})
    in_core = None if in_core_N is None else in_core_N[train]
    parts_N[train] = split_parts(user_index_N[train], item_index_N[train], ids, no_test, in_core)
    return parts_N


def as_numbers(timestamps: pd.Series) -> NDArray[np.number]:
    """Return dates as seconds since 1970 (float64), and numbers as they are."""
    if not pd.api.types.is_datetime64_any_dtype(timestamps):
        return timestamps.to_numpy()
    # with the unit of the column: pandas' differences of dates end in the year 2262
    dates_N = timestamps.to_numpy()
    return (dates_N - np.datetime64(0, "s")) / np.timedelta64(1, "s")


def split_parts(
    user_index_N: NDArray[np.integer],
    item_index_N: NDArray[np.integer],
    ids: Ids,
    options: SplitOptions,
    in_core_N: NDArray[np.bool_] | None = None,
) -> NDArray[np.int8]:
    """Return the part of each row: 0 train, 1 validation, 2 test; shape (N,).

    `within: user`, with test_fraction 0.2 and validation_fraction 0.25 of the rest:

        a user's ten rows, sorted by hash
        test test | validation validation | train train train train train train

    floor(10 x 0.2) = 2 rows are test, and floor(8 x 0.25) = 2 of the rest are validation. Ties
    between hashes are broken by the item's digest. The result does not depend on other users.
    A user's rows of the core are split by themselves, as if there were no others, so that lists are
    of the same split whether models of ratings use the others or not; the others then get what is
    left of the parts of all the user's rows. `in_core_N` marks the rows of the core.

    `within: global`, with the same fractions, by the value of hash / 2^32:

        0 - - test - - 0.2 - - validation - - 0.4 - - - - train - - - - 1

    The sizes are binomial, and a row's part does not depend on any other row.
    """
    users, items = ids.user_digests, ids.item_digests
    hash_N = hash_rows(user_index_N, item_index_N, users, items, options.seed)
    if options.within == "global":
        return _parts_by_fraction(hash_N, options)
    in_core_N = np.ones(len(hash_N), dtype=np.bool_) if in_core_N is None else in_core_N
    kind: DTypeLike = np.int32 if 2 * len(users.high) <= INT32_MAX else np.int64
    group_N = 2 * user_index_N.astype(kind) + ~in_core_N
    order = _by_user_and_hash(group_N, item_index_N, hash_N, items)
    n_rows_U2 = np.bincount(group_N, minlength=2 * len(users.high)).reshape(-1, 2)
    parts_N = np.empty(len(order), dtype=np.int8)
    parts_N[order] = parts_in_order(_sizes_of_both(n_rows_U2, options))
    return parts_N


def _sizes_of_both(n_rows_U2: NDArray[np.integer], options: SplitOptions) -> NDArray[np.int64]:
    """Return the sizes of the parts of each user's rows in the core and of the others, (2 U, 3)."""
    n_core_U, n_others_U = n_rows_U2.T
    core_U3, all_U3 = sizes_of(n_core_U, options), sizes_of(n_core_U + n_others_U, options)
    n_test_U, n_validation_U, _ = (all_U3 - core_U3).T
    n_validation_U = np.minimum(n_validation_U, n_others_U - n_test_U)
    n_train_U = n_others_U - n_test_U - n_validation_U
    others_U3 = np.stack([n_test_U, n_validation_U, n_train_U], axis=1)
    return np.stack([core_U3, others_U3], axis=1).reshape(-1, 3)


def _rank_by_hash(
    user_index_N: NDArray[np.integer], item_index_N: NDArray[np.integer], ids: Ids, seed: int
) -> NDArray[np.int64]:
    """Return the place of each row in the order by user and hash, shape (N,)."""
    users, items = ids.user_digests, ids.item_digests
    hash_N = hash_rows(user_index_N, item_index_N, users, items, seed)
    order = _by_user_and_hash(user_index_N, item_index_N, hash_N, items)
    rank_N = np.empty(len(order), dtype=np.int64)
    rank_N[order] = np.arange(len(order))
    return rank_N


def _by_user_and_hash(
    user_index_N: NDArray[np.integer],
    item_index_N: NDArray[np.integer],
    hash_N: NDArray[np.uint32],
    items: Digests,
) -> NDArray[np.int64]:
    """Return the positions of the rows sorted by user, then hash, then item digest."""
    key_N = user_index_N.astype(np.int64)
    key_N <<= 32
    key_N |= hash_N
    order = np.argsort(key_N)
    key_N = key_N[order]
    same_as_next = np.append(key_N[1:] == key_N[:-1], False)
    tied = np.flatnonzero(same_as_next | np.roll(same_as_next, 1))
    rows, item_of_row = order[tied], item_index_N[order[tied]]
    order[tied] = rows[np.lexsort((items.low[item_of_row], items.high[item_of_row], key_N[tied]))]
    return order


def _parts_by_fraction(hash_N: NDArray[np.uint32], options: SplitOptions) -> NDArray[np.int8]:
    test, validation = options.test_fraction, options.validation_fraction
    pool = 1 - test if options.validation_of == "rest" else 1.0
    fraction_N = hash_N / 2**32
    parts_N = np.full(len(hash_N), TRAIN, dtype=np.int8)
    parts_N[fraction_N < test + pool * validation] = VALIDATION
    parts_N[fraction_N < test] = TEST
    return parts_N
