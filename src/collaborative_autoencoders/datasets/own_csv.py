"""CSV tables of users: ids as text, and sentences for what pandas cannot read."""

import re
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pandas as pd
import pyarrow as pa
from kedro.io import DatasetError

from collaborative_autoencoders.datasets.plain_integers import integers_are_plain
from collaborative_autoencoders.interactions.column_names import Name, wrong_separator

LOOK = 100
"""Rows of which both readings are compared."""

PLAIN_ARGUMENTS = {"sep", "header", "names", "usecols", "encoding", "engine", "dtype", "nrows"}
"""Arguments that leave open how the file writes an integer."""

ASCII_FIRST = {"utf-8", "utf8", "ascii", "latin-1", "cp1252"}
"""Encodings that write digits as ASCII does."""

COMPRESSED = {".gz", ".bz2", ".zip", ".xz", ".zst", ".tar"}

TEXT = pd.ArrowDtype(pa.string())
"""Text in Arrow's memory. pandas reads it as fast as integers; `str` takes four times as long."""


class Entry(Protocol):
    """What a catalog entry says, and how to load it."""

    load_args: dict[str, Any]

    @property
    def local_file(self) -> Path | None:
        """The file, if it is on this machine."""

    def read(self, **load_args: Any) -> Any:
        """Return what the entry's dataset loads with these arguments instead of its own."""


def read_csv(entry: Entry, ids: list[Name], texts: list[Name], times: list[Name]) -> pd.DataFrame:
    """Return the table; ids that are not plain integers, and `texts`, are as the file has them.

    `times` are not read as numbers with thousands separators unless all of them are: 01.02.2019
    is none. Raises DatasetError if pandas cannot read the file, or a row repeats the header.
    """
    args = entry.load_args
    dates = args.get("parse_dates")
    dates = dates if isinstance(dates, list) else []
    times = [name for name in times if args.get("thousands") and name not in dates]
    texts = [*texts, *times]
    declared = args.get("dtype")
    declared = declared if isinstance(declared, dict) else {}

    def as_text(names: list[Name]) -> dict[str, Any]:
        return {"dtype": declared | dict.fromkeys(names, TEXT)} if names else {}

    # pyarrow's reader guesses first and converts what it has guessed
    engine = {"engine": "c"} if args.get("engine") == "pyarrow" else {}
    table = _read_plain_integers(entry, ids, as_text(texts) | engine)
    table = _read(entry, as_text([*ids, *texts]) | engine) if table is None else table
    _refuse_more_values_than_names(entry, engine)
    _refuse_header_row(table, ids, entry)
    for name in {*times} & {*table}:
        table[name] = _without_thousands(table[name], args["thousands"])
    if args.get("index_col") in (None, False):
        return table
    return table.reset_index(drop=all(level is None for level in table.index.names))


def _read_plain_integers(
    entry: Entry, ids: list[Name], load_args: dict[str, Any]
) -> pd.DataFrame | None:
    """Return the table if all ids are integers and the file has no second spelling of any.

    Otherwise None. It is quicker than to read ids as text and to convert them.
    """
    args, file = entry.load_args, entry.local_file
    if not ids or file is None or not file.is_file() or set(args) - PLAIN_ARGUMENTS:
        return None
    if args.get("encoding", "utf-8") not in ASCII_FIRST or file.suffix in COMPRESSED:
        return None
    head = _read(entry, {"nrows": LOOK} | load_args)
    plain = _are_int64(head, ids) and integers_are_plain(
        file, args.get("sep", ","), has_header=not {"header", "names"} & set(args)
    )
    if not plain:
        return None
    table = _read(entry, load_args)
    return table if _are_int64(table, ids) else None


def _are_int64(table: pd.DataFrame, columns: list[Name]) -> bool:
    return all(name in table and table.dtypes[name] == np.int64 for name in columns)


def _read(entry: Entry, load_args: dict[str, Any]) -> pd.DataFrame:
    try:
        return entry.read(**load_args)
    except DatasetError as error:
        problem = error.__cause__
        if isinstance(problem, UnicodeDecodeError):
            raise DatasetError(_encoding(entry, problem)) from error
        if isinstance(problem, pd.errors.ParserError):
            raise DatasetError(
                f"{_place(entry)}: {problem} Correct the line: quote a value that holds the "
                "separator, and give each line as many values as the header."
            ) from error
        raise


def _place(entry: Entry) -> str:
    return str(entry.local_file or "the file")


def _refuse_more_values_than_names(entry: Entry, engine: dict[str, str]) -> None:
    """Raise DatasetError if pandas takes the first values of each row for its index.

    It does so if rows have more values than there are names, as after a trailing separator. The
    index may look like row numbers, so the first rows are read in both ways.
    """
    args = entry.load_args
    if {"index_col", "skipfooter", "chunksize", "iterator"} & set(args):
        return
    few = {"nrows": min(args.get("nrows") or LOOK, LOOK)} | engine
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", pd.errors.ParserWarning)
        shifted, first = entry.read(**few), entry.read(**few, index_col=False)
    if shifted.equals(first):
        return
    if problem := wrong_separator(first.columns.tolist()):
        raise DatasetError(f"{_place(entry)}: {problem}")
    title = " If the first line is a title, skip it: `load_args: {skiprows: 1}`."
    names = ", ".join(map(str, first.columns))
    values = ", ".join(map(str, first.iloc[0]))
    raise DatasetError(
        f"{_place(entry)}: rows have more values than the {first.shape[1]} column names ({names}); "
        f"row 1 begins with {values}. Remove the separator at the end of the rows, or name all "
        "columns. To ignore the values after the last name, set `load_args: {index_col: false}` in "
        f"the catalog entry.{title if first.shape[1] == 1 else ''}"
    )


def refuse_two_of_a_name(table: pd.DataFrame, names: Sequence[Name], entry: Entry) -> None:
    """Raise DatasetError if pandas has renamed the second column of one of these names."""
    for name in names:
        if f"{name}.1" in table:
            raise DatasetError(f"{_place(entry)} has two columns {name!r}. Rename one of them.")


def _refuse_header_row(table: pd.DataFrame, ids: list[Name], entry: Entry) -> None:
    """Raise DatasetError if ids of text are the names of their columns, as in joined files."""
    if not ids or any(name not in table or table[name].dtype != TEXT for name in ids):
        return
    repeats_N = np.logical_and.reduce(
        [table[name].eq(str(name)).to_numpy(dtype=bool, na_value=False) for name in ids]
    )
    if repeats_N.any():
        row = int(np.argmax(repeats_N)) + 1
        raise DatasetError(
            f"{_place(entry)}: row {row} repeats the header, as where files were joined. Remove "
            "the line."
        )


def _without_thousands(text: pd.Series, separator: str) -> pd.Series:
    """Return a column as integers if every text is one, such as 1.500.000.000; else the text."""
    grouped = rf"-?[0-9]{{1,3}}(?:{re.escape(separator)}[0-9]{{3}})*|-?[0-9]+"
    if not text.str.fullmatch(grouped).all():
        return text
    return pd.to_numeric(text.str.replace(separator, "", regex=False))


def _encoding(entry: Entry, error: UnicodeDecodeError) -> str:
    file = entry.local_file
    encoding, place = "latin-1", "the file"
    if file is not None and file.is_file():
        content = file.read_bytes()
        is_utf_16 = content[:2] in (b"\xff\xfe", b"\xfe\xff")
        encoding = "utf-16" if is_utf_16 else _single_byte_encoding(content)
        place = f"{file}, line {_line_that_fails(content, error.encoding)}"
    return (
        f"{place}: the text is not {error.encoding} (byte 0x{error.object[error.start]:02x}). "
        f"Name the file's encoding in the catalog entry: `load_args: {{encoding: {encoding}}}`."
    )


def _single_byte_encoding(content: bytes) -> str:
    try:
        content.decode("cp1252")
    except UnicodeDecodeError:
        return "latin-1"
    return "cp1252"


def _line_that_fails(content: bytes, encoding: str) -> int:
    try:
        content.decode(encoding)
    except UnicodeDecodeError as error:
        return content.count(b"\n", 0, error.start) + 1
    return 1
