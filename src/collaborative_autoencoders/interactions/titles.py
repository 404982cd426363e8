"""A title for every item, the id where nobody has given one."""

import pandas as pd

from collaborative_autoencoders.columns import ITEM, ITEM_INDEX, TITLE
from collaborative_autoencoders.options import Options

from .column_types import checked_ids


class TitleOptions(Options):
    """What the table of items calls its columns."""

    item_id: str
    title: str


def name_items(items: pd.DataFrame, item_ids: pd.DataFrame, options: TitleOptions) -> pd.DataFrame:
    """Each item of the catalogue with its title, at its index: item_index, item_id, title.

        items   7  Alien          item_ids  0  7         0  7  Alien
                8  Brazil                   1  9         1  9  9      (no title: the id)

    An empty table is one without titles. Ids get the types that `clean_ratings` gives them.
    Raises ValueError for a column that is not there, a bad id, an item that has two titles, and
    for titles of which none belongs to an item of the catalogue.
    """
    titles = item_ids[ITEM].map(titles_by_id(items, options))
    if titles.isna().all() and not items.empty:
        raise ValueError(_no_id_matches(items[options.item_id], item_ids[ITEM]))
    return item_ids[[ITEM_INDEX, ITEM]].assign(
        **{TITLE: titles.astype(object).fillna(item_ids[ITEM]).astype("str")}
    )


def titles_by_id(items: pd.DataFrame, options: TitleOptions) -> pd.Series:
    """The title of each item that has one, by its id. Raises ValueError as `name_items`."""
    if items.empty:
        return pd.Series(dtype="str")
    for column in (options.item_id, options.title):
        if column not in items:
            raise ValueError(
                f"items: no column {column!r}, only {list(items.columns)}; "
                "name the right one in params:titles"
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
            f"items: {twice[0]!r} has two titles, {title_of.loc[[twice[0]]].tolist()}; keep one"
        )
    return title_of


def _no_id_matches(theirs: pd.Series, ours: pd.Series) -> str:
    return (
        f"items: {theirs.name!r} holds {theirs.head(3).tolist()}, and none of it is an item of the "
        f"ratings, which are {ours.head(3).tolist()}. Name the right column in params:titles; "
        "where one side is text and the other numbers, read both as text: in both catalog entries "
        "`load_args: {dtype: {<the column>: str}}`."
    )
