"""Partitions of a table, such as a file per month, joined to one table."""

import logging
from collections.abc import Callable
from pathlib import PurePosixPath
from typing import Any

import numpy as np
import pandas as pd
from kedro.io import DatasetError
from kedro_datasets.partitions import PartitionedDataset
from pandas.api.types import is_integer_dtype

from collaborative_autoencoders.columns import PART
from collaborative_autoencoders.interactions.column_types import joined_column
from collaborative_autoencoders.interactions.rows import IDS, PARTS
from collaborative_autoencoders.state.content import is_hidden
from collaborative_autoencoders.state.messages import several

logger = logging.getLogger(__name__)


class JoinedPartsDataset(PartitionedDataset):
    """The partitions of a `partitions.PartitionedDataset` as one table, sorted by name.

    Files in hidden folders, and hidden files, are left out: Jupyter has copies of tables in
    `.ipynb_checkpoints`. So are files of another ending than `filename_suffix`.
    `attrs["parts"]` has the rows of each part, so that an error can name part and row.
    """

    def load(self) -> Any:
        """Return the joined table. Raises DatasetError if a part is empty or has other columns."""
        found = sorted(super().load().items())
        parts = {name: _loaded(name, load) for name, load in found if not is_hidden(name)}
        if not parts:
            raise DatasetError(f"All files are hidden: {', '.join(name for name, _ in found)}.")
        for name, part in parts.items():
            if not isinstance(part, pd.DataFrame):
                raise DatasetError(f"{name}: {type(part).__name__} is not a table of pandas.")
        say_what_is_joined(parts, [name for name, _ in found if is_hidden(name)])
        say_what_is_not_read(self._others(), self._filename_suffix)
        return joined(parts)

    def _others(self) -> list[str]:
        """Return the files in the folder that have another ending, but for hidden ones.

        Spark marks a folder that is complete with a file `_SUCCESS`.
        """
        paths = self._filesystem.find(self._normalized_path, **self._load_args)
        others = (path for path in paths if not path.endswith(self._filename_suffix))
        names = sorted(self._path_to_partition(path) for path in others)
        return [
            name
            for name in names
            if not (is_hidden(name) or PurePosixPath(name).name.startswith("_"))
        ]


def say_what_is_joined(parts: dict[str, pd.DataFrame], hidden: list[str]) -> None:
    """Log the names and sizes of the first parts, and the names of those that are left out."""
    sizes = [f"{name} ({len(part):,} rows)" for name, part in parts.items()]
    logger.info("joined: %s", several(sizes))
    if hidden:
        logger.warning("hidden files are left out: %s", several(hidden))


def say_what_is_not_read(others: list[str], suffix: str) -> None:
    """Log the names of files of another ending, if there are any."""
    if others:
        logger.warning(
            "files that do not end with `filename_suffix: %s` are left out: %s. If they are tables "
            "too, set `filename_suffix: ''` in the catalog entry",
            *(suffix, several(others)),
        )


def _loaded(name: str, load: Callable[[], Any]) -> Any:
    try:
        return load()
    except DatasetError as error:
        if isinstance(error.__cause__, pd.errors.EmptyDataError):
            raise DatasetError(
                f"{name} is empty. Remove the file, or give it the first line of the others."
            ) from error
        raise


def joined(parts: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Return the rows of all parts in one table.

    A column that is text in one part is text in all: integers are written as the files have them.
    A part without rows says nothing of types.
    The column `part`, unless the tables have one, is the name of the row's table.
    """
    first = next(iter(parts))
    columns = parts[first].columns
    for name, part in parts.items():
        if missing := [column for column in columns if column not in part]:
            raise DatasetError(
                f"{name} has no column {missing[0]!r}, but {first} has: it has "
                f"{part.columns.tolist()}. Give all parts the same columns and separator."
            )
    ids = parts[first].attrs.get(IDS, [])
    table = pd.DataFrame(
        {
            column: _one_column({name: part[column] for name, part in parts.items()}, column in ids)
            for column in columns
        }
    )
    if PART not in table:
        table[PART] = _names(parts)
    table.attrs = parts[first].attrs | {PARTS: {name: len(part) for name, part in parts.items()}}
    return table


def _names(parts: dict[str, pd.DataFrame]) -> pd.Categorical:
    """Return the name of each row's table, without folder and ending: raw/train.csv is train."""
    names = [PurePosixPath(name).name.split(".")[0] for name in parts]
    return pd.Categorical(np.repeat(np.array(names), [len(part) for part in parts.values()]))


def _one_column(pieces: dict[str, pd.Series], is_id: bool) -> pd.Series:
    pieces = {name: piece for name, piece in pieces.items() if len(piece)} or pieces
    text = [name for name, piece in pieces.items() if _is_text(piece)]
    integers = [name for name, piece in pieces.items() if is_integer_dtype(piece)]
    if is_id and text and integers:
        logger.warning(
            "%s: ids are text in %s and integers in %s, so all of them are text",
            pieces[text[0]].name,
            text[0],
            integers[0],
        )
    if text:
        as_text = {*text, *integers}
        pieces = {
            name: piece.astype("str") if name in as_text else piece
            for name, piece in pieces.items()
        }
    return joined_column(list(pieces.values()))


def _is_text(piece: pd.Series) -> bool:
    return isinstance(piece.dtype, pd.CategoricalDtype | pd.StringDtype)
