"""What the indices of the matrices stand for."""

from typing import Any, NamedTuple, Self

import pandas as pd

from collaborative_autoencoders.columns import ITEM, TITLE, USER

from .core_shape import core_shape_of
from .part import View


class Lookup(NamedTuple):
    """Raw ids and titles by index, and the facts about the data: one value, from one run."""

    users: pd.DataFrame
    """One row per user, at the user's index: user_id."""

    items: pd.DataFrame
    """One row per item, at the item's index: item_id, title."""

    facts: dict[str, Any]
    """Facts about the data: name, checksum, sizes, scale."""

    like_threshold: float
    """Minimum rating of a like."""

    def seen_by(self, view: View) -> Self:
        """Return what a model of this view knows of: the users and items of the core, or all."""
        if view == "ratings":
            return self
        users, items = core_shape_of(self.facts)
        return self._replace(users=self.users.head(users), items=self.items.head(items))


def make_lookup(
    user_ids: pd.DataFrame, item_titles: pd.DataFrame, facts: dict[str, Any], like_threshold: float
) -> Lookup:
    """Return ids, titles and facts as one value.

    Raises ValueError if their sizes differ, or if ids are not in the order of their indices.
    """
    sizes = {"users": len(user_ids), "items": len(item_titles)}
    for name, size in sizes.items():
        if size != facts[name]:
            raise ValueError(
                f"{size} {name} have ids, but data_facts counts {facts[name]}: the files come from "
                "two runs. Make them again with `kedro run --pipelines data_engineering`."
            )
    core_users, core_items = core_shape_of(facts)
    for file, ids, in_core in (
        ("user_ids", user_ids[USER], core_users),
        ("item_titles", item_titles[ITEM], core_items),
    ):
        if not is_core_first(ids, in_core):
            raise ValueError(
                f"{file}: the ids are not sorted, so a row is not the index of its id. Make the "
                "file again with `kedro run --pipelines data_engineering`."
            )
    return Lookup(user_ids[[USER]], item_titles[[ITEM, TITLE]], facts, like_threshold)


def is_core_first(ids: pd.Series, in_core: int) -> bool:
    """Return whether ids are distinct, and sorted in the core and behind it."""
    halves = ids.iloc[:in_core], ids.iloc[in_core:]
    return ids.is_unique and all(half.is_monotonic_increasing for half in halves)
