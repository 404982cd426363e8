"""Which columns a table has, and sentences for those that it does not have."""

import difflib
import json
import re
from collections.abc import Sequence

import pandas as pd

from collaborative_autoencoders.columns import PART

from .rows import with_arguments

SEPARATORS = ("::", "\t", ";", ",", "|", " ")

VALUE = re.compile(r"[-+.]?\d[-+\d.,:/eETZ ]*")
"""A number, or a date written in numbers."""

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


def missing_column(
    key: str, theirs: Name, has: Sequence[Name], what: str, part_type: str | None = None
) -> str:
    """Return why a table has no such column: the separator, the header, or a misspelt name.

    `part_type` is as in `rows.with_arguments`.
    """
    in_file = [name for name in has if not part_type or name != PART]  # it is added to parts
    if problem := wrong_separator(in_file, part_type=part_type):
        return f"The table `{what}` has {problem}"
    header = (
        f"{with_arguments('{header: null}', part_type)} in the catalog entry, and `{key}` to the "
        "number of the column, counted from 0."
    )
    values = [name for name in in_file if isinstance(name, str) and VALUE.fullmatch(name)]
    if values and len(values) == len(in_file):
        return (
            f"The table `{what}` seems to have no header: its columns are named {in_file}. Set "
            f"{header}"
        )
    otherwise = "Set"
    if values:
        otherwise = f"If {values[0]!r} is a value and no name, set {header} Otherwise set"
    by_text = {str(name).casefold(): name for name in has}
    closest = difflib.get_close_matches(str(theirs).casefold(), by_text, n=1)
    hint = f" Did you mean {by_text[closest[0]]!r}?" if closest else ""
    return (
        f"`{key}` is {theirs!r}, but the table `{what}` has the columns {list(has)}.{hint} "
        f"{otherwise} the key to a column's name"
    )


def wrong_separator(
    has: Sequence[Name], blank: bool = True, part_type: str | None = None
) -> str | None:
    """Return a sentence if the only column's name holds a separator. `blank`: it may be a blank."""
    if len(has) != 1:
        return None
    for separator in SEPARATORS:
        if separator in str(has[0]) and (blank or separator != " "):
            sep = r"\s+" if separator == " " and "  " in str(has[0]) else separator
            also = ", with `decimal: ','` if numbers are written 4,5" if separator == ";" else ""
            args = with_arguments(f"{{sep: {json.dumps(sep)}}}", part_type)
            return (
                f"a single column, {has[0]!r}: the separator looks wrong. Set it in the catalog "
                f"entry: {args}{also}."
            )
    return None
