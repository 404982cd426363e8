"""Rows of a raw table in errors: number, ids and value.

Row numbers count data rows from 1, without the header.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from collaborative_autoencoders.columns import ITEM, ROW, USER

NAMES = "names"
"""Key of `attrs`: the raw table's name of each of our columns."""

PARTS = "parts"
"""Key of `attrs`: number of rows by name of the part, in the order of the rows."""

FORMAT = "format"
"""Key of `attrs`: the format of the file, such as CSV, if a dataset of this project read it."""

IDS = "ids"
"""Key of `attrs`: the raw table's names of the columns of ids."""

PART_TYPE = "part_type"
"""Key of `attrs`: the `type` of the parts of a table that is joined. Missing for one file."""

READ_AS_TEXT = ("CSV", "Excel")
"""Formats whose `load_args` say how numbers and dates are written."""


class BadRows(ValueError):
    """Error for rows that break a rule. Its message shows the first and says how many there are."""

    def __init__(self, rule: str, positions: Sequence[int], before: str, rows: int, after: str):
        """Create the error. The message is `before`, the number of rows, and `after`.

        `positions` are those of the rows that it shows.
        """
        super().__init__(
            rule, positions, before, rows, after
        )  # another process restores it from these
        self.rule, self.positions, self.rows = rule, positions, rows
        self._before, self._after = before, after

    def __str__(self) -> str:
        """Return the message."""
        return f"{self._before}{self.rows:,}{self._after}"


def refuse_rows(
    table: pd.DataFrame, name: str, bad_N: NDArray[np.bool_], problem: str, fix: str
) -> None:
    """Raise ValueError if `bad_N` marks a row.

    The message has the number, ids and value of the first such row, the number of such rows, the
    problem and the fix.
    """
    if not bad_N.any():
        return
    position = int(np.argmax(bad_N))
    shown = f"{show_row(table, position)}: {name} {plain(table[name].iloc[position])!r}"
    after = f" such rows in total). {fix}"
    raise BadRows(f"{name} {problem}", [position], f"{shown} {problem} (", int(bad_N.sum()), after)


def show_row(table: pd.DataFrame, position: int) -> str:
    """Return the row's number and ids: `row 3 (user_id: 7, item_id: 'b')` for position 2."""
    row = {name: plain(table[name].iloc[position]) for name in table if name in (USER, ITEM)}
    ids = ", ".join(f"{name}: {value!r}" for name, value in row.items())
    return f"{number_of(table, position)} ({ids})"


def number_of(table: pd.DataFrame, position: int) -> str:
    """Return `row 3` for position 2, or `2024-02, row 1` if the table is joined from parts.

    A column of row numbers counts instead of the position.
    """
    if ROW in table:
        position = int(table[ROW].iloc[position]) - 1
    for part, rows in table.attrs.get(PARTS, {}).items():
        if position < rows:
            return f"{part}, row {position + 1}"
        position -= rows
    return f"row {position + 1}"


def name_in_file(table: pd.DataFrame, ours: str) -> object:
    """Return the raw table's name of one of our columns."""
    return table.attrs.get(NAMES, {}).get(ours, ours)


def plain(value: Any) -> Any:
    """Return a NumPy scalar as a Python value, so that 4.0 prints as `4.0`; others unchanged."""
    return value.item() if isinstance(value, np.generic) else value


def with_arguments(load_args: str, part_type: str | None = None) -> str:
    """Return what a catalog entry has to say for a table to be read with these arguments.

        {sep: ;}  ->  `load_args: {sep: ;}`
        {sep: ;} of parts  ->  `dataset: {type: pandas.CSVDataset, load_args: {sep: ;}}`

    `part_type` is the type of the dataset that reads each part, if the entry joins parts: its own
    `load_args` are those of the listing of files.
    """
    arguments = f"load_args: {load_args}"
    return f"`dataset: {{type: {part_type}, {arguments}}}`" if part_type else f"`{arguments}`"


def fix_in_entry(table: pd.DataFrame, load_args: str, in_pandas: str) -> str:
    """Return a fix by `load_args` if the table's format has them, else by a line of pandas."""
    in_entry = f"set {with_arguments(load_args, table.attrs.get(PART_TYPE))} in the catalog entry"
    form = table.attrs.get(FORMAT)
    if form in READ_AS_TEXT:
        return in_entry[0].upper() + in_entry[1:]
    where = f"where the table is made: `{in_pandas}`"
    return (
        f"Convert the column {where}"
        if form
        else f"For a CSV file, {in_entry}; else convert {where}"
    )
