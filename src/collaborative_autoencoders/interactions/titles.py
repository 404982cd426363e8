"""Item titles. An item without a title gets its id as the title."""

import logging
from typing import Any, Literal

import pandas as pd

from collaborative_autoencoders.columns import ITEM, ITEM_INDEX, TITLE
from collaborative_autoencoders.options import Options

from .column_names import Name, missing_column, with_named_index
from .column_types import LISTS, checked_ids
from .rows import NAMES, PART_TYPE, number_of, plain, refuse_rows

logger = logging.getLogger(__name__)


class TitleOptions(Options):
    """Column names of the table of items."""

    item_id: Name
    title: Name

    duplicates: Literal["refuse", "last"]
    """How to handle an item with two titles: raise an error (refuse) or use the last (last)."""


def name_items(items: pd.DataFrame, item_ids: pd.DataFrame, options: TitleOptions) -> pd.DataFrame:
    """Return the title of each item of the catalogue. Columns: item_index, item_id, title.

        items   7  Alien          item_ids  0  7         0  7  Alien
                8  Brazil                   1  9         1  9  9      (no title: the id)

    Ids are compared as text, so that a table of titles may store them in another type. An empty
    table means that there are no titles. Raises ValueError if a column is missing, an id is
    invalid, an item has two titles, or no id of the table is an item of the catalogue.
    """
    title_of = titles_by_id(items, options)
    titles = item_ids[ITEM].astype("str").map(title_of)
    n_without = int(titles.isna().sum())
    if not items.empty and n_without == len(titles):
        raise ValueError(_no_match(title_of.index, item_ids[ITEM], options))
    if not items.empty and n_without:
        first = item_ids[ITEM][titles.isna()].iloc[0]
        logger.warning(
            "%s of %s items have no title in `items`, the first is %r: their id is their title",
            f"{n_without:,}",
            f"{len(titles):,}",
            plain(first),
        )
    return item_ids[[ITEM_INDEX, ITEM]].assign(
        **{TITLE: titles.astype(object).fillna(item_ids[ITEM]).astype("str")}
    )


def titles_by_id(items: pd.DataFrame, options: TitleOptions) -> pd.Series:
    """Return the titles by item id, as text.

    Raises ValueError if a column is missing, an id is invalid, a title is a list, or an item has
    two titles.
    """
    if items.empty:
        return pd.Series(dtype="str")
    named = _named(items, options)
    try:
        named[ITEM] = checked_ids(named, ITEM).astype("str")
        named[TITLE] = _checked_titles(named, options.title)
    except ValueError as error:
        raise ValueError(f"items: {error}") from error
    distinct = named.dropna().drop_duplicates()
    twice_N = distinct[ITEM].duplicated(keep=False).to_numpy()
    if twice_N.any() and options.duplicates == "refuse":
        raise ValueError(_two_titles(named, distinct[twice_N]))
    return distinct.drop_duplicates(ITEM, keep="last").set_index(ITEM)[TITLE]


def text_of(value: Any) -> str:
    """Return a value as text. A whole number that a column with empty cells made a float is whole.

    7.0  ->  "7"          "7.0"  ->  "7.0"
    """
    value = plain(value)
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _checked_titles(named: pd.DataFrame, column: Name) -> pd.Series:
    titles = named[TITLE].astype(object)
    is_list_N = titles.map(lambda title: isinstance(title, LISTS)).to_numpy(dtype=bool)
    fix = (
        "Set `titles.title` to a column of text, or make one where the table is made: "
        f"`items[{column!r}].str.join(', ')`."
    )
    refuse_rows(named, TITLE, is_list_N, "is a list, not a text", fix)
    return titles.map(text_of, na_action="ignore")


def _named(items: pd.DataFrame, options: TitleOptions) -> pd.DataFrame:
    names = {ITEM: options.item_id, TITLE: options.title}
    items = with_named_index(items, list(names.values()), "items")
    for ours, theirs in names.items():
        if theirs not in items:
            key = f"titles.{ours}"
            has, part_type = items.columns.tolist(), items.attrs.get(PART_TYPE)
            problem = missing_column(key, theirs, has, "items", part_type)
            raise ValueError(problem if problem.endswith(".") else f"{problem}.")
    named = pd.DataFrame({ours: items[theirs] for ours, theirs in names.items()})
    named.attrs = items.attrs | {NAMES: names}
    return named


def _two_titles(named: pd.DataFrame, twice: pd.DataFrame) -> str:
    item = twice[ITEM].iloc[0]
    rows = twice.index[twice[ITEM] == item][:2]
    one, other = (f"{twice[TITLE][row]!r} ({number_of(named, row)})" for row in rows)
    return (
        f"items: item_id {item!r} has two titles, {one} and {other} ({twice[ITEM].nunique():,} "
        "such items in total). Remove a row, or use the last title: `titles.duplicates: last`."
    )


def _no_match(theirs: pd.Index, ours: pd.Series, options: TitleOptions) -> str:
    return (
        f"items: no id in {options.item_id!r} ({theirs[:3].tolist()}, …) is an item of the ratings "
        f"({ours.head(3).tolist()}, …). Set `titles.item_id` to the column with the ids. Ids must "
        "be written alike in both tables: '007' is not 7."
    )
