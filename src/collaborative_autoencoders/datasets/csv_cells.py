"""Tables as CSV for a person to read: a spreadsheet runs no cell of them.

A text that begins like a formula gets an apostrophe in front (OWASP, CSV injection). Numbers stay
numbers.

    =cmd|'/c calc'!A1   ->   '=cmd|'/c calc'!A1        -2 (a number)   ->   -2
"""

import csv
import io
import re
from typing import Any, Literal

import pandas as pd

FORMULA = re.compile(r"(?:^|(?<=[;\t\r\n]))(?='* *[=+\-@＝＋－＠\t\r])")
"""The place in a text where a cell may begin that a spreadsheet would run.

A spreadsheet may also split a text at a semicolon, a tab or a line break.
"""

ESCAPED = re.compile(r"(?:^|(?<=[;\t\r\n]))'(?='* *[=+\-@＝＋－＠\t\r])")


def to_csv(table: pd.DataFrame, save_args: dict[str, Any] | None = None) -> bytes:
    """Return the table as CSV with a header and without the index; texts are escaped.

    `save_args` are arguments of pandas' `to_csv`.
    """
    escaped = _in_texts(table, _escape)
    # pandas does not quote a carriage return, which a reader takes for the end of the line
    returns = any("\r" in str(cell) for cell in escaped.to_numpy(dtype=object).flat)
    quoting: Literal[0, 2] = csv.QUOTE_NONNUMERIC if returns else csv.QUOTE_MINIMAL
    return csv_bytes(escaped, {"quoting": quoting} | (save_args or {}))


def from_csv(content: bytes, load_args: dict[str, Any] | None = None) -> pd.DataFrame:
    """Return the table of this CSV, with the texts as they were before `to_csv`.

    `load_args` are arguments of pandas' `read_csv`.
    """
    return _in_texts(pd.read_csv(io.BytesIO(content), **(load_args or {})), _unescape)


def csv_bytes(table: pd.DataFrame, save_args: dict[str, Any]) -> bytes:
    """Return the table as CSV, with all texts as they are."""
    buffer = io.BytesIO()
    table.to_csv(buffer, **{"index": False} | save_args)
    return buffer.getvalue()


def _in_texts(table: pd.DataFrame, change: Any) -> pd.DataFrame:
    texts = table.select_dtypes(exclude=["number", "bool", "datetime"]).columns
    changed = table.assign(**{name: table[name].map(change) for name in texts})
    return changed.rename(columns=change)


def _escape(cell: Any) -> Any:
    return FORMULA.sub("'", cell) if isinstance(cell, str) else cell


def _unescape(cell: Any) -> Any:
    return ESCAPED.sub("", cell) if isinstance(cell, str) else cell
