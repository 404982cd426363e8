"""Raw ids and their indices 0, 1, 2, ... in the order of the sorted raw ids."""

from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from collaborative_autoencoders.columns import ITEM, ITEM_INDEX, USER, USER_INDEX

SPARE_ROOM = 8  # a table of all integers up to the highest id pays while it is below 8 x rows


class Encoded(NamedTuple):
    """A column as whole numbers: `ids[codes]` is the column again."""

    codes: NDArray[np.int32]
    """Shape (N,): the position of each row's id in `ids`."""

    ids: pd.Index
    """The distinct ids, sorted."""


class Ids(NamedTuple):
    """The users and the items of a table; the position of a row is the index."""

    users: pd.DataFrame
    """Columns user_index, user_id."""

    items: pd.DataFrame
    """Columns item_index, item_id."""


def encode(column: pd.Series) -> Encoded:
    """The column as codes into its sorted distinct ids.

        b a b c  ->  codes 1 0 1 2, ids a b c

    Integers that lie close together, as ids mostly do, are looked up in a table and not hashed.
    """
    if not len(column) or not _are_close(column, n_lookups=len(column)):
        codes, ids = pd.factorize(column, sort=True)
        return Encoded(codes.astype(np.int32), pd.Index(ids))
    ids_N = column.to_numpy()
    present = np.zeros(int(ids_N.max()) + 1, dtype=bool)
    present[ids_N] = True
    code_of = np.cumsum(present, dtype=np.int32) - np.int32(1)
    return Encoded(code_of[ids_N], pd.Index(np.flatnonzero(present)))


def _are_close(ids: pd.Series | pd.Index, n_lookups: int) -> bool:
    """Whether a table from 0 to the highest id pays for so many lookups."""
    if not pd.api.types.is_integer_dtype(ids.dtype):
        return False
    return ids.min() >= 0 and ids.max() < SPARE_ROOM * n_lookups


def index_ids(ratings: pd.DataFrame) -> Ids:
    """Every user and item of the table, sorted by raw id and numbered from 0."""
    return Ids(
        users=_numbered(encode(ratings[USER]).ids, USER_INDEX, USER),
        items=_numbered(encode(ratings[ITEM]).ids, ITEM_INDEX, ITEM),
    )


def _numbered(ids: pd.Index, index_name: str, id_name: str) -> pd.DataFrame:
    return pd.DataFrame({index_name: np.arange(len(ids)), id_name: ids})


def index_of(ids: pd.DataFrame, raw: pd.Index | pd.Series) -> NDArray[np.int64]:
    """The index of each raw id, -1 where `ids` does not know it.

    `ids` is one of the tables of `index_ids`. Text is not a number: "7" is not 7.
    """
    return _look_up(ids, raw).astype(np.int64)


def _look_up(ids: pd.DataFrame, raw: pd.Index | pd.Series) -> NDArray[np.int32]:
    known = pd.Index(ids.iloc[:, 1])
    if not pd.api.types.is_integer_dtype(raw.dtype) or not _are_close(known, n_lookups=len(raw)):
        return known.get_indexer(pd.Index(raw)).astype(np.int32)
    index_of_id = np.full(int(known.max()) + 3, -1, dtype=np.int32)
    index_of_id[known.to_numpy() + 1] = np.arange(len(known))
    # one place more on each side says "not known" of what lies beyond
    return np.take(index_of_id, raw.to_numpy() + 1, mode="clip")


def raw_ids(ids: pd.DataFrame, index: NDArray[np.integer]) -> pd.Index:
    """The raw id at each index."""
    return pd.Index(ids.iloc[:, 1])[index]


def known_indices(ids: pd.DataFrame, column: pd.Series) -> NDArray[np.int32]:
    """The index of each row's id. Raises ValueError if an id is not in `ids`."""
    index_N = _look_up(ids, column)
    if (index_N < 0).any():
        unknown = column[index_N < 0].tolist()[0]
        raise ValueError(
            f"{column.name} {unknown!r} is in the ratings but has no index: "
            "the files come from two runs. Run again `--from-nodes data_engineering.index_ids`."
        )
    return index_N
