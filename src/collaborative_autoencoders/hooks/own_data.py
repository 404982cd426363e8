"""Ratings of one's own take one catalog entry: what MovieLens's dataset knows is found out here."""

import hashlib
from pathlib import Path
from typing import Any

import pandas as pd
from kedro.framework.hooks import hook_impl
from kedro.io import DataCatalog, DatasetError, MemoryDataset

RAW = ("ratings", "items")


class OwnDataHook:
    """Ratings that are not MovieLens's get no titles of films, and are called after their file."""

    @hook_impl
    def after_catalog_created(self, catalog: DataCatalog) -> None:
        """MovieLens's titles are for MovieLens's ratings: other ratings start without titles.

        So one's own data need one catalog entry, `ratings`; an `items` entry brings the titles.
        """
        from collaborative_autoencoders.datasets.movielens import MovieLensDataset

        ratings, items = (catalog.get(name) for name in RAW)
        if isinstance(items, MovieLensDataset) and not isinstance(ratings, MovieLensDataset):
            catalog["items"] = MemoryDataset(pd.DataFrame())
        self._files = {name: local_file(catalog.get(name)) for name in RAW}

    @hook_impl
    def before_dataset_loaded(self, dataset_name: str) -> None:
        """Raise DatasetError where the file of a raw table is not there or has nothing in it."""
        file = self._files.get(dataset_name)
        if file is None:
            return
        mend = f"Put the table there, or name another file in the catalog entry `{dataset_name}`."
        if not file.exists():
            raise DatasetError(f"{dataset_name}: there is no {file}. {mend}")
        if file.is_file() and not file.stat().st_size:
            raise DatasetError(f"{dataset_name}: {file} is empty. {mend}")

    @hook_impl
    def after_dataset_loaded(self, dataset_name: str, data: Any) -> None:
        """Ratings that do not say where they are from are told after their file."""
        file = self._files.get(dataset_name)
        if dataset_name == "ratings" and file is not None and isinstance(data, pd.DataFrame):
            data.attrs = about(file) | data.attrs


def local_file(dataset: Any) -> Path | None:
    """The file on this machine that a dataset reads; None where it is another kind of place."""
    described = dataset._describe() if hasattr(dataset, "_describe") else {}
    is_local = described.get("protocol") == "file" and "filepath" in described
    return Path(described["filepath"]) if is_local else None


def about(file: Path) -> dict[str, str]:
    """`data_set`, the file's name without its ending, and the SHA-256 of a file as `checksum`."""
    name = {"data_set": file.stem}
    if not file.is_file():
        return name
    with file.open("rb") as content:
        return name | {"checksum": hashlib.file_digest(content, "sha256").hexdigest()}
