"""The size of the core, by the facts about the data."""

from collections.abc import Mapping
from typing import Any


def core_shape_of(facts: Mapping[str, Any]) -> tuple[int, int]:
    """Return the number of users and items in the core: all of them in facts of earlier runs."""
    users, items = facts["users"], facts["items"]
    return facts.get("core_users", users), facts.get("core_items", items)
