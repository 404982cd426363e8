"""MovieLens files as tables; every row is checked, and an error shows the first bad row."""

import csv
import io
from itertools import compress, islice

import pandas as pd
from kedro.io import DatasetError

from collaborative_autoencoders.columns import GENRES, ITEM, RATING, TIMESTAMP, TITLE, USER, YEAR
from collaborative_autoencoders.datasets.own_csv import TEXT
from collaborative_autoencoders.datasets.places import FileIn
from collaborative_autoencoders.datasets.raw_forms import (
    NO_GENRES,
    ItemsFile,
    RatingsFile,
    checksum,
)
from collaborative_autoencoders.interactions.text_ids import integers_of

_LARGEST = 2**53  # of ids and seconds: larger integers are not exact as floats


def read_ratings(path: FileIn, form: RatingsFile) -> pd.DataFrame:
    """Return user_id, item_id, rating and timestamp, one row per rating, in the file's order.

    Ids and timestamps (Unix seconds) are integers; ratings are as in the file. `attrs` has the
    file's `checksum` and `checksum_is_official`; a valid file that is not the official one is
    accepted. Raises DatasetError, with file and row, if the file is empty, has another separator
    or another number of columns or rows, or has a value of the wrong type or out of range.
    """
    data = path.read_bytes()
    ratings = _parse(data, path, form)
    for column in (USER, ITEM):
        ratings[column] = _ids(ratings[column], path)
    ratings[RATING] = _numbers(ratings[RATING], path, *form.scale, whole=False)
    ratings[TIMESTAMP] = _numbers(ratings[TIMESTAMP], path, 0, _LARGEST, whole=True)
    _refuse_other_length(ratings, path, form.rows)
    ratings.attrs = {
        "checksum": checksum(data),
        "checksum_is_official": form.is_official(data),
    }
    return ratings


def read_items(path: FileIn, form: ItemsFile) -> pd.DataFrame:
    """Return item_id (integer), title, genres and year, one row per item.

    Genres are separated by `|`; a file without them gives no such column. The year is the one in
    parentheses in the title, and NaN without one. Raises DatasetError as `read_ratings` does, and
    if an item is a duplicate or has no title.
    """
    items = _parse(path.read_bytes(), path, form)
    items[ITEM] = _ids(items[ITEM], path)
    _refuse(items[ITEM], items[ITEM].duplicated(), path, "is a duplicate")
    _refuse(items[TITLE], items[TITLE].fillna("") == "", path, "is missing")
    _refuse_other_length(items, path, form.rows)
    return _with_genres_and_year(items, form)


def _with_genres_and_year(items: pd.DataFrame, form: ItemsFile) -> pd.DataFrame:
    """Return the columns that the project reads: Toy Story (1995), Animation|Comedy, 1995."""
    if form.genre_flags and form.genre_flags[-1] in items:
        flags_IG = items[[*form.genre_flags]].to_numpy() == 1
        items[GENRES] = ["|".join(compress(form.genre_flags, flags_G)) for flags_G in flags_IG]
    if GENRES in items:
        items[GENRES] = items[GENRES].replace(NO_GENRES, "")
    # the last one: Land Before Time III: The Time of the Great Giving (1995) (V)
    items[YEAR] = items[TITLE].str.extract(r".*\((\d{4})\)", expand=False).astype("float64")
    return items[[name for name in (ITEM, TITLE, GENRES, YEAR) if name in items]]


def first_rows(path: FileIn, form: RatingsFile | ItemsFile, nrows: int) -> pd.DataFrame:
    """Return the first rows of a file of ratings or items, unchecked; the rest is not read."""
    with path.open("rb") as file:
        rows = _parse(b"".join(islice(file, nrows + _lines_of_header(form))), path, form)
    for name in {USER, ITEM} & set(rows):
        numbers = integers_of(rows[name])
        rows[name] = rows[name].astype("str") if numbers is None else numbers
    return _with_genres_and_year(rows, form) if isinstance(form, ItemsFile) else rows


def _parse(data: bytes, path: FileIn, form: RatingsFile | ItemsFile) -> pd.DataFrame:
    names = _names_of_columns(data, path, form)
    # With a one-byte separator pandas uses its fast parser, which saves 1 s per million rows.
    is_one_byte = len(form.separator) == 1
    content = data if is_one_byte else data.replace(form.separator.encode(), b"\t")
    try:
        return pd.read_csv(
            io.BytesIO(content),
            sep=form.separator if is_one_byte else "\t",
            names=names,
            usecols=range(len(names)) if form.more else None,
            dtype=dict.fromkeys({USER, ITEM} & set(form.columns), TEXT),
            encoding=form.encoding,
            skiprows=_lines_of_header(form),
            quoting=csv.QUOTE_NONE if form.header is None else csv.QUOTE_MINIMAL,
            keep_default_na=False,  # a film may be called "NA"
            skip_blank_lines=False,  # so that rows are counted as in the file
            low_memory=False,
        )
    except (pd.errors.ParserError, UnicodeDecodeError) as error:
        raise DatasetError(f"{path}: {error}. {_fix(path)}") from error


def _lines_of_header(form: RatingsFile | ItemsFile) -> int:
    return 0 if form.header is None else 1


def _names_of_columns(data: bytes, path: FileIn, form: RatingsFile | ItemsFile) -> list[str]:
    """Return the names of the columns that the file has and the form names."""
    if not data or data.isspace():
        raise DatasetError(f"{path} is empty. {_fix(path)}")
    first_line = io.BytesIO(data).readline().decode("latin-1").rstrip("\r\n")
    if form.header not in (None, first_line):
        raise DatasetError(
            f"{path}, line 1: {first_line[:80]!r} is not the header {form.header}. {_fix(path)}"
        )
    n_fields, n_columns = len(first_line.split(form.separator)), len(form.columns)
    if n_fields < n_columns or (n_fields > n_columns and not form.more):
        raise DatasetError(
            f"{path}, row 1: {first_line[:80]!r} has {n_fields} columns separated by "
            f"{form.separator!r}; expected {', '.join(form.columns)}. {_fix(path)}"
        )
    return [*form.columns, *form.more][:n_fields]


def _ids(text: pd.Series, path: FileIn) -> pd.Series:
    """Return ids as integers; 007 and 7e0 are errors, because they would become 7."""
    numbers = integers_of(text)
    if numbers is None or numbers.min(initial=1) < 1:
        bad = ~text.str.fullmatch("[1-9][0-9]{0,17}").astype(bool)
        _refuse(text, bad, path, "is not a whole number from 1")
    return pd.Series(numbers, index=text.index, name=text.name, copy=False)


def _numbers(
    column: pd.Series, path: FileIn, lowest: float, highest: float, *, whole: bool
) -> pd.Series:
    numbers = pd.to_numeric(column, errors="coerce")
    bad = ~numbers.between(lowest, highest) | (whole & (numbers % 1 != 0))
    limits = f"from {lowest:g} to {highest:g}" if highest < _LARGEST else f"from {lowest:g}"
    _refuse(column, bad, path, f"is not a {'whole ' * whole}number {limits}")
    return numbers.astype("int64") if whole else numbers


def _refuse(column: pd.Series, bad: pd.Series, path: FileIn, problem: str) -> None:
    if bad.any():
        row = int(bad.to_numpy().argmax())
        value = str(column.iloc[row])
        raise DatasetError(
            f"{path}, row {row + 1}: {column.name} {value!r} {problem}. {_fix(path)}"
        )


def _refuse_other_length(table: pd.DataFrame, path: FileIn, rows: int) -> None:
    if len(table) != rows:
        raise DatasetError(
            f"{path} has {len(table):,} rows, expected {rows:,}: it is truncated or of another "
            f"version. {_fix(path)}"
        )


def _fix(path: FileIn) -> str:
    return f"Delete {path.name} and run again to download it, or replace it with the official file."
