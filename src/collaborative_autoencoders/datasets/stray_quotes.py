"""Quotes that are opened and not closed: all rows up to the next quote become one cell."""

import logging
import re
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from kedro.io import DatasetError
from pandas.api import types
from pandas.io.common import get_handle

from collaborative_autoencoders.datasets.own_csv import LOOK, TEXT, Entry
from collaborative_autoencoders.interactions.column_names import Name
from collaborative_autoencoders.interactions.rows import with_arguments
from collaborative_autoencoders.interactions.text_ids import in_arrow

logger = logging.getLogger(__name__)

BLOCK = 1 << 16
"""Bytes looked at together, as in `plain_integers`."""

ROWS_AT_ONCE = 1 << 17
AS_TEXT = {
    **{"dtype": TEXT, "converters": None, "engine": "c"},
    **{"parse_dates": False, "date_format": None},
}
"""Arguments with which every column is read as it is."""

LINE_FEED, CARRIAGE_RETURN = ord("\n"), ord("\r")
LINE_BREAK = r"\r\n|\r|\n"

BLANKS = r"\s+"
"""The one separator of several characters with which pandas knows quotes."""


class Form(NamedTuple):
    """What a row of the file looks like: its columns, and which of them are numbers."""

    columns: list[Name]
    numbers: set[Name]
    separator: str

    def values(self, start: int, stop: int) -> str:
        """Return a regular expression of the values of the columns from `start` to before `stop`.

        Python and Arrow read it.
        """
        separator = "[ \t]+" if self.separator == BLANKS else re.escape(self.separator)
        other = r"\S*" if self.separator == BLANKS else rf"[^{separator}\r\n]*"
        number = f" *{number_without(self.separator)} *"
        names = self.columns[start:stop]
        return separator.join(number if name in self.numbers else other for name in names)

    def rows_in(self, cell: str, column: Name) -> int:
        """Return how many lines of a cell, after the first, are whole rows.

        The last row ends in the column of the cell. Unless this is the last column, the cell begins
        with the end of its own row then.
        """
        first, *between, last = re.split(LINE_BREAK, cell)
        place, n_columns = self.columns.index(column), len(self.columns)
        whole = sum(bool(re.fullmatch(self.values(0, n_columns), line)) for line in between)
        is_row = place == n_columns - 1 or re.fullmatch(self.values(place, n_columns), first)
        return whole + bool(is_row and re.fullmatch(self.values(0, place + 1), last))


def number_without(separator: str) -> str:
    """Return a regular expression of numbers in a file with this separator."""
    marks = "".join(mark for mark in ".," if mark != separator)
    return rf"[-+]?[0-9][0-9{marks}]*(?:[eE][-+]?[0-9]+)?"


def warn_of_stray_quotes(table: pd.DataFrame, entry: Entry) -> None:
    r"""Log a warning if cells of a table hold whole rows of its file. They are not in the table.

        user,item,rating,text
        a,1,4,"hi               one row; its text is  hi\nb,2,5,x\nc,3,5,y
        b,2,5,x
        c,3,5,y"

    A text of several lines is no row: it has no numbers where the columns of numbers are.
    """
    try:
        found = list(_cells_with_rows(table, entry))
    except (DatasetError, ValueError) as error:  # arguments with which pieces cannot be read
        logger.debug("rows in cells were not looked for: %s", error)
        return
    if found:
        row, name, n_rows = min(found, key=lambda cell: cell[0])
        total = sum(rows for _, _, rows in found)
        logger.warning(
            "%s: row %d: the text in %r holds %d whole rows of the file, as where a quote is "
            "opened and not closed (%d rows in %d cells in total). They are not in the table. "
            "Correct the quotes, or read quotes as characters: %s in the catalog entry.",
            *(entry.local_file or "the file", row, name, n_rows, total, len(found)),
            with_arguments("{quoting: 3}", entry.part_type),
        )


def _cells_with_rows(table: pd.DataFrame, entry: Entry) -> Iterator[tuple[int, Name, int]]:
    """Yield row and column of each cell that holds whole rows, and how many."""
    args = entry.load_args
    separator = args.get("sep", args.get("delimiter", ","))
    if separator is None or (len(separator) > 1 and separator != BLANKS):
        return  # pandas finds the separator, or knows no quotes
    header: list[Name] | None = None
    for first, whole in _with_all_columns(table, entry):
        columns = [name for name in whole.columns.tolist() if _has_line_break(whole[name])]
        if not columns:
            continue
        header = header or _header(entry)
        form = Form(header, _numbers(whole, separator), separator)
        if not form.numbers:  # every line with as many commas would be a row
            continue
        for name in set(columns) & set(header):
            for row, n_rows in _swallowed(whole[name], name, form):
                yield first + row, name, n_rows


def _header(entry: Entry) -> list[Name]:
    without_rows = {"nrows": 0, "usecols": None, "index_col": False, **AS_TEXT}
    names: list[Name] = entry.read(**entry.load_args | without_rows).columns.tolist()
    return names


def _with_all_columns(table: pd.DataFrame, entry: Entry) -> Iterator[tuple[int, pd.DataFrame]]:
    """Yield the table, or pieces of it with the columns that `usecols` leaves out.

    These may hold rows if the file has more lines than the table has rows. With each piece comes
    the number of rows before it.
    """
    args = entry.load_args
    has_header = args.get("header", None if "names" in args else 0) is not None
    if (
        args.get("usecols") is None
        or args.get("nrows") is not None
        or entry.local_file is None
        or _lines(entry) <= len(table) + has_header
    ):
        yield 0, table
        return
    first, in_pieces = 0, {"usecols": None, "chunksize": ROWS_AT_ONCE, **AS_TEXT}
    with entry.read(**args | in_pieces) as pieces:
        for piece in pieces:
            yield first, piece
            first += len(piece)


def _lines(entry: Entry) -> int:
    compression = entry.load_args.get("compression", "infer")
    with get_handle(str(entry.local_file), "rb", compression=compression, is_text=False) as opened:
        return sum(block.count(b"\n") for block in iter(lambda: opened.handle.read(BLOCK), b""))


def _has_line_break(column: pd.Series) -> bool:
    """Return whether a text has a line break. The bytes of all texts are looked at together."""
    if isinstance(column.dtype, pd.CategoricalDtype) or not (
        types.is_object_dtype(column) or types.is_string_dtype(column)
    ):
        return False
    for chunk in _in_arrow(column).chunks:
        data = chunk.buffers()[-1]
        bytes_N = np.frombuffer(data or b"", dtype=np.uint8)
        for start in range(0, len(bytes_N), BLOCK):
            block = bytes_N[start : start + BLOCK]
            # from line feed to carriage return, in one comparison
            if (block - np.uint8(LINE_FEED) <= CARRIAGE_RETURN - LINE_FEED).any():
                return True
    return False


def _in_arrow(column: pd.Series) -> pa.ChunkedArray:
    return in_arrow(column.astype("str") if types.is_object_dtype(column) else column)


def _numbers(table: pd.DataFrame, separator: str) -> set[Name]:
    """Return the columns whose first values are all numbers."""
    number, head = number_without(separator), table.head(LOOK)
    texts = {name: head[name].dropna().astype("str") for name in head.columns.tolist()}
    return {name for name, text in texts.items() if len(text) and text.str.fullmatch(number).all()}


def _swallowed(column: pd.Series, name: Name, form: Form) -> Iterator[tuple[int, int]]:
    """Yield the number of each row of which a cell holds rows, and the number of these."""
    texts, place = _in_arrow(column), form.columns.index(name)
    may_be_N = pc.match_substring_regex(texts, f"[\r\n]{form.values(0, place + 1)}")
    rows = np.flatnonzero(may_be_N.fill_null(False).to_numpy())
    for row, cell in zip(rows, texts.take(pa.array(rows)).to_pylist(), strict=True):
        if n_rows := form.rows_in(cell, name):
            yield int(row) + 1, n_rows
