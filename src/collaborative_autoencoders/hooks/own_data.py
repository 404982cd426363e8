"""Ratings from a user's own catalog entry: titles, missing files, name and checksum."""

import hashlib
from pathlib import Path
from typing import Any

import pandas as pd
from kedro.framework.hooks import hook_impl
from kedro.io import DataCatalog, DatasetError, MemoryDataset
from kedro.io.core import get_protocol_and_path

RAW = ("ratings", "items")


class OwnDataHook:
    """Gives ratings that are not from MovieLens no film titles, and names them after their file."""

    @hook_impl
    def after_catalog_created(self, catalog: DataCatalog) -> None:
        """Replace MovieLens titles by an empty table if the ratings are not from MovieLens.

        So a user's own data need one catalog entry, `ratings`; an entry `items` adds titles.
        """
        from collaborative_autoencoders.datasets.movielens import MovieLensDataset

        ratings, items = (catalog.get(name) for name in RAW)
        if isinstance(items, MovieLensDataset) and not isinstance(ratings, MovieLensDataset):
            catalog["items"] = MemoryDataset(pd.DataFrame())
        entries, *_ = catalog.to_config()
        self._files = {name: local_file(entries.get(name, {})) for name in RAW}

    @hook_impl
    def before_dataset_loaded(self, dataset_name: str) -> None:
        """Raise DatasetError if the file of a raw table is missing or empty."""
        file = self._files.get(dataset_name)
        if file is None:
            return
        fix = f"Put the table there, or name another file in the catalog entry `{dataset_name}`."
        if not file.exists():
            raise DatasetError(f"{dataset_name}: there is no {file}. {fix}")
        if file.is_file() and not file.stat().st_size:
            raise DatasetError(f"{dataset_name}: {file} is empty. {fix}")

    @hook_impl
    def after_dataset_loaded(self, dataset_name: str, data: Any) -> None:
        """Add the name and checksum of the file to ratings that do not have them."""
        file = self._files.get(dataset_name)
        if dataset_name == "ratings" and file is not None and isinstance(data, pd.DataFrame):
            data.attrs = about(file) | data.attrs


def local_file(entry: dict[str, Any]) -> Path | None:
    """Return the local file that a catalog entry reads, or None if it reads another place."""
    protocol, path = get_protocol_and_path(str(entry.get("filepath", "")))
    return Path(path) if protocol == "file" and path else None


def about(file: Path) -> dict[str, str]:
    """Return `data_set`, the file's name without its ending, and its SHA-256 as `checksum`."""
    name = {"data_set": file.stem}
    if not file.is_file():
        return name
    with file.open("rb") as content:
        return name | {"checksum": hashlib.file_digest(content, "sha256").hexdigest()}
