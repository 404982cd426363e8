"""What the `load_args` of a catalog entry say about columns."""

from collections.abc import Mapping, Sequence
from typing import Any

from pandas.api.types import is_list_like

from collaborative_autoencoders.interactions.column_names import Name
from collaborative_autoencoders.interactions.date_forms import NOW


def declares(load_args: Mapping[str, Any], name: Name) -> bool:
    """Return whether the catalog entry says how the column is read."""
    dtype = load_args.get("dtype")
    if dtype is not None and not isinstance(dtype, bool | dict):
        return True
    return name in as_mapping(dtype) or name in (load_args.get("converters") or {})


def without_now(na_values: Any, named: Sequence[Name], times: Sequence[Name]) -> dict[Name, Any]:
    """Return `na_values` with `now` and `today` among times as nulls.

    pandas takes them for the moment of reading, also if a form of dates is given.
    """
    given = na_values if isinstance(na_values, dict) else dict.fromkeys(named, na_values)
    lists = {name: value if is_list_like(value) else [value] for name, value in given.items()}
    now = {name: [*lists.get(name, ()), *NOW] for name in times}
    return {name: [v for v in values if v is not None] for name, values in (lists | now).items()}


def as_mapping(dtype: Any) -> dict[Name, Any]:
    """Return a `dtype` argument by column; empty if it does not name columns."""
    return dtype if isinstance(dtype, dict) else {}
