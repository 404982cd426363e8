"""A user's own table, read by a pandas dataset of kedro-datasets, with ids as the file has them."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from kedro.io import AbstractDataset, DatasetError, Version
from kedro.io.core import get_protocol_and_path, parse_dataset_definition
from pandas.api.types import infer_dtype

from collaborative_autoencoders.datasets.load_args import as_mapping, declares, without_now
from collaborative_autoencoders.datasets.lost_zeros import refuse_lost_zeros
from collaborative_autoencoders.datasets.own_csv import TEXT, read_csv, refuse_two_of_a_name
from collaborative_autoencoders.datasets.previews import TablePreview
from collaborative_autoencoders.datasets.stray_quotes import warn_of_stray_quotes
from collaborative_autoencoders.interactions.column_names import Name
from collaborative_autoencoders.interactions.rounded_ids import refuse_rounded_cells
from collaborative_autoencoders.interactions.rows import (
    FORMAT,
    IDS,
    PART_TYPE,
    READ_AS_TEXT,
    with_arguments,
)
from collaborative_autoencoders.interactions.text_ids import declaring_text, ids_of_text

logger = logging.getLogger(__name__)

CSV, CELLS, JSON, TYPED = "csv", "cells", "json", "typed"

FORMATS = {
    "CSVDataset": CSV,
    "ExcelDataset": CELLS,
    "JSONDataset": JSON,
    "XMLDataset": CELLS,
    "ParquetDataset": TYPED,
    "FeatherDataset": TYPED,
}
"""pandas' datasets by how they find types: from text, from cells that have one, from cells and
names, from a schema."""

FILE_FORMATS = {
    "csv": CSV,
    "table": CSV,
    "excel": CELLS,
    "json": JSON,
    "xml": CELLS,
} | dict.fromkeys(("parquet", "feather", "orc"), TYPED)
"""The same for `pandas.GenericDataset`, by `file_format`."""

EXCEL = "Excel"

NAMES = {"csv": "CSV", "table": "CSV", "excel": EXCEL}


class OwnTableDataset(AbstractDataset[pd.DataFrame, pd.DataFrame]):
    """A table of ratings or items whose ids and titles are never guessed.

        0012  ->  "0012", not 12          1e3  ->  "1e3", not 1000

    Ids that a file has as text become integers only if every one is restored exactly; titles stay
    text. A `dtype` or converter that the entry declares for a column is followed, for every format.
    """

    def __init__(
        self,
        *,
        of: str,
        ids: list[Name],
        texts: Sequence[Name] = (),
        others: Sequence[Name] = (),
        times: Sequence[Name] = (),
        is_part: bool = False,
        filepath: str,
        load_args: dict[str, Any] | None = None,
        save_args: dict[str, Any] | None = None,
        version: Version | None = None,
        credentials: dict[str, Any] | None = None,
        fs_args: dict[str, Any] | None = None,
        engine: str | None = None,
        file_format: str | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        """Take the entry of a dataset of the type `of`, and the names of its columns by their use.

        `others` are ratings and parts. `is_part`: the table is one of several that are joined.
        """
        kind, _ = parse_dataset_definition({"type": of})
        self._type: Any = kind
        optional = {
            "save_args": save_args,
            "version": version,
            "credentials": credentials,
            "fs_args": fs_args,
            "engine": engine,
            "file_format": file_format,
        }
        self._filepath = filepath
        self._entry: dict[str, Any] = {"filepath": filepath}
        self._entry |= {key: value for key, value in optional.items() if value is not None}
        self._ids, self._texts, self._times = ids, list(texts), list(times)
        self._named = [*ids, *texts, *others, *times]
        self._format = format_of(self._type.__name__, file_format)
        self._name = NAMES.get(str(file_format), self._type.__name__.removesuffix("Dataset"))
        form = f", file_format: {file_format}" if file_format else ""
        self.part_type = f"{of}{form}" if is_part else None
        self.load_args = dict(load_args or {})
        # the readers of files with a schema have no such argument
        self._dtype = self.load_args.pop("dtype", None) if self._format == TYPED else None
        self.metadata = metadata

    @property
    def local_file(self) -> Path | None:
        """The file on this machine, or None if it is elsewhere or has versions."""
        protocol, path = get_protocol_and_path(self._filepath)
        return Path(path) if protocol == "file" and "version" not in self._entry else None

    def read(self, **load_args: Any) -> Any:
        """Return what the dataset loads with these arguments beside or instead of the entry's."""
        return self.of_pandas(**load_args).load()

    def load(self) -> pd.DataFrame:
        """Return the table. Raises DatasetError if pandas cannot read it or an id is odd."""
        table = self._table()
        if isinstance(table, pd.DataFrame):
            # Parquet keeps the attrs of the table it was written from, such as its checksum
            table.attrs = {FORMAT: self._name, IDS: self._ids}
            table.attrs |= {PART_TYPE: self.part_type} if self.part_type else {}
        return table

    def _table(self) -> pd.DataFrame:
        if self._format == TYPED:
            return typed_columns(self.read(), self._ids, self._dtype)
        undeclared, texts, times = (
            [name for name in names if not declares(self.load_args, name)]
            for names in (self._ids, self._texts, self._times)
        )
        if self._format == CSV:
            table = self._checked(read_csv(self, undeclared, texts, times), undeclared)
            refuse_lost_zeros(self, self._times)
            warn_of_stray_quotes(table, self)
            return table
        as_they_are = dict.fromkeys([*undeclared, *texts], object)
        dtypes = as_mapping(self.load_args.get("dtype")) | as_they_are
        try:
            return self._checked(self._cells(dtypes), undeclared)
        except DatasetError as error:
            if self._format == JSON and self._has_lines(error):
                raise DatasetError(
                    f"{self._filepath}: the file has one object of JSON in each line. Set "
                    f"{with_arguments('{lines: true}', self.part_type)} in the catalog entry."
                ) from error
            if "too big" in str(error.__cause__):
                fix = "store ids of more than 64 bits as text, in quotes"
                raise DatasetError(f"{self._filepath}: {error.__cause__}: {fix}") from error
            raise

    def _cells(self, dtypes: dict[Name, Any]) -> pd.DataFrame:
        """Return a table of cells that have types. pandas guesses no dates in text of JSON.

        It would take 05.03.2019 for the third of May, in columns of some names only.
        """
        dtype = self.load_args.get("dtype")
        says = {"convert_dates", "keep_default_dates"} & set(self.load_args)
        if self._format != JSON or says or not isinstance(dtype, dict | None):
            return self.read(dtype=dtypes)
        table = self.read(dtype=False)
        declared = {name: kind for name, kind in as_mapping(dtype).items() if name in table}
        return table.astype(declared)

    def _has_lines(self, error: DatasetError) -> bool:
        """Return whether a file of JSON that was not read so has an object in each line."""
        if "lines" in self.load_args or not isinstance(error.__cause__, ValueError):
            return False
        try:
            table = self.read(lines=True, dtype=False)
        except DatasetError:
            return False
        is_several = "Trailing data" in str(error.__cause__)
        return is_several or any(name in table for name in self._named)

    def save(self, data: pd.DataFrame) -> None:
        """Write the table as the entry's dataset does."""
        self.of_pandas().save(data)

    def preview(self, nrows: int = 5) -> TablePreview:
        """Return the first rows for kedro-viz; empty if there is no file yet."""
        rows = self.load().head(nrows) if self.exists() else pd.DataFrame()
        return TablePreview(rows.astype("str").to_dict(orient="split"))

    def of_pandas(self, **load_args: Any) -> Any:
        """Return the dataset that reads the file, with these arguments beside the entry's."""
        args = self.load_args | load_args
        if not args.get("parse_dates"):
            args.pop("date_format", None)  # it has no effect, and pandas refuses it in some reads
        elif self._name in READ_AS_TEXT and self._times:
            args["na_values"] = without_now(args.get("na_values"), self._named, self._times)
        return self._type(**self._entry, load_args=args)

    def _checked(self, table: pd.DataFrame, columns: list[Name]) -> pd.DataFrame:
        """Return the table with integers where every text of a column of ids is one."""
        if not isinstance(table, pd.DataFrame):
            return table  # Excel: several sheets
        refuse_two_of_a_name(table, self._named, self)
        for name in columns:
            if name not in table:
                continue
            remark = None
            try:
                if self._name == EXCEL:
                    refuse_rounded_cells(table[name], declaring_text(name, self.part_type))
                if is_text(table[name]):
                    table[name], remark = ids_of_text(table[name], self.part_type)
            except ValueError as error:
                raise DatasetError(f"{self._filepath}: {error}") from error
            if remark:
                logger.warning("%s: %s", self._filepath, remark)
        return table

    def _exists(self) -> bool:
        return bool(self.of_pandas().exists())

    def _describe(self) -> dict[str, Any]:
        about = {"of": self._type.__name__, "filepath": self._filepath, "ids": self._ids}
        return about | {"load_args": self.load_args, "version": self._entry.get("version")}


def format_of(type_name: str, file_format: str | None) -> str | None:
    """Return how a dataset finds types, or None for a dataset that is left as it is."""
    if type_name == "GenericDataset":
        return FILE_FORMATS.get(str(file_format))
    return FORMATS.get(type_name)


def is_text(column: pd.Series) -> bool:
    """Return whether all values are text or null."""
    return column.dtype == TEXT or infer_dtype(column) == "string"


def typed_columns(table: pd.DataFrame, ids: list[Name], dtype: Any) -> pd.DataFrame:
    """Return a table of a file with a schema: levels of the index as columns, `dtype` followed.

    Rows without a name, as a filtered table leaves them, are numbered again. Bytes stay bytes.
    """
    others = [
        number
        for number, level in enumerate(table.index.names)
        if level is None or level in table.columns
    ]
    table = table.reset_index(others, drop=True) if others else table
    table = table if len(others) == table.index.nlevels else table.reset_index()
    wanted = dtype if isinstance(dtype, dict) else dict.fromkeys(ids, dtype)
    for name, kind in wanted.items():
        if kind is not None and name in table and infer_dtype(table[name]) != "bytes":
            table[name] = table[name].astype(kind)
    return table
