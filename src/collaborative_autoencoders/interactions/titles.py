"""A title for every item, the id where nobody has given one."""

import pandas as pd

from ..columns import ITEM, ITEM_INDEX, TITLE
from ..options import Options


class TitleOptions(Options):
    """What the table of items calls its columns."""

    item_id: str
    title: str


def name_items(items: pd.DataFrame, item_ids: pd.DataFrame, options: TitleOptions) -> pd.DataFrame:
    """Each item of the catalogue with its title, at its index: item_index, item_id, title.

        items   7  Alien          item_ids  0  7         0  7  Alien
                8  Brazil                   1  9         1  9  9      (no title: the id)

    An empty table is one without titles. Raises ValueError for a column that is not there, and
    for an item that has two titles.
    """
    if items.empty:
        return item_ids[[ITEM_INDEX, ITEM]].assign(**{TITLE: item_ids[ITEM].astype(str)})
    for column in (options.item_id, options.title):
        if column not in items:
            raise ValueError(
                f"items: no column {column!r}, only {list(items.columns)}; "
                "name the right one in params:titles"
            )
    known = items[[options.item_id, options.title]].dropna().drop_duplicates()
    title_of = known.set_index(options.item_id)[options.title]
    twice = title_of.index[title_of.index.duplicated()]
    if len(twice):
        raise ValueError(
            f"items: {twice[0]!r} has two titles, {title_of.loc[[twice[0]]].tolist()}; keep one"
        )
    titles = item_ids[ITEM].map(title_of).fillna(item_ids[ITEM].astype(str)).astype(str)
    return item_ids[[ITEM_INDEX, ITEM]].assign(**{TITLE: titles})
