"""What the indices of the matrices stand for."""

from typing import Any, NamedTuple

import pandas as pd

from collaborative_autoencoders.columns import ITEM, TITLE, USER


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
    for file, ids in (("user_ids", user_ids[USER]), ("item_titles", item_titles[ITEM])):
        if not (ids.is_monotonic_increasing and ids.is_unique):
            raise ValueError(
                f"{file}: the ids are not sorted, so a row is not the index of its id. Make the "
                "file again with `kedro run --pipelines data_engineering`."
            )
    return Lookup(user_ids[[USER]], item_titles[[ITEM, TITLE]], facts, like_threshold)
