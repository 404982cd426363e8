"""Requests to a recommender: rows of raw ids, checked and turned into indices and a matrix.

    user_id  history   ratings         user −1, history [. 4 .]   (99 is not in the catalogue)
    null     [20, 99]  [4, 5]     →    unknown items 1

Dimension key: R rows of a request, N items in their histories, I items of the catalogue.
"""

import math
from collections.abc import Collection, Iterable, Mapping, Sequence, Set
from decimal import Decimal
from itertools import chain
from reprlib import repr as shortened
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray
from scipy.sparse import csr_array

from collaborative_autoencoders.columns import HISTORY, ITEM, RATINGS, USER
from collaborative_autoencoders.interactions.column_types import WHOLE_BELOW, whole_below
from collaborative_autoencoders.interactions.sparse import last_of_each

from .limits import IN_PROCESS, Limits, passed

LISTS, SIMILAR_ITEMS = "lists", "similar_items"
TASKS = (LISTS, SIMILAR_ITEMS)

SLACK = 1e-6
"""Part of the largest rating by which one may lie off the scale: a float32 is not 4.1, but near."""


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
    """Raw ids that lists are limited to; unknown ids are ignored. Empty: the whole catalogue,
    because MLflow passes on the default where a request has no such param."""
    explain: int = 0
    """Maximum number of items of the history that are named as reasons for each item."""
    task: str = LISTS
    """What is asked for, one of `TASKS`: lists for users, or items that are similar to items."""
    diversify: float = 0.0
    """Weight of diversity against relevance, from 0 to 1; see `evaluation/diversify.py`."""
    one_line_per_row: bool = False
    """Whether the answer has one line per row, whose cells are lists, not one per place."""


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
    place_RI: csr_array | None = None
    """The place in the history, from 1, of each rating of `history_RI`, if the model reads it."""

    def part(self, rows: slice) -> "Request":
        """Return the request of these rows, without a copy of all, but for the raw ids."""
        if rows.start == 0 and len(self.users_R) <= rows.stop:
            return self
        place_RI = None if self.place_RI is None else self.place_RI[rows]
        return self._replace(
            users_R=self.users_R[rows], history_RI=self.history_RI[rows], place_RI=place_RI
        )


def read_request(
    table: pd.DataFrame,
    users: IdLookup,
    items: IdLookup,
    taste: Taste,
    limits: Limits = IN_PROCESS,
    in_order: bool = False,
) -> Request:
    """Return the request in a table with the columns `user_id`, `history` and `ratings`.

    Each column may be missing, but not both `user_id` and `history`. A duplicate item in a history
    counts once, with its last rating and in its last place; places are read for a model that reads
    histories `in_order`. Cells may hold scalars and lists of Python, NumPy, pandas and Arrow.
    Raises BadRequest, with the row, if a value is not valid or if a limit is passed.
    """
    columns = dict(table.items())
    if ITEM in columns:
        raise BadRequest(
            f"{ITEM} is the column of task {SIMILAR_ITEMS}: send that param, or {USER}"
        )
    if not {USER, HISTORY} & columns.keys():
        raise BadRequest(f"no column {USER} and no column {HISTORY}: send at least one of them")
    if len(columns) < len(table.columns):
        raise BadRequest("duplicate column: send each column once")
    if len(table) > limits.max_rows:
        raise BadRequest(too_many_rows(len(table), limits))
    nothing = [None] * len(table)
    user_ids, histories, ratings = (
        elements(columns[name]) if name in columns else nothing for name in (USER, HISTORY, RATINGS)
    )
    where = [f"row {row}: " for row in range(len(table))]
    user_ids = [
        None if is_null(raw) else checked_id(raw, users.kind, USER, row)
        for raw, row in zip(user_ids, where, strict=True)
    ]
    items_of = [list_in(cell, HISTORY, row) for cell, row in zip(histories, where, strict=True)]
    check_lengths(items_of, limits)
    check_order(histories, ratings, in_order)
    rated = [
        ratings_beside(cell, own, taste, row)
        for cell, own, row in zip(ratings, items_of, where, strict=True)
    ]
    row_N = np.repeat(np.arange(len(table)), [len(own) for own in items_of])
    item_N = items.indices(
        raw if type(raw) is items.kind else checked_id(raw, items.kind, HISTORY, row)
        for own, row in zip(items_of, where, strict=True)
        for raw in own
    )
    known_N = item_N >= 0
    rating_N = np.fromiter(chain.from_iterable(rated), dtype=np.float32, count=len(row_N))
    shape = len(table), len(items.index_of)
    history_RI = last_of_each(row_N[known_N], item_N[known_N], rating_N[known_N], shape)
    place_RI = None
    if in_order:
        place_N = np.concatenate([[], *(np.arange(1, len(own) + 1) for own in items_of)])
        place_RI = last_of_each(row_N[known_N], item_N[known_N], place_N[known_N], shape)
    unknown_R = np.bincount(row_N[~known_N], minlength=len(table))
    return Request(user_ids, users.indices(user_ids), history_RI, unknown_R, place_RI)


def too_many_rows(rows: int, limits: Limits) -> str:
    """Return the message for a request with this number of rows."""
    return passed(f"the request has {rows:,} rows", "max_rows", limits, "send fewer rows at once")


def check_lengths(items_of: list[list[Any]], limits: Limits) -> None:
    """Raise BadRequest, with the row, if a history passes the limit."""
    for row, own in enumerate(items_of):
        if len(own) > limits.max_history:
            what = f"row {row}: {HISTORY} has {len(own):,} items"
            raise BadRequest(passed(what, "max_history", limits, "send the newest ones"))


def check_order(histories: list[Any], ratings: list[Any], in_order: bool) -> None:
    """Raise BadRequest, with the row, for a set, which has no order, where the order counts.

    That is of or beside ratings, and for a model that reads histories `in_order`.
    """
    for row, (history, own) in enumerate(zip(histories, ratings, strict=True)):
        if (in_order or not is_null(own)) and (isinstance(history, Set) or isinstance(own, Set)):
            raise BadRequest(f"row {row}: {HISTORY} and {RATINGS} must be lists, not sets")


def checked_id(raw: Any, kind: type, what: str, where: str) -> Any:
    """Return the id as `kind`. Raises BadRequest if it has another type.

    A float that is a whole number is accepted: pandas turns integers beside nulls into floats. So
    is a Decimal, which databases return.
    """
    if type(raw) is kind:
        return raw
    value = unwrapped(raw)
    if type(value) is kind:
        return value
    if kind is int and isinstance(value, float) and value.is_integer():
        if abs(value) < limit_of(raw):
            return int(value)
        raise BadRequest(
            f"{where}{what} has {value:.0f}, which arrived as a float and may have lost its last "
            "digits: send it as an integer, in a request without null ids"
        )
    if kind is int and isinstance(value, Decimal) and value.is_finite() and value == int(value):
        return int(value)
    wanted = "integers" if kind is int else "strings"
    raise BadRequest(f"{where}{what} has {shortened(value)}, and ids must be {wanted}")


def unwrapped(raw: Any) -> Any:
    """Return a scalar of NumPy or Arrow as Python's own, and any other value as it is."""
    if isinstance(raw, np.generic):
        return raw.item()
    return raw.as_py() if isinstance(raw, pa.Scalar) else raw


def limit_of(raw: Any) -> float:
    """Return the value below which every integer has a float of its own, of the type of `raw`."""
    if isinstance(raw, np.floating):
        return whole_below(raw.dtype)
    if isinstance(raw, pa.Scalar) and pa.types.is_floating(raw.type):
        return whole_below(np.dtype(raw.type.to_pandas_dtype()))
    return WHOLE_BELOW


def is_null(cell: Any) -> bool:
    """Return whether the cell is a null of Python, NumPy, pandas or Arrow."""
    value = unwrapped(cell)
    if value is None or value is pd.NA or value is pd.NaT:
        return True
    return isinstance(value, float | Decimal) and math.isnan(value)


def elements(values: Any) -> list[Any]:
    """Return the elements of a column or array; floats of less than 64 bits keep their type.

    Lists of Arrow stay Arrow's, so that theirs do.
    """
    dtype = values.dtype
    if isinstance(dtype, pd.ArrowDtype) and pa.types.is_nested(dtype.pyarrow_dtype):
        return list(pa.array(values))
    dtype = dtype.categories.dtype if isinstance(dtype, pd.CategoricalDtype) else dtype
    short = whole_below(dtype) < WHOLE_BELOW
    return list(np.asarray(values)) if short else list(values.tolist())


def list_in(cell: Any, what: str, where: str = "") -> list[Any]:
    """Return the list in a cell, empty for null. Raises BadRequest for any other value.

    Arrays, Series, tuples, sets and the like are lists too; texts and dicts are not.
    """
    if isinstance(cell, list):
        return cell
    if is_null(cell):
        return []
    if isinstance(cell, np.ndarray | pd.Series | pd.Index | pd.api.extensions.ExtensionArray):
        if cell.ndim == 1:
            return elements(cell)
    elif isinstance(cell, pa.Array | pa.ChunkedArray):
        # their scalars say of what type a float is; Python's own are quicker
        return list(cell) if pa.types.is_floating(cell.type) else list(cell.to_pylist())
    elif isinstance(cell, pa.ListScalar):
        return list_in(cell.values, what, where)
    elif isinstance(cell, pa.Scalar):
        return list_in(cell.as_py(), what, where)
    elif isinstance(cell, Collection) and not isinstance(
        cell, str | bytes | bytearray | memoryview | Mapping | pd.DataFrame
    ):
        return list(cell)
    raise BadRequest(f"{where}{what} is {shortened(cell)}: send a list, or null")


def ratings_beside(cell: Any, history: list[Any], taste: Taste, where: str) -> list[float]:
    """Return one rating per item of the history; `like_rating` if no ratings were sent.

    Raises BadRequest if a rating is not a number on the scale, or if their number is wrong.
    """
    ratings = [plain_number(rating) for rating in list_in(cell, RATINGS, where)]
    if ratings and len(ratings) != len(history):
        raise BadRequest(
            f"{where}{len(ratings)} ratings for a history of {len(history)} items: "
            "send one rating per item, or null"
        )
    for rating in ratings:
        if isinstance(rating, bool) or not isinstance(rating, int | float):
            raise BadRequest(f"{where}ratings has {shortened(rating)}, which is not a number")
        if not is_on_scale(rating, taste):
            raise BadRequest(
                f"{where}ratings has {shortened(rating)}: ratings must be from {taste.lowest:g} to "
                f"{taste.highest:g}"
            )
    if not ratings or taste.lowest is None:
        return [taste.like_rating] * len(history)
    return ratings


def plain_number(raw: Any) -> Any:
    """Return a number as Python's int or float, and any other value as it is."""
    value = unwrapped(raw)
    return float(value) if isinstance(value, Decimal) and not value.is_snan() else value


def is_on_scale(rating: Any, taste: Taste) -> bool:
    """Return whether a rating is on the scale; True without a scale."""
    if taste.lowest is None or taste.highest is None:
        return True
    slack = SLACK * max(abs(taste.lowest), abs(taste.highest))
    return bool(taste.lowest - slack <= rating <= taste.highest + slack)


def wanted_of(params: Mapping[str, Any], items: IdLookup) -> Wanted:
    """Return the params of a request; a missing or null param has its default.

    MLflow passes null on for a single value, and refuses it for a list. Raises BadRequest, with the
    name of the param, if a value is not valid.
    """
    given = {name: params[name] for name in Wanted._fields if params.get(name) is not None}
    wanted = Wanted(**given)
    for name, least in (("n", 1), ("explain", 0)):
        value = getattr(wanted, name)
        if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
            raise BadRequest(f"{name} is {shortened(value)}: send an integer of at least {least}")
    for name in ("exclude_seen", "one_line_per_row"):
        value = getattr(wanted, name)
        if not isinstance(value, bool | np.bool_):
            raise BadRequest(f"{name} is {shortened(value)}: send true or false")
    if wanted.task not in TASKS:
        raise BadRequest(f"task is {shortened(wanted.task)}: send {' or '.join(TASKS)}")
    weight = plain_number(wanted.diversify)
    if isinstance(weight, bool) or not isinstance(weight, int | float) or not 0 <= weight <= 1:
        raise BadRequest(f"diversify is {shortened(weight)}: send a number from 0 to 1")
    exclude, only = (
        tuple(checked_id(raw, items.kind, name, "") for raw in list_in(given.get(name), name))
        for name in ("exclude_items", "only_items")
    )
    return wanted._replace(diversify=float(weight), exclude_items=exclude, only_items=only)


def excluded_items(wanted: Wanted, items: IdLookup) -> NDArray[np.bool_]:
    """Return True for each item of the catalogue that the params exclude, shape (I,)."""
    # one place more than items: unknown ids have the index −1, which is the last place
    excluded = np.full(len(items.index_of) + 1, bool(len(wanted.only_items)))
    excluded[items.indices(wanted.only_items)] = False
    excluded[items.indices(wanted.exclude_items)] = True
    return excluded[:-1]
