"""Raw ids and their indices: the positions 0, 1, 2, … of the sorted raw ids."""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from collaborative_autoencoders.columns import ITEM, ITEM_INDEX, USER, USER_INDEX

from .row_hash import Digests, digests_of

SPARE_ROOM = 8  # use a lookup table if it has fewer than 8 entries per row


class Encoded(NamedTuple):
    """A column as integer codes; `ids[codes]` restores the column."""

    codes: NDArray[np.int32]
    """Shape (N,): the position of each row's id in `ids`."""

    ids: pd.Index
    """The distinct ids, sorted."""


@dataclass(frozen=True, eq=False)
class Ids:
    """The users and the items of a table. The index is the row position.

    Those of the core come first.
    """

    users: pd.DataFrame
    """Columns user_index, user_id."""

    items: pd.DataFrame
    """Columns item_index, item_id."""

    @cached_property
    def user_digests(self) -> Digests:
        """The digests of the users, computed when they are first read."""
        return digests_of(self.users[USER])

    @cached_property
    def item_digests(self) -> Digests:
        """The digests of the items, computed when they are first read."""
        return digests_of(self.items[ITEM])


def encode(column: pd.Series) -> Encoded:
    """Return the column as codes into its sorted distinct ids.

        b a b c  ->  codes 1 0 1 2, ids a b c

    Dense non-negative integers, as most ids are, use a lookup table instead of a hash.
    """
    if isinstance(column.dtype, pd.CategoricalDtype):
        return _encode_categories(column.array)
    if not len(column) or not _is_dense(column, n_lookups=len(column)):
        codes, ids = pd.factorize(column, sort=True)
        return Encoded(codes.astype(np.int32), pd.Index(ids))
    present = _lookup_of(column)
    code_of = np.cumsum(present, dtype=np.int32) - np.int32(1)
    return Encoded(code_of[column.to_numpy()], pd.Index(np.flatnonzero(present)))


def are_distinct(integers: pd.Series) -> bool:
    """Return whether none of the integers is there twice."""
    if not len(integers) or not _is_dense(integers, n_lookups=len(integers)):
        return integers.is_unique
    return bool(np.count_nonzero(_lookup_of(integers)) == len(integers))


def _lookup_of(ids: pd.Series) -> NDArray[np.bool_]:
    """Return whether each integer from 0 to the highest id is one of the ids."""
    ids_N = ids.to_numpy()
    present = np.zeros(int(ids_N.max()) + 1, dtype=bool)
    present[ids_N] = True
    return present


def _encode_categories(column: pd.Categorical) -> Encoded:
    used = np.flatnonzero(np.bincount(column.codes, minlength=len(column.categories)))
    ids = column.categories[used]
    order = ids.argsort()
    code_of = np.empty(len(column.categories), dtype=np.int32)
    code_of[used[order]] = np.arange(len(used))
    return Encoded(code_of[column.codes], ids[order])


def _is_dense(ids: pd.Series | pd.Index, n_lookups: int) -> bool:
    """Return whether a lookup table from 0 to the highest id is small enough for the lookups."""
    if not pd.api.types.is_integer_dtype(ids.dtype):
        return False
    return ids.min() >= 0 and ids.max() < SPARE_ROOM * n_lookups


def index_ids(core: pd.DataFrame, others: pd.DataFrame | None = None) -> Ids:
    """Return every user and item, numbered from 0: those of the core, then the others.

        ids of the core  b d      ids  b d a c      Both are sorted by raw id.
        of the others    a b c

    So the core is the first rows and columns of a matrix of users × items.
    """
    others = core.head(0) if others is None else others
    return Ids(users_of(core[USER], others[USER]), items_of(core[ITEM], others[ITEM]))


def users_of(core: pd.Series, others: pd.Series) -> pd.DataFrame:
    """Return the users of the core, then of the others, with their indices."""
    return _numbered(_core_first(core, others), USER_INDEX, USER)


def items_of(core: pd.Series, others: pd.Series) -> pd.DataFrame:
    """Return the items of the core, then of the others, with their indices."""
    return _numbered(_core_first(core, others), ITEM_INDEX, ITEM)


def _core_first(core: pd.Series, others: pd.Series) -> pd.Index:
    first = encode(core).ids
    if others.empty:
        return first
    rest = encode(others).ids
    return first.append(rest[~rest.isin(first)])


def sizes_of(ratings: pd.DataFrame) -> tuple[int, int]:
    """Return the number of users and of items in a table."""
    return len(encode(ratings[USER]).ids), len(encode(ratings[ITEM]).ids)


def _numbered(ids: pd.Index, index_name: str, id_name: str) -> pd.DataFrame:
    return pd.DataFrame({index_name: np.arange(len(ids)), id_name: ids})


def _look_up(ids: pd.DataFrame, raw: pd.Index | pd.Series) -> NDArray[np.int32]:
    known = pd.Index(ids.iloc[:, 1])
    if not pd.api.types.is_integer_dtype(raw.dtype) or not _is_dense(known, n_lookups=len(raw)):
        return known.get_indexer(pd.Index(raw)).astype(np.int32)
    index_of_id = np.full(int(known.max()) + 3, -1, dtype=np.int32)
    index_of_id[known.to_numpy() + 1] = np.arange(len(known))
    # one entry more at each end holds −1 for ids outside the range
    return np.take(index_of_id, raw.to_numpy() + 1, mode="clip")


def known_indices(ids: pd.DataFrame, column: pd.Series) -> NDArray[np.int32]:
    """Return the index of each row's id. Raises ValueError if an id is not in `ids`."""
    index_N = _look_up(ids, column)
    if (index_N < 0).any():
        unknown = column[index_N < 0].tolist()[0]
        raise ValueError(stale(str(column.name), unknown))
    return index_N


def stale(name: str, unknown: object) -> str:
    """Return why an id of the ratings that has no index is an error."""
    return (
        f"{name} {unknown!r} is in the ratings but has no index: the files are stale. "
        "Create them again with `kedro run --from-nodes data_engineering.index_ids`."
    )
