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
from pandas.io.common import get_handle

from collaborative_autoencoders.datasets.load_args import as_mapping
from collaborative_autoencoders.datasets.plain_integers import integers_are_plain
from collaborative_autoencoders.interactions.column_names import Name, wrong_separator
from collaborative_autoencoders.interactions.rows import with_arguments

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
    part_type: str | None
    """The type of the dataset, and its file format, if it reads one of several parts."""

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
    declared = as_mapping(args.get("dtype"))

    def as_text(names: list[Name]) -> dict[str, Any]:
        return {"dtype": declared | dict.fromkeys(names, TEXT)} if names else {}

    # pyarrow's reader guesses first and converts what it has guessed
    engine = {"engine": "c"} if args.get("engine") == "pyarrow" else {}
    table = _read_plain_integers(entry, ids, as_text(texts) | engine)
    table = _read(entry, as_text([*ids, *texts]) | engine) if table is None else table
    _refuse_utf_16(table, entry)
    _refuse_more_values_than_names(entry, engine)
    _refuse_header_row(table, ids, entry)
    for name in {*times} & {*table}:
        table[name] = _without_thousands(table[name], args["thousands"])
    index = args.get("index_col")
    if index is None or index is False:  # not 0, which is a column
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
            said = str(problem).strip()
            raise DatasetError(f"{_place(entry)}: {said}. {_fix_of_line(entry, said)}") from error
        raise


def _fix_of_line(entry: Entry, said: str) -> str:
    if "EOF inside string" in said:
        return (
            "A quote is opened there and not closed. Correct it, or read quotes as characters: "
            f"{with_arguments('{quoting: 3}', entry.part_type)} in the catalog entry."
        )
    blanks = f" {_fix_of_blanks(entry)}" if entry.load_args.get("sep") == " " else ""
    return (
        "Correct the line: quote a value that holds the separator, and give each line as many "
        f"values as the header.{blanks}"
    )


def _fix_of_blanks(entry: Entry) -> str:
    args = with_arguments(r"{sep: '\s+'}", entry.part_type)
    return f"If several blanks separate two values, set {args} in the catalog entry."


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
    first = _first_rows(entry, few | {"index_col": False})
    if _first_rows(entry, few).equals(first):
        return
    cells = _first_rows(entry, few | {"dtype": "str", "na_filter": False})
    names = first.columns.tolist()
    has_blank = " " in str(cells.index.get_level_values(0)[0])
    if problem := wrong_separator(names, has_blank, entry.part_type):
        raise DatasetError(f"{_place(entry)}: {problem}")
    fix = _fix_of_more_values(cells, names, entry.part_type)
    if args.get("sep") == " ":
        blanks = few | {"sep": r"\s+"}
        if _first_rows(entry, blanks).equals(_first_rows(entry, blanks | {"index_col": False})):
            fix = _fix_of_blanks(entry)
    raise DatasetError(
        f"{_place(entry)}: rows have more values than the {len(names)} column names "
        f"({', '.join(map(str, names))}); row 1 begins with {', '.join(map(str, first.iloc[0]))}. "
        f"{fix}"
    )


def _first_rows(entry: Entry, load_args: dict[str, Any]) -> pd.DataFrame:
    """Return some rows as pandas reads them; it need not say that values are left out."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", pd.errors.ParserWarning)
        table: pd.DataFrame = entry.read(**load_args)
        return table


def _fix_of_more_values(cells: pd.DataFrame, names: Sequence[Name], part_type: str | None) -> str:
    """Return how to read rows with more values than names.

    `cells` are the texts of some rows, with what is too much as the index. It is the row's name if
    no two rows have the same, as R and pandas write it, unless the rows end in a separator.
    """
    ends_in_separator = cells.iloc[:, -1].eq("").all()
    if cells.index.nlevels == 1 and cells.index.is_unique and not ends_in_separator:
        args = with_arguments("{index_col: 0}", part_type)
        return (
            f"If {cells.index[0]} is the name or number of the row, set {args} in the catalog "
            f"entry. If it is a value of {names[0]!r}, name all columns."
        )
    skip, ignore = (
        with_arguments(args, part_type) for args in ("{skiprows: 1}", "{index_col: false}")
    )
    title = f" If the first line is a title, skip it: {skip}."
    return (
        "Remove the separator at the end of the rows, or name all columns. To ignore the values "
        f"after the last name, set {ignore} in the catalog entry."
        f"{title if len(names) == 1 else ''}"
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
        compression = entry.load_args.get("compression", "infer")
        with get_handle(str(file), "rb", compression=compression, is_text=False) as opened:
            content = opened.handle.read()
        is_utf_16 = content[:2] in (b"\xff\xfe", b"\xfe\xff")
        encoding = "utf-16" if is_utf_16 else _single_byte_encoding(content)
        place = f"{file}, line {_line_that_fails(content, error.encoding)}"
    return (
        f"{place}: the text is not {error.encoding} (byte 0x{error.object[error.start]:02x}). "
        f"Name the file's encoding in the catalog entry: {_with_encoding(entry, encoding)}."
    )


def _refuse_utf_16(table: pd.DataFrame, entry: Entry) -> None:
    """Raise DatasetError if every second character is a zero: UTF-16 read as something else."""
    values = [*table.columns, *table.head(1).to_numpy().ravel()]
    texts = [text for text in values if isinstance(text, str)]
    if 3 * sum(text.count("\0") for text in texts) > sum(map(len, texts)):
        encoding = "utf-16-be" if texts[0].startswith("\0") else "utf-16-le"
        encoding = "utf-16" if texts[0].startswith(("ÿþ", "þÿ")) else encoding  # read as latin-1
        raise DatasetError(
            f"{_place(entry)}: every second byte is a zero, as in UTF-16. Name the file's encoding "
            f"in the catalog entry: {_with_encoding(entry, encoding)}."
        )


def _with_encoding(entry: Entry, encoding: str) -> str:
    return with_arguments(f"{{encoding: {encoding}}}", entry.part_type)


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
