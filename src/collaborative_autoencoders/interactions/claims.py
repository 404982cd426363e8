"""What stored ids, titles and facts claim, checked when they are read."""

import json
from typing import Annotated, Any, Self

import numpy as np
import pandas as pd
from annotated_types import Ge, Le
from numpy.typing import NDArray
from pandas.api import types
from pydantic import ConfigDict, model_validator

from collaborative_autoencoders.columns import ITEM, PART, RATING, ROW, TIMESTAMP, TITLE, USER
from collaborative_autoencoders.options import MOST, Options, read_options

from .ids import are_distinct, encode
from .lookup import Lookup, is_core_first, make_lookup
from .own_split import PARTS

Size = Annotated[int, Ge(0), Le(MOST)]


class StoredFacts(Options):
    """Facts about the data, as far as a file has them: sizes and scale that agree."""

    model_config = ConfigDict(extra="allow")

    data_set: str | None = None
    checksum: str | None = None
    users: Size | None = None
    items: Size | None = None
    ratings: Annotated[int, Ge(0)] | None = None
    likes: Annotated[int, Ge(0)] | None = None
    density: Annotated[float, Ge(0), Le(1)] | None = None
    rated: bool | None = None
    lowest_rating: float | None = None
    highest_rating: float | None = None
    tied_share: Annotated[float, Ge(0), Le(1)] | None = None
    ratings_before_core: Annotated[int, Ge(0)] | None = None
    core_users: Size | None = None
    core_items: Size | None = None

    @model_validator(mode="after")
    def _sizes_agree(self) -> Self:
        cells = (self.users or 0) * (self.items or 0)
        if self.ratings is not None and (self.users is None or self.ratings > cells):
            raise ValueError(f"{self.ratings} ratings in {self.users} x {self.items} cells")
        if self.likes is not None and self.likes > (self.ratings or 0):
            raise ValueError(f"{self.likes} likes among {self.ratings} ratings")
        if self.ratings_before_core is not None and self.ratings_before_core < (self.ratings or 0):
            raise ValueError(f"{self.ratings} ratings, before the core {self.ratings_before_core}")
        for name in ("users", "items"):
            core, whole = getattr(self, f"core_{name}"), getattr(self, name)
            if core is not None and core > (whole or 0):
                raise ValueError(f"{core} {name} in the core, of {whole}")
        if self.density is not None and not np.isclose(
            self.density * cells, self.ratings or 0, rtol=1e-9
        ):
            raise ValueError(f"density {self.density}: {self.ratings} ratings in {cells} cells")
        return self

    @model_validator(mode="after")
    def _scale_is_one(self) -> Self:
        lowest, highest = self.lowest_rating, self.highest_rating
        if (lowest is None) != (highest is None) or (self.rated and lowest is None):
            raise ValueError(f"a scale from {lowest} to {highest}, rated: {self.rated}")
        if lowest is not None and highest is not None and lowest > highest:
            raise ValueError(f"a scale from {lowest} to {highest}")
        if self.rated is False and lowest is not None:
            raise ValueError(f"rated: false, with a scale from {lowest} to {highest}")
        return self


def check_facts(facts: Any, *required: str) -> None:
    """Raise ValueError, with the key, if a fact is missing, impossible or disagrees."""
    read_options(StoredFacts, facts)
    if missing := [name for name in required if name not in facts]:
        raise ValueError(f"the facts lack {missing}")


def strict_json(content: bytes | str, **load_args: Any) -> Any:
    """Return a JSON value; `load_args` are arguments of `json.loads`.

    Raises ValueError for NaN, infinity, a duplicate key or deep nesting.
    """
    try:
        strict: dict[str, Any] = {
            "parse_constant": _refuse,
            "object_pairs_hook": _without_duplicates,
        }
        return json.loads(content, **strict | load_args)
    except RecursionError:
        raise ValueError("its values are nested too deeply") from None


def _refuse(constant: str) -> None:
    raise ValueError(f"it holds {constant}, which is not a number of JSON")


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"the key {max(names, key=names.count)!r} occurs twice")
    return found


def check_id_column(table: pd.DataFrame, name: str) -> None:
    """Raise ValueError if the column is not one of integers or texts."""
    if name not in table:
        raise ValueError(f"it has no column {name}, only {list(table.columns)}")
    ids = table[name]
    if ids.hasnans or not (ids.dtype == np.int64 or isinstance(ids.dtype, pd.StringDtype)):
        raise ValueError(f"{name} holds {ids.dtype} or nulls, not integers or text")


def check_ids(table: pd.DataFrame, name: str) -> None:
    """Raise ValueError if the column is not one of sorted, distinct integers or texts.

    Ids outside the core are sorted by themselves, behind those of the core.
    """
    check_id_column(table, name)
    ids = table[name]
    in_order_N = ids.iloc[1:].to_numpy() > ids.iloc[:-1].to_numpy()
    in_core = len(ids) if in_order_N.all() else int(np.argmin(in_order_N)) + 1
    if not is_core_first(ids, in_core):
        raise ValueError(f"{name} is not sorted or has duplicates, so its places are no indices")


def check_ratings(table: pd.DataFrame) -> None:
    """Raise ValueError unless the table has sorted, distinct pairs of ids and finite ratings."""
    for name in (USER, ITEM):
        check_id_column(table, name)
    user_N, item_N = (_in_order_of_ids(table[name]) for name in (USER, ITEM))
    same_user_N, next_item_N = user_N[1:] == user_N[:-1], item_N[1:] > item_N[:-1]
    if not ((user_N[1:] > user_N[:-1]) | (same_user_N & next_item_N)).all():
        raise ValueError("its pairs of user and item are not sorted or not distinct")
    if ROW in table and not (table[ROW].dtype in (np.int32, np.int64) and are_distinct(table[ROW])):
        raise ValueError(f"{ROW} holds {table[ROW].dtype} or a row twice")
    if PART in table and not table[PART].isin(PARTS).all():
        raise ValueError(f"{PART} is not always one of {', '.join(PARTS)}")
    for name in {RATING, TIMESTAMP} & set(table):
        values = table[name]
        is_rating = name == RATING
        if values.hasnans or (is_rating and values.dtype != np.float32):
            raise ValueError(f"{name} holds {values.dtype} or nulls")
        if types.is_float_dtype(values) and not np.isfinite(values).all():
            raise ValueError(f"{name} is not always a finite number")
        if not (types.is_numeric_dtype(values) or types.is_datetime64_any_dtype(values)):
            raise ValueError(f"{name} holds {values.dtype}")


def _in_order_of_ids(column: pd.Series) -> NDArray[np.integer]:
    """Return a number for each row, in the order of the ids: integers as they are, or codes."""
    return column.to_numpy() if types.is_integer_dtype(column) else encode(column).codes


def check_titles(items: pd.DataFrame) -> None:
    """Raise ValueError if the table does not have one id and one title per item."""
    check_ids(items, ITEM)
    if TITLE not in items or items[TITLE].hasnans or not types.is_string_dtype(items[TITLE]):
        raise ValueError(f"it has no text in the column {TITLE} for every item")


def checked_lookup(users: pd.DataFrame, items: pd.DataFrame, about: Any) -> Lookup:
    """Return ids, titles and facts as one value.

    Raises ValueError if a table or a fact is not valid, or if they do not belong together.
    """
    if not isinstance(about, dict) or about.keys() != {"facts", "like_threshold"}:
        raise ValueError("about.json does not have the keys facts and like_threshold")
    threshold = about["like_threshold"]
    if isinstance(threshold, bool) or not isinstance(threshold, int | float):
        raise ValueError(f"like_threshold is {threshold!r}, not a number")
    check_facts(about["facts"], "users", "items", "rated")
    check_ids(users, USER)
    check_titles(items)
    return make_lookup(users, items, about["facts"], threshold)
