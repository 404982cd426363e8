"""Requests to a recommender: rows of raw ids, checked and turned into indices and a matrix.

    user_id  history   ratings         user −1, history [. 4 .]   (99 is not in the catalogue)
    null     [20, 99]  [4, 5]     →    unknown items 1

Dimension key: R rows of a request, N items in their histories, I items of the catalogue.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from reprlib import repr as shortened
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import csr_array

from collaborative_autoencoders.columns import HISTORY, RATINGS, USER
from collaborative_autoencoders.interactions.sparse import last_of_each

WHOLE_BELOW = 2.0**53
"""Below this value, a float64 represents every integer exactly."""


class BadRequest(ValueError):
    """Error for a request that is not valid. The message names the row, the value and the fix."""


class Wanted(NamedTuple):
    """The params of a request, which hold for all its rows."""

    n: int = 10
    """Maximum length of a list."""
    exclude_seen: bool = True
    """Whether items that the user has rated, before or in the request, are excluded."""
    exclude_items: Sequence[Any] = ()
    """Raw ids that are excluded from every list; unknown ids are ignored."""
    only_items: Sequence[Any] = ()
    """Raw ids that lists are limited to; unknown ids are ignored. Empty: the whole catalogue."""


class IdLookup(NamedTuple):
    """The index of each raw id of users or items; −1 for an unknown id."""

    index_of: Mapping[Any, int]
    kind: type
    """Type of the ids, int or str. "7" and 7 are different ids."""

    @classmethod
    def of(cls, column: pd.Series) -> "IdLookup":
        """Return the lookup for a column of ids, each with its position as its index."""
        index_of = {raw_id: index for index, raw_id in enumerate(column.tolist())}
        return cls(index_of, int if pd.api.types.is_integer_dtype(column.dtype) else str)

    def indices(self, ids: Iterable[Any]) -> NDArray[np.int64]:
        """Return the index of each id, shape (N,); −1 for null and for an unknown id."""
        return np.array([self.index_of.get(raw_id, -1) for raw_id in ids], dtype=np.int64)


class Taste(NamedTuple):
    """The rating scale of the data and the rating of a like.

    Without ratings, the first three are None and `like_rating` is 1.
    """

    lowest: float | None
    highest: float | None
    like_threshold: float | None
    """Minimum rating of a like."""
    like_rating: float
    """Rating given to the items of a history without ratings: the mean rating of a like."""


class Request(NamedTuple):
    """A checked request."""

    user_ids: list[Any]
    """The raw ids, None for null."""
    users_R: NDArray[np.int64]
    """Their indices, shape (R,); −1 for null and for an unknown user."""
    history_RI: csr_array
    """The ratings of the histories, shape (R, I); `like_rating` in a history without ratings."""
    unknown_R: NDArray[np.int64]
    """Number of items in the history that are not in the catalogue, shape (R,)."""


def read_request(table: pd.DataFrame, users: IdLookup, items: IdLookup, taste: Taste) -> Request:
    """Return the request in a table with the columns `user_id`, `history` and `ratings`.

    Each column may be missing, but not both `user_id` and `history`. A duplicate item in a history
    counts once, with its last rating. Raises BadRequest, with the row, if a value is not valid.
    """
    if not {USER, HISTORY} & set(table.columns):
        raise BadRequest(f"no column {USER} and no column {HISTORY}: send at least one of them")
    if table.columns.duplicated().any():
        raise BadRequest("duplicate column: send each column once")
    nothing = [None] * len(table)
    user_ids, histories, ratings = (
        table[name].tolist() if name in table else nothing for name in (USER, HISTORY, RATINGS)
    )
    where = [f"row {row}: " for row in range(len(table))]
    user_ids = [
        checked_user(raw, users.kind, row) for raw, row in zip(user_ids, where, strict=True)
    ]
    items_of = [list_in(cell, HISTORY, row) for cell, row in zip(histories, where, strict=True)]
    rated = [
        ratings_beside(cell, own, taste, row)
        for cell, own, row in zip(ratings, items_of, where, strict=True)
    ]
    row_N = np.repeat(np.arange(len(table)), [len(own) for own in items_of])
    item_N = items.indices(
        checked_id(raw, items.kind, HISTORY, row)
        for own, row in zip(items_of, where, strict=True)
        for raw in own
    )
    known_N = item_N >= 0
    rating_N = np.fromiter(chain.from_iterable(rated), dtype=np.float32, count=len(row_N))
    history_RI = last_of_each(
        row_N[known_N], item_N[known_N], rating_N[known_N], (len(table), len(items.index_of))
    )
    unknown_R = np.bincount(row_N[~known_N], minlength=len(table))
    return Request(user_ids, users.indices(user_ids), history_RI, unknown_R)


def checked_user(raw: Any, kind: type, where: str) -> Any:
    """Return the id of a user, or None for null.

    Raises BadRequest if the id has another type.
    """
    if raw is None or (isinstance(raw, float) and math.isnan(raw)):
        return None
    return checked_id(raw, kind, USER, where)


def checked_id(raw: Any, kind: type, what: str, where: str) -> Any:
    """Return the id as `kind`. Raises BadRequest if it has another type.

    A float that is a whole number is accepted: pandas turns integers beside nulls into floats.
    """
    if type(raw) is kind:
        return raw
    if kind is int and isinstance(raw, float) and raw.is_integer():
        if abs(raw) < WHOLE_BELOW:
            return int(raw)
        raise BadRequest(
            f"{where}{what} has {raw:.0f}, which arrived as a float and may have lost its last "
            "digits: send it as an integer, in a request without null ids"
        )
    wanted = "integers" if kind is int else "strings"
    raise BadRequest(f"{where}{what} has {shortened(raw)}, and ids must be {wanted}")


def list_in(cell: Any, what: str, where: str = "") -> list[Any]:
    """Return the list in a cell, empty for null. Raises BadRequest for any other value."""
    if cell is None or (isinstance(cell, float) and math.isnan(cell)):
        return []
    if isinstance(cell, np.ndarray) and cell.ndim == 1:
        return list(cell.tolist())
    if isinstance(cell, list | tuple):
        return list(cell)
    raise BadRequest(f"{where}{what} is {shortened(cell)}: send a list, or null")


def ratings_beside(cell: Any, history: list[Any], taste: Taste, where: str) -> list[float]:
    """Return one rating per item of the history; `like_rating` if no ratings were sent.

    Raises BadRequest if a rating is not a number on the scale, or if their number is wrong.
    """
    ratings = list_in(cell, RATINGS, where)
    if ratings and len(ratings) != len(history):
        raise BadRequest(
            f"{where}{len(ratings)} ratings for a history of {len(history)} items: "
            "send one rating per item, or null"
        )
    for rating in ratings:
        if isinstance(rating, bool) or not isinstance(rating, int | float):
            raise BadRequest(f"{where}ratings has {shortened(rating)}, which is not a number")
        lowest, highest = taste.lowest, taste.highest
        if lowest is not None and highest is not None and not lowest <= rating <= highest:
            raise BadRequest(
                f"{where}ratings has {shortened(rating)}: ratings must be from {lowest:g} to "
                f"{highest:g}"
            )
    if not ratings or taste.lowest is None:
        return [taste.like_rating] * len(history)
    return ratings


def wanted_of(params: Mapping[str, Any], items: IdLookup) -> Wanted:
    """Return the params of a request; a missing or null param has its default.

    MLflow passes null on for a single value, and refuses it for a list. Raises BadRequest, with the
    name of the param, if a value is not valid.
    """
    given = {name: params[name] for name in Wanted._fields if params.get(name) is not None}
    wanted = Wanted(**given)
    if isinstance(wanted.n, bool) or not isinstance(wanted.n, int | np.integer) or wanted.n < 1:
        raise BadRequest(f"n is {shortened(wanted.n)}: send an integer of at least 1")
    for name in ("exclude_items", "only_items"):
        for raw in list_in(given.get(name), name):
            checked_id(raw, items.kind, name, "")
    return wanted


def excluded_items(wanted: Wanted, items: IdLookup) -> NDArray[np.bool_]:
    """Return True for each item of the catalogue that the params exclude, shape (I,)."""
    # one place more than items: unknown ids have the index −1, which is the last place
    excluded = np.full(len(items.index_of) + 1, bool(len(wanted.only_items)))
    excluded[items.indices(wanted.only_items)] = False
    excluded[items.indices(wanted.exclude_items)] = True
    return excluded[:-1]
