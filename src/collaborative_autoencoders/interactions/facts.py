"""What is said of the data beside every result: where it is from and how large it is."""

import hashlib
from typing import NamedTuple

import pandas as pd

from collaborative_autoencoders.columns import ITEM, RATING, USER
from collaborative_autoencoders.interactions.column_types import RatingScale

from .core import likes_in
from .ids import encode


class Source(NamedTuple):
    """Where a table is from."""

    data_set: str
    checksum: str
    """SHA-256 of the file of ratings, where its dataset tells it; else of the clean table."""

    checksum_is_official: bool | None
    """null where nobody has published one."""


class DataFacts(NamedTuple):
    """The table that models learn from and are judged on."""

    rated: bool
    users: int
    items: int
    ratings: int
    """Rows; without ratings each is a like."""

    likes: int
    density: float
    """ratings / (users x items)."""

    lowest_rating: float | None
    highest_rating: float | None


def source_of(raw: pd.DataFrame, clean: pd.DataFrame) -> Source:
    """What the raw table's `attrs` say, and for a table of one's own a checksum of its content."""
    return Source(
        data_set=raw.attrs.get("data_set") or "own data",
        checksum=raw.attrs.get("checksum") or checksum_of(clean),
        checksum_is_official=raw.attrs.get("checksum_is_official"),
    )


def checksum_of(clean: pd.DataFrame) -> str:
    """SHA-256 over a clean table, the same however the rows of the raw one were ordered.

    Taken over pandas' 64-bit hash of each row (`pandas.util.hash_pandas_object`), rows sorted by
    user and item, as `clean_ratings` leaves them.
    """
    hash_N = pd.util.hash_pandas_object(clean, index=False).to_numpy()
    return hashlib.sha256(hash_N.astype("<u8").tobytes()).hexdigest()


def describe(ratings: pd.DataFrame, like_threshold: float, scale: RatingScale | None) -> DataFacts:
    """The size of the table, and the ends of its scale: as declared, else as they come."""
    users, items = len(encode(ratings[USER]).ids), len(encode(ratings[ITEM]).ids)
    rated = RATING in ratings
    lowest, highest = None, None
    if rated and scale is not None:
        lowest, highest = scale.lowest, scale.highest
    elif rated:
        lowest, highest = float(ratings[RATING].min()), float(ratings[RATING].max())
    return DataFacts(
        rated=rated,
        users=users,
        items=items,
        ratings=len(ratings),
        likes=int(likes_in(ratings, like_threshold).sum()),
        density=len(ratings) / (users * items),
        lowest_rating=lowest,
        highest_rating=highest,
    )


def check_list_lengths(lengths: list[int], n_items: int) -> None:
    """Raise ValueError if lists of `evaluation.k` items are longer than the catalogue."""
    if max(lengths, default=0) > n_items:
        raise ValueError(
            f"evaluation.k: {max(lengths)} is more than the {n_items} items of the core. "
            "Judge shorter lists, or let more items in (core.k, core.min_rating)."
        )
