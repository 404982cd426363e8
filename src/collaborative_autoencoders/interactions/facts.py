"""Facts about the data that are reported with every result: source and size."""

import hashlib
from collections.abc import Mapping
from typing import Any, NamedTuple

import pandas as pd

from collaborative_autoencoders.columns import ITEM, RATING, ROW, TIMESTAMP, USER
from collaborative_autoencoders.interactions.column_types import RatingScale
from collaborative_autoencoders.memory import kept_memory

from .core import likes_in
from .core_shape import core_shape_of
from .ids import encode, sizes_of
from .time_splits import tied_share

ROWS_AT_ONCE = 2**20
"""Rows of a table whose hashes are in memory at once."""


class Source(NamedTuple):
    """The source of a table."""

    data_set: str
    checksum: str
    """SHA-256 of the file of ratings if its dataset provides it, else of the clean table."""

    checksum_is_official: bool | None
    """null if no official checksum exists."""


class DataFacts(NamedTuple):
    """The size and rating scale of the table that models are fitted and evaluated on."""

    rated: bool
    users: int
    items: int
    ratings: int
    """Number of rows. Without ratings, each row is a like."""

    likes: int
    """Number of likes in the core, which models of likes learn from."""

    density: float
    """ratings / (users x items)."""

    lowest_rating: float | None
    highest_rating: float | None
    tied_share: float | None
    """Share of the rows with the time of the same user's next row; null without timestamps."""

    ratings_before_core: int
    """Number of rows before users and items with few likes were removed."""

    core_users: int
    """Number of users in the core; they come first."""

    core_items: int
    """Number of items in the core; they come first, and lists are of them."""


def source_of(raw: pd.DataFrame, clean: pd.DataFrame) -> Source:
    """Return the source from the raw table's `attrs`.

    Without them, the data set is 'own data' and the checksum is taken over the clean table.
    """
    return Source(
        data_set=raw.attrs.get("data_set") or "own data",
        checksum=raw.attrs.get("checksum") or checksum_of(clean),
        checksum_is_official=raw.attrs.get("checksum_is_official"),
    )


def checksum_of(clean: pd.DataFrame) -> str:
    """Return the SHA-256 of a clean table. It does not depend on the row order of the raw table.

    The hash is taken over pandas' 64-bit hash of each row (`pandas.util.hash_pandas_object`), with
    rows sorted by user and item as `clean_ratings` returns them.
    """
    hashed, digest = clean.drop(columns=ROW, errors="ignore"), hashlib.sha256()
    for start in range(0, len(hashed), ROWS_AT_ONCE):
        digest.update(hashes_of(hashed.iloc[start : start + ROWS_AT_ONCE]))
    return digest.hexdigest()


def hashes_of(rows: pd.DataFrame) -> bytes:
    """Return the hash of each row, 8 bytes each, lowest byte first."""
    return pd.util.hash_pandas_object(rows, index=False).to_numpy().astype("<u8").tobytes()


@kept_memory()
def describe(
    core: pd.DataFrame,
    like_threshold: float,
    scale: RatingScale | None,
    ratings_before_core: int,
    others: pd.DataFrame | None = None,
) -> DataFacts:
    """Return the size of the table and its rating scale: as declared, else as observed.

    `others` are the ratings outside the core that models of ratings use.
    """
    others = core.head(0) if others is None else others

    def column(name: str) -> pd.Series:
        if others.empty:
            return core[name]
        return pd.concat([core[name], others[name]], ignore_index=True)  # no index of 8 bytes a row

    core_users, core_items = sizes_of(core)
    (user_N, user_ids), n_ratings = encode(column(USER)), len(core) + len(others)
    users, items = len(user_ids), len(encode(column(ITEM)).ids)
    lowest, highest = None, None
    if rated := RATING in core:
        rating_N = column(RATING)
        lowest, highest = float(rating_N.min()), float(rating_N.max())
        if scale is not None:
            refuse_outside(rating_N, scale)
            lowest, highest = scale.lowest, scale.highest
    return DataFacts(
        rated=rated,
        users=users,
        items=items,
        ratings=n_ratings,
        likes=int(likes_in(core, like_threshold).sum()),
        density=n_ratings / (users * items),
        lowest_rating=lowest,
        highest_rating=highest,
        tied_share=tied_share(user_N, column(TIMESTAMP).to_numpy()) if TIMESTAMP in core else None,
        ratings_before_core=ratings_before_core,
        core_users=core_users,
        core_items=core_items,
    )


def about_core(facts: Mapping[str, Any]) -> str | None:
    """Return which ratings RMSE and MAE are computed on, if the core does not have all of them.

    None if it does, or if the table has no ratings.
    """
    kept, before = facts["ratings"], facts.get("ratings_before_core")
    if not facts["rated"] or before is None:
        return None
    if kept == before:
        users, items = core_shape_of(facts)
        if (users, items) == (facts["users"], facts["items"]):
            return None
        return (
            f"RMSE and MAE are of ratings held out from all {kept:,}; lists are of the core of "
            f"likes, {users:,} users x {items:,} items."
        )
    return f"RMSE and MAE are of the {kept:,} ratings in the core of likes, not of all {before:,}."


def refuse_outside(ratings_N: pd.Series, scale: RatingScale) -> None:
    """Raise ValueError if a rating lies outside the declared scale."""
    outside_N = (ratings_N < scale.lowest) | (ratings_N > scale.highest)
    if outside_N.any():
        raise ValueError(
            f"core_ratings holds a rating of {ratings_N[outside_N].iloc[0]:g}, outside the scale "
            f"from {scale.lowest:g} to {scale.highest:g} (cleaning.rating_scale): the file is "
            "stale. Make it again with `kedro run --pipelines data_engineering`."
        )


def check_list_lengths(lengths: list[int], n_items: int) -> None:
    """Raise ValueError if a list length of `evaluation.k` exceeds the number of items."""
    if max(lengths, default=0) > n_items:
        # not as long as all that a user has not rated, of which every list holds all
        fitting = [length for length in lengths if 2 * length <= n_items] or [max(n_items // 4, 1)]
        metric = f"ndcg_at_{fitting[-1]}"
        raise ValueError(
            f"evaluation.k: {max(lengths)} is more than the {n_items} items of the core. Evaluate "
            f"shorter lists (`evaluation: {{k: {fitting}, primary_metric: {metric}}}` and "
            f"`validation_metric: {metric}` in `cdae.fitting`, `ease.model` and `stack.model`; of "
            f"other pipelines, every other `validation_metric` that is too long, "
            f"`promotion: {{metric: {metric}}}` and "
            f"`tuning: {{formula_metrics: {{ranking: {metric}}}}}`), or keep more items by "
            "lowering core.k or core.min_rating."
        )
