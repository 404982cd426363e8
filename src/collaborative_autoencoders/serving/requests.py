"""What is asked of a recommender: rows of raw ids, checked, as indices and a sparse matrix.

    user_id  history   ratings         user −1, told [. 4 .]   (item 99 is not in the catalogue)
    null     [20, 99]  [4, 5]     ->   unknown items 1

Dimension key: R rows of a request, N items told in them, I items of the catalogue.
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
from collaborative_autoencoders.interactions.matrices import last_of_each

WHOLE_BELOW = 2.0**53
"""From here on a float does not tell a whole number from its neighbours."""


class BadRequest(ValueError):
    """A request that cannot be answered: which row, what is wrong with it, and the mend."""


class Wanted(NamedTuple):
    """What the lists of a request are to be like, the same for all its rows."""

    n: int = 10
    exclude_seen: bool = True
    exclude_items: Sequence[Any] = ()
    """Raw ids that nobody is to get; unknown ones do no harm."""
    only_items: Sequence[Any] = ()
    """Raw ids to choose from; none: the whole catalogue."""


class Ids(NamedTuple):
    """The raw ids of one kind and where they stand: an id that is not there has the index −1."""

    index_of: Mapping[Any, int]
    kind: type
    """int or str: text is not a number, "7" is not 7."""

    @classmethod
    def of(cls, column: pd.Series) -> "Ids":
        """The ids of a table, in its order."""
        index_of = {raw_id: index for index, raw_id in enumerate(column.tolist())}
        return cls(index_of, int if pd.api.types.is_integer_dtype(column.dtype) else str)

    def indices(self, ids: Iterable[Any]) -> NDArray[np.int64]:
        """The index of each id, −1 of null and of what is not known."""
        return np.array([self.index_of.get(raw_id, -1) for raw_id in ids], dtype=np.int64)


class Taste(NamedTuple):
    """What the data say of a rating; all None and 1 where the data have no ratings."""

    lowest: float | None
    highest: float | None
    like_threshold: float | None
    """From this rating on an item is liked."""
    like_rating: float
    """What an item of a history without ratings counts as: the mean rating of a like."""


class Asked(NamedTuple):
    """A checked request."""

    user_ids: list[Any]
    """As they came in, None for null."""
    users_R: NDArray[np.int64]
    """Their indices; −1 is a user of whom nothing is known."""
    told_RI: csr_array
    """The ratings of the histories, `like_rating` in one without ratings."""
    unknown_R: NDArray[np.int64]
    """How many items of the history are not in the catalogue."""


def read_request(table: pd.DataFrame, users: Ids, items: Ids, taste: Taste) -> Asked:
    """The rows of `user_id`, `history` and `ratings`: each column may be left out, not all.

    An item that comes twice in a history counts once, its last rating stands.
    Raises BadRequest naming the row.
    """
    if not {USER, HISTORY} & set(table.columns):
        raise BadRequest(f"There is no column {USER} and none {HISTORY}: send at least one of them")
    if table.columns.duplicated().any():
        raise BadRequest("A column comes twice: send each once")
    nothing = [None] * len(table)
    user_ids, histories, ratings = (
        table[name].tolist() if name in table else nothing for name in (USER, HISTORY, RATINGS)
    )
    where = [f"row {row}: " for row in range(len(table))]
    user_ids = [
        checked_user(raw, users.kind, row) for raw, row in zip(user_ids, where, strict=True)
    ]
    told = [list_in(cell, HISTORY, row) for cell, row in zip(histories, where, strict=True)]
    rated = [
        ratings_beside(cell, own, taste, row)
        for cell, own, row in zip(ratings, told, where, strict=True)
    ]
    row_N = np.repeat(np.arange(len(told)), [len(own) for own in told])
    item_N = items.indices(
        checked_id(raw, items.kind, HISTORY, row)
        for own, row in zip(told, where, strict=True)
        for raw in own
    )
    known_N = item_N >= 0
    rating_N = np.fromiter(chain.from_iterable(rated), dtype=np.float32, count=len(row_N))
    told_RI = last_of_each(
        row_N[known_N], item_N[known_N], rating_N[known_N], (len(told), len(items.index_of))
    )
    unknown_R = np.bincount(row_N[~known_N], minlength=len(told))
    return Asked(user_ids, users.indices(user_ids), told_RI, unknown_R)


def checked_user(raw: Any, kind: type, where: str) -> Any:
    """The id of a user, None for null: pandas writes whole numbers beside nulls as floats."""
    if raw is None or (isinstance(raw, float) and math.isnan(raw)):
        return None
    return checked_id(raw, kind, USER, where)


def checked_id(raw: Any, kind: type, what: str, where: str) -> Any:
    """The id, if it is of the right kind. Raises BadRequest for any other."""
    if type(raw) is kind:
        return raw
    if kind is int and isinstance(raw, float) and raw.is_integer():
        if abs(raw) < WHOLE_BELOW:
            return int(raw)
        raise BadRequest(
            f"{where}{what} has {raw:.0f}, which came as a decimal number and may have lost its "
            "last digits: send it as a whole number, in a request without null ids"
        )
    wanted = "whole numbers" if kind is int else "texts"
    raise BadRequest(f"{where}{what} has {shortened(raw)}, and the ids here are {wanted}")


def list_in(cell: Any, what: str, where: str = "") -> list[Any]:
    """The list in a cell, empty for null. Raises BadRequest for anything else."""
    if cell is None or (isinstance(cell, float) and math.isnan(cell)):
        return []
    if isinstance(cell, np.ndarray) and cell.ndim == 1:
        return list(cell.tolist())
    if isinstance(cell, list | tuple):
        return list(cell)
    raise BadRequest(f"{where}{what} is {shortened(cell)}: send a list, or null")


def ratings_beside(cell: Any, history: list[Any], taste: Taste, where: str) -> list[float]:
    """A rating for each item of the history; that of a like where none were sent."""
    ratings = list_in(cell, RATINGS, where)
    if ratings and len(ratings) != len(history):
        raise BadRequest(
            f"{where}{len(ratings)} ratings stand beside a history of {len(history)} items: "
            "send one for each, or null"
        )
    for rating in ratings:
        if isinstance(rating, bool) or not isinstance(rating, int | float):
            raise BadRequest(f"{where}ratings has {shortened(rating)}, which is no number")
        lowest, highest = taste.lowest, taste.highest
        if lowest is not None and highest is not None and not lowest <= rating <= highest:
            raise BadRequest(
                f"{where}ratings has {shortened(rating)}; they go from {lowest:g} to {highest:g}"
            )
    if not ratings or taste.lowest is None:
        return [taste.like_rating] * len(history)
    return ratings


def wanted_of(params: Mapping[str, Any], items: Ids) -> Wanted:
    """What the params of a request ask for; None is as good as left out.

    MLflow lets null through for a single value and refuses it for a list by itself.
    Raises BadRequest naming the parameter.
    """
    given = {name: params[name] for name in Wanted._fields if params.get(name) is not None}
    wanted = Wanted(**given)
    if isinstance(wanted.n, bool) or not isinstance(wanted.n, int | np.integer) or wanted.n < 1:
        raise BadRequest(f"n is {shortened(wanted.n)}: ask for a whole number from 1 on")
    for name in ("exclude_items", "only_items"):
        for raw in list_in(given.get(name), name):
            checked_id(raw, items.kind, name, "")
    return wanted


def left_out(wanted: Wanted, items: Ids) -> NDArray[np.bool_]:
    """True at each item of the catalogue that the params rule out, shape (I,)."""
    marks = np.full(len(items.index_of) + 1, bool(len(wanted.only_items)))  # unknown ids go last
    marks[items.indices(wanted.only_items)] = False
    marks[items.indices(wanted.exclude_items)] = True
    return marks[:-1]
