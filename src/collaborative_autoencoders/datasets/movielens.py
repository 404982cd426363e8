"""MovieLens data sets, downloaded from GroupLens or from the package index."""

import logging
from functools import partial
from typing import Any, Literal, NamedTuple

import pandas as pd
from kedro.io import AbstractDataset, DatasetError
from kedro.io.core import get_protocol_and_path

from collaborative_autoencoders.datasets.fetching import FetchError, files_of_archive
from collaborative_autoencoders.datasets.file_dataset import refuse_arguments
from collaborative_autoencoders.datasets.movielens_sets import MOVIELENS, MovieLensSet, Way
from collaborative_autoencoders.datasets.places import FileIn, Place
from collaborative_autoencoders.datasets.previews import TablePreview
from collaborative_autoencoders.datasets.raw_files import (
    first_rows,
    read_items,
    read_ratings,
)
from collaborative_autoencoders.datasets.raw_forms import RatingsFile, checksum
from collaborative_autoencoders.state.content import Stored

_log = logging.getLogger(__name__)


class Folder(NamedTuple):
    """The folder of a data set, in a place."""

    place: Place
    path: str

    def __str__(self) -> str:
        """Return the path."""
        return self.path

    def file(self, name: str) -> FileIn:
        """Return the file of this name in the folder."""
        return FileIn(self.place, f"{self.path}/{name}")


class MovieLensDataset(AbstractDataset[None, pd.DataFrame]):
    """The ratings or the items of a MovieLens data set, downloaded at the first load.

    Files that exist in `<path>/<name>/` are used. Missing files are downloaded into this folder.
    """

    def __init__(
        self,
        *,
        name: str,
        path: str,
        table: Literal["ratings", "items"],
        load_args: dict[str, Any] | None = None,
        save_args: dict[str, Any] | None = None,
        credentials: dict[str, Any] | None = None,
        fs_args: dict[str, Any] | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        """Create the entry. `path` is a folder on any file system of fsspec.

        Kedro resolves a relative `path` of a catalog entry against the project's folder.
        `credentials` and `fs_args` are those of Kedro's datasets. Raises DatasetError if the name
        or the table is unknown, or if `load_args` or `save_args` has a key.
        """
        refuse_arguments(type(self).__name__, load_args=load_args, save_args=save_args)
        if name not in MOVIELENS:
            raise DatasetError(f"name: unknown data set {name!r}; use one of {sorted(MOVIELENS)}.")
        if table not in ("ratings", "items"):
            raise DatasetError(f"table: unknown value {table!r}; use ratings or items.")
        self._name = name
        self._set = MOVIELENS[name]
        protocol, folder = get_protocol_and_path(path)
        self._folder = Folder(Place.of(protocol, credentials, fs_args), f"{folder}/{name}")
        self._table = table
        self._form = self._set.ratings if table == "ratings" else self._set.items
        self._file = self._folder.file(self._form.name)
        self.metadata = metadata

    def stored(self) -> Stored:
        """Return where the file is."""
        return Stored(self._folder.place.fs, self._file.path)

    def load(self) -> pd.DataFrame:
        """Return the table; `attrs["data_set"]` is the name of the data set.

        Ratings: user_id, item_id, rating, timestamp (Unix seconds), and the file's checksum in
        `attrs`. Items: item_id, title, genres, year. Raises DatasetError if the file is not valid,
        or if it is missing and cannot be downloaded.
        """
        if not self._exists():
            _fetch(self._name, self._set, self._folder)
        if self._table == "ratings":
            table = read_ratings(self._file, self._set.ratings)
        else:
            table = read_items(self._file, self._set.items)
        table.attrs["data_set"] = self._name
        return table

    def save(self, data: None) -> None:
        """Raise DatasetError: published files are not written."""
        raise DatasetError(f"{self._folder} contains published files and is read-only.")

    def preview(self, nrows: int = 5) -> TablePreview:
        """Return the first rows for kedro-viz; empty if there is no file, as none is downloaded."""
        rows = first_rows(self._file, self._form, nrows) if self._exists() else pd.DataFrame()
        return TablePreview(rows.to_dict(orient="split"))

    def _exists(self) -> bool:
        return self._file.exists()

    def _describe(self) -> dict[str, Any]:
        return {"name": self._name, "folder": str(self._folder), "table": self._table}


def _fetch(name: str, data_set: MovieLensSet, folder: Folder) -> None:
    """Write the missing files into `folder`, from the first source that has them."""
    names = (data_set.ratings.name, data_set.items.name)
    download = partial(files_of_archive, data_set.url, data_set.checksum, names)
    from_grouplens: Way = (data_set.url, download)
    reasons = []
    for source, files_of_source in (from_grouplens, *data_set.other_ways):
        try:
            _write_missing(_checked(files_of_source(), data_set.ratings), folder)
        except FetchError as error:
            reasons.append(f"  {source}: {error}")
        else:
            _log.info("Downloaded %s from %s into %s", name, source, folder)
            return
    missing = [file for file in names if not folder.file(file).exists()]
    raise DatasetError(
        f"{name} is incomplete in {folder} and could not be downloaded. Tried:\n"
        + "\n".join(reasons)
        + f"\nDownload {data_set.url} by hand, on another machine if necessary, and put its "
        f"{' and '.join(missing)} into {folder}."
    )


def _checked(files: dict[str, bytes], ratings: RatingsFile) -> dict[str, bytes]:
    """Return the files; raise FetchError if the ratings are known not to be the official ones."""
    data = files[ratings.name]
    if ratings.is_official(data) is False:
        raise FetchError(f"its {ratings.name} is not the official file: SHA-256 {checksum(data)}")
    return files


def _write_missing(files: dict[str, bytes], folder: Folder) -> None:
    for name, data in files.items():
        if not folder.file(name).exists():  # never overwrite a file of the user
            folder.file(name).write_bytes(data)
