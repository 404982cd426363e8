"""MovieLens files as tables: every row checked, the first bad one named."""

import csv
import hashlib
import io
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import ClassVar

import pandas as pd
from kedro.io import DatasetError

from collaborative_autoencoders.columns import ITEM, RATING, TIMESTAMP, TITLE, USER

_LARGEST = 2**53  # of ids and seconds: beyond it not every whole number is a float


@dataclass(frozen=True, kw_only=True)
class RatingsFile:
    """How a file of ratings is written, and what the official one holds."""

    columns: ClassVar = (USER, ITEM, RATING, TIMESTAMP)
    more_columns: ClassVar = False

    name: str
    separator: str
    rows: int
    """Ratings, one per row; there is no header."""
    scale: tuple[float, float]
    """Lowest and highest rating."""
    size: int
    """Bytes of the official file."""
    sha256: str | None
    """Of the official file; None where nobody has published it."""

    def is_official(self, data: bytes) -> bool | None:
        """Whether these are the official file's bytes; None where that can't be told."""
        if len(data) != self.size:
            return False
        return None if self.sha256 is None else checksum(data) == self.sha256


@dataclass(frozen=True, kw_only=True)
class ItemsFile:
    """How a file of items is written: dates or genres may follow the title and are not read."""

    columns: ClassVar = (ITEM, TITLE)
    more_columns: ClassVar = True

    name: str
    separator: str
    rows: int
    """Items, one per row; there is no header."""


def checksum(data: bytes) -> str:
    """SHA-256 of the bytes, in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def read_ratings(path: Path, form: RatingsFile) -> pd.DataFrame:
    """user_id, item_id, rating, timestamp, one row per rating, in the order of the file.

    Ids and timestamps (seconds) are integers; ratings are as the file has them. `attrs` holds the
    file's `checksum` and `checksum_is_official`: another file than the official one is used, so
    long as it is sound. Raises DatasetError, naming file and row, on a file that is empty or has
    another separator, number of columns or of rows, or a value that is not what it should be.
    """
    data = path.read_bytes()
    ratings = _parse(data, path, form)
    for column in (USER, ITEM):
        ratings[column] = _numbers(ratings[column], path, 1, _LARGEST, whole=True)
    ratings[RATING] = _numbers(ratings[RATING], path, *form.scale, whole=False)
    ratings[TIMESTAMP] = _numbers(ratings[TIMESTAMP], path, 0, _LARGEST, whole=True)
    _refuse_other_length(ratings, path, form.rows)
    ratings.attrs = {
        "checksum": checksum(data),
        "checksum_is_official": form.is_official(data),
    }
    return ratings


def read_items(path: Path, form: ItemsFile) -> pd.DataFrame:
    """item_id (integer) and title, one row per item; raises DatasetError as `read_ratings`."""
    items = _parse(path.read_bytes(), path, form)
    items[ITEM] = _numbers(items[ITEM], path, 1, _LARGEST, whole=True)
    _refuse(items[ITEM], items[ITEM].duplicated(), path, "is there twice")
    _refuse(items[TITLE], items[TITLE].fillna("") == "", path, "is no title")
    _refuse_other_length(items, path, form.rows)
    return items


def first_rows(path: Path, form: RatingsFile | ItemsFile, nrows: int) -> pd.DataFrame:
    """The first rows of a file of ratings or items, unchecked, without reading the others."""
    with path.open("rb") as file:
        return _parse(b"".join(islice(file, nrows)), path, form)


def _parse(data: bytes, path: Path, form: RatingsFile | ItemsFile) -> pd.DataFrame:
    _refuse_other_columns(data, path, form)
    # One byte between fields keeps pandas on its fast parser: a second per million rows otherwise.
    narrow = len(form.separator) == 1
    single = data if narrow else data.replace(form.separator.encode(), b"\t")
    try:
        return pd.read_csv(
            io.BytesIO(single),
            sep=form.separator if narrow else "\t",
            names=list(form.columns),
            usecols=range(len(form.columns)) if form.more_columns else None,
            encoding="latin-1",
            quoting=csv.QUOTE_NONE,
            keep_default_na=False,  # a film may be called "NA"
            skip_blank_lines=False,  # so that row numbers are line numbers
            low_memory=False,
        )
    except pd.errors.ParserError as error:
        raise DatasetError(f"{path}: {error}. {_mend(path)}") from error


def _refuse_other_columns(data: bytes, path: Path, form: RatingsFile | ItemsFile) -> None:
    if not data.strip():
        raise DatasetError(f"{path} is empty. {_mend(path)}")
    first_line = data.split(b"\n", 1)[0].decode("latin-1").rstrip("\r")
    n_fields, n_columns = len(first_line.split(form.separator)), len(form.columns)
    if n_fields < n_columns or (n_fields > n_columns and not form.more_columns):
        raise DatasetError(
            f"{path}, row 1: {first_line[:80]!r} has {n_fields} columns between separators "
            f"{form.separator!r}, but these belong there: {', '.join(form.columns)}. {_mend(path)}"
        )


def _numbers(
    column: pd.Series, path: Path, lowest: float, highest: float, *, whole: bool
) -> pd.Series:
    numbers = pd.to_numeric(column, errors="coerce")
    bad = ~numbers.between(lowest, highest) | (whole & (numbers % 1 != 0))
    limits = f"from {lowest:g} to {highest:g}" if highest < _LARGEST else f"from {lowest:g}"
    _refuse(column, bad, path, f"is not a {'whole ' * whole}number {limits}")
    return numbers.astype("int64") if whole else numbers


def _refuse(column: pd.Series, bad: pd.Series, path: Path, what: str) -> None:
    if bad.any():
        row = int(bad.to_numpy().argmax())
        raise DatasetError(
            f"{path}, row {row + 1}: {column.name} {str(column.iloc[row])!r} {what}. {_mend(path)}"
        )


def _refuse_other_length(table: pd.DataFrame, path: Path, rows: int) -> None:
    if len(table) != rows:
        raise DatasetError(
            f"{path} has {len(table):,} rows where {rows:,} belong: it is cut short, or another "
            f"version. {_mend(path)}"
        )


def _mend(path: Path) -> str:
    return f"Delete {path.name} and run again to fetch it, or put the official file in its place."
