"""Item titles. An item without a title gets its id as the title."""

import pandas as pd

from collaborative_autoencoders.columns import ITEM, ITEM_INDEX, TITLE
from collaborative_autoencoders.options import Options

from .column_types import checked_ids


class TitleOptions(Options):
    """Column names of the table of items."""

    item_id: str
    title: str


def name_items(items: pd.DataFrame, item_ids: pd.DataFrame, options: TitleOptions) -> pd.DataFrame:
    """Return the title of each item of the catalogue. Columns: item_index, item_id, title.

        items   7  Alien          item_ids  0  7         0  7  Alien
                8  Brazil                   1  9         1  9  9      (no title: the id)

    An empty table means that there are no titles. Ids have the types that `clean_ratings` returns.
    Raises ValueError if a column is missing, an id is invalid, an item has two titles, or no id of
    the table is an item of the catalogue.
    """
    titles = item_ids[ITEM].map(titles_by_id(items, options))
    if titles.isna().all() and not items.empty:
        raise ValueError(_no_match(items[options.item_id], item_ids[ITEM]))
    return item_ids[[ITEM_INDEX, ITEM]].assign(
        **{TITLE: titles.astype(object).fillna(item_ids[ITEM]).astype("str")}
    )


def titles_by_id(items: pd.DataFrame, options: TitleOptions) -> pd.Series:
    """Return the titles by item id.

    Raises ValueError if a column is missing, an id is invalid, or an item has two titles.
    """
    if items.empty:
        return pd.Series(dtype="str")
    for column in (options.item_id, options.title):
        if column not in items:
            raise ValueError(
                f"items: no column {column!r}, only {list(items.columns)}. "
                "Set titles.item_id and titles.title to column names of this table."
            )
    named = pd.DataFrame({ITEM: items[options.item_id], TITLE: items[options.title]})
    try:
        named[ITEM] = checked_ids(named, ITEM)
    except ValueError as error:
        raise ValueError(f"items: {error}") from error
    title_of = named.dropna().drop_duplicates().set_index(ITEM)[TITLE]
    twice = title_of.index[title_of.index.duplicated()]
    if len(twice):
        raise ValueError(
            f"items: {twice[0]!r} has two titles, {title_of.loc[[twice[0]]].tolist()}. "
            "Remove one of them from the table."
        )
    return title_of


def _no_match(theirs: pd.Series, ours: pd.Series) -> str:
    return (
        f"items: no id in {theirs.name!r} ({theirs.head(3).tolist()}, …) is an item of the ratings "
        f"({ours.head(3).tolist()}, …). Set titles.item_id to the column with the ids. If one "
        "table has text and the other numbers, read both as text: set "
        "`load_args: {dtype: {<the column>: str}}` in both catalog entries."
    )
