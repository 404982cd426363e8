"""A part of a split as rows of Parquet files, a rating a row, which workers write and read.

The columns are `user_index`, `item_index`, `rating`, `liked` and, if known, `timestamp` and
`order`, the place of a like among all likes of its user, 0 for any other row. In a split by users,
`fold_in` says whether a rating is to be folded in.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from collaborative_autoencoders.columns import (
    FOLD_IN,
    ITEM_INDEX,
    LIKED,
    ORDER,
    RATING,
    TIMESTAMP,
    USER_INDEX,
)

from . import part_bytes
from .part import Interactions
from .sparse import INT32_MAX, user_of_cells

REQUIRED = (USER_INDEX, ITEM_INDEX, RATING, LIKED)
ARRAY_OF = {
    ITEM_INDEX: "indices",
    RATING: "ratings",
    LIKED: "liked",
    TIMESTAMP: part_bytes.TIMES,
    ORDER: part_bytes.ORDER,
    FOLD_IN: part_bytes.FOLD_IN,
}
"""The array of `part_bytes` that a column is."""

ROWS = "rows"
SPARK_SCHEMA = b"org.apache.spark.sql.parquet.row.metadata"
"""Where Spark keeps, in each Parquet file, what is known of its columns."""


class PartSize(NamedTuple):
    """The numbers of users and items, which the rows of a part do not say."""

    users: int
    items: int
    core_users: int
    core_items: int

    def of_users(self, first: int, end: int) -> "PartSize":
        """Return the size of the part of the users from `first` to `end` − 1."""
        in_core = min(max(self.core_users - first, 0), end - first)
        return self._replace(users=end - first, core_users=in_core)

    def with_rows(self, rows: int) -> dict[str, int]:
        """Return what each file of a part says of the whole part, with the column `user_index`."""
        return self._asdict() | {ROWS: rows}


def said_in_file(schema: pa.Schema) -> tuple[PartSize, int]:
    """Return the size of the whole part, and its number of rows, from a Parquet file of Spark.

    Raises ValueError if the file does not say them.
    """
    try:
        columns = json.loads((schema.metadata or {})[SPARK_SCHEMA])["fields"]
        about = {each["name"]: each["metadata"] for each in columns}[USER_INDEX]
        return PartSize(*(int(about[name]) for name in PartSize._fields)), int(about[ROWS])
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError("it does not say how many users and items the part has") from error


@dataclass(frozen=True, eq=False)
class ShardedPart(Interactions):
    """A part whose rows also lie in a folder of Parquet files, which workers read."""

    folder: str = field(kw_only=True)


def part_of_rows(
    tables: Iterable[pa.Table], size: PartSize, rows: int, first_user: int = 0
) -> Interactions:
    """Return the part with the rows of these tables, in order of user and item, `rows` in all.

    Its first row is that of the user `first_user`.

    Raises ValueError, with the reason, if they are not all the rows of one part.
    """
    columns: dict[str, NDArray[Any]] = {}
    count_U, n_rows, last_user = np.zeros(size.users, dtype=np.int64), 0, 0
    schema: pa.Schema | None = None
    for table in tables:
        schema = schema or table.schema
        if not table.schema.equals(schema):  # else values of a missing column would be any
            raise ValueError("its files differ in columns or types: they are of two parts")
        user_N = _checked_users(table, size, last_user, first_user)
        end = n_rows + len(user_N)
        if end > rows:
            break
        for name in (name for name in ARRAY_OF if name in table.column_names):
            values_N = table[name].to_numpy()
            whole_N = columns.setdefault(name, np.empty(rows, dtype=values_N.dtype))
            whole_N[n_rows:end] = values_N
        if len(user_N):
            first, last_user = int(user_N[0]), int(user_N[-1])
            count_U[first : last_user + 1] += np.bincount(user_N - first)
        n_rows = end
    if n_rows != rows:
        raise ValueError(f"{rows:,} rows were written, and it has other files than these")
    return part_bytes.part_of_arrays(_arrays_of(columns, count_U, size))


def digest_of_rows(part: Interactions, users_U: NDArray[np.integer], *, with_order: bool) -> str:
    """Return the BLAKE2b hash of the rows of a part, in which row n is the user `users_U[n]`.

    Rows without ratings change nothing, nor do times. `with_order` says whether the order of likes
    is hashed.
    """
    digest = hashlib.blake2b(digest_size=16)
    for each in (part, part.fold_in):
        views = () if each is None else (each.ratings, each.likes, each.order)
        for name, view_UI in zip((RATING, LIKED, ORDER), views, strict=False):
            if view_UI is None or view_UI.nnz == 0 or (name == ORDER and not with_order):
                continue
            digest.update(f"{name} {each is part.fold_in}".encode())
            for index_N in (users_U[user_of_cells(view_UI)], view_UI.indices):
                digest.update(index_N.astype(np.int64).data)
            digest.update(np.ascontiguousarray(view_UI.data).data)
    return digest.hexdigest()


def _checked_users(
    table: pa.Table, size: PartSize, last_user: int, first_user: int
) -> NDArray[np.integer]:
    """Return the users of the rows, counted from the first one of the part.

    Raises ValueError if they are not in order, or too many.
    """
    if missing := [name for name in REQUIRED if name not in table.column_names]:
        raise ValueError(f"it has no column {missing[0]}")
    user_N: NDArray[np.integer] = table[USER_INDEX].to_numpy()
    if user_N.dtype.kind == "i":
        user_N = user_N - first_user
    if user_N.dtype.kind != "i" or (np.diff(user_N, prepend=last_user) < 0).any():
        raise ValueError("its users are not integers in ascending order")
    if len(user_N) and user_N[-1] >= size.users:
        raise ValueError(f"it has user_index {user_N[-1]}, and the part has {size.users:,} users")
    return user_N


def _arrays_of(
    columns: Mapping[str, NDArray[Any]], count_U: NDArray[np.int64], size: PartSize
) -> dict[str, NDArray[Any]]:
    shape = (size.users, size.items)
    index_type = np.int32 if max(int(count_U.sum()), *shape) <= INT32_MAX else np.int64
    start_U = np.zeros(size.users + 1, dtype=index_type)
    np.cumsum(count_U, out=start_U[1:])
    arrays = {ARRAY_OF[name]: values_N for name, values_N in columns.items()}
    arrays |= {"shape": np.array(shape), "indptr": start_U}
    arrays["indices"] = arrays["indices"].astype(index_type, copy=False)
    if part_bytes.ORDER in arrays:  # of likes alone
        arrays[part_bytes.ORDER] = arrays[part_bytes.ORDER][arrays["liked"]]
    if (size.core_users, size.core_items) != shape:
        arrays[part_bytes.CORE] = np.array([size.core_users, size.core_items])
    return arrays
