"""Which columns a table has, and sentences for those that it does not have."""

import difflib
import json
from collections.abc import Sequence

import pandas as pd

SEPARATORS = ("::", "\t", ";", ",", "|")

Name = str | int
"""Name of a column. The columns of a file without a header are named by numbers."""


def with_named_index(table: pd.DataFrame, wanted: Sequence[Name], what: str) -> pd.DataFrame:
    """Return the table with the wanted levels of its index as columns, and rows 0, 1, 2, …

    Raises ValueError if the index has no name and does not number the rows: it then may hold values
    that belong to a column.
    """
    index = table.index
    found = [level for level in index.names if level in wanted and level not in table]
    if found:
        others = [number for number, level in enumerate(index.names) if level not in found]
        return table.reset_index(others, drop=True).reset_index() if others else table.reset_index()
    if all(level is not None for level in index.names):
        return table.reset_index(drop=True)
    if not pd.RangeIndex(len(table)).equals(index):
        shown = ", ".join(map(repr, index[:3].tolist()))
        raise ValueError(
            f"The table `{what}` has an index that is not 0, 1, 2, … but {shown}, …: its "
            "columns may be shifted. If rows end in a separator, remove it; otherwise drop the "
            "index where the table is made: `table.reset_index(drop=True)`."
        )
    return table


def missing_column(key: str, theirs: Name, has: Sequence[Name], what: str) -> str:
    """Return why a table has no such column: the separator, the header, or a misspelt name."""
    if problem := wrong_separator(has):
        return f"The table `{what}` has {problem}"
    if has and all(_is_number(name) for name in has) and not all(isinstance(n, int) for n in has):
        return (
            f"The table `{what}` seems to have no header: its columns are named {list(has)}. Set "
            f"`load_args: {{header: null}}` in the catalog entry, and `{key}` to the number of the "
            "column, counted from 0."
        )
    by_text = {str(name).casefold(): name for name in has}
    closest = difflib.get_close_matches(str(theirs).casefold(), by_text, n=1)
    hint = f" Did you mean {by_text[closest[0]]!r}?" if closest else ""
    return (
        f"`{key}` is {theirs!r}, but the table `{what}` has the columns {list(has)}.{hint} "
        "Set the key to a column's name"
    )


def wrong_separator(has: Sequence[Name]) -> str | None:
    """Return a sentence if the only column's name holds a separator."""
    if len(has) != 1:
        return None
    for separator in SEPARATORS:
        if separator in str(has[0]):
            also = ", with `decimal: ','` if numbers are written 4,5" if separator == ";" else ""
            return (
                f"a single column, {has[0]!r}: the separator looks wrong. Set it in the catalog "
                f"entry: `load_args: {{sep: {json.dumps(separator)}}}`{also}."
            )
    return None


def _is_number(name: Name) -> bool:
    try:
        float(name)
    except ValueError:
        return False
    return True
