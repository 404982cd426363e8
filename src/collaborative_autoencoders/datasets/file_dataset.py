"""The base of our catalog entries: one file whose bytes are made and read by a pair of methods."""

from abc import abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any, ClassVar, TypeVar

import fsspec
from kedro.io import AbstractVersionedDataset, DatasetError, Version
from kedro.io.core import get_protocol_and_path

from collaborative_autoencoders.datasets.writing import open_beside_and_rename

S = TypeVar("S")
T = TypeVar("T")


class OneFileDataset(AbstractVersionedDataset[S, T]):
    """A catalog entry that is one file; `versioned: true` works, and any place fsspec reaches."""

    def __init__(
        self,
        *,
        filepath: str,
        version: Version | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        """Remember where the file lies; nothing is read or written yet."""
        self._protocol, path = get_protocol_and_path(filepath, version)
        self._fs = fsspec.filesystem(self._protocol)
        self.metadata = metadata
        super().__init__(
            filepath=PurePosixPath(path),
            version=version,
            exists_function=self._fs.exists,
            glob_function=self._fs.glob,
        )

    def _path_to_read(self) -> str:
        """Where the file is. Raises DatasetError, naming it, where there is none."""
        path = str(self._get_load_path())
        if not self._fs.exists(path):
            raise DatasetError(f"There is no {path}. Run the pipeline that makes it.")
        return path

    @contextmanager
    def _open_to_write(self) -> Iterator[Any]:
        """A file that takes the place of the old one when it is whole, and only then."""
        path = str(self._get_save_path())
        if self._protocol == "file":
            with open_beside_and_rename(Path(path)) as file:
                yield file
        else:
            with self._fs.open(path, "wb") as file:
                yield file

    def _exists(self) -> bool:
        try:
            return bool(self._fs.exists(str(self._get_load_path())))
        except DatasetError:  # versioned, and no version has been saved
            return False

    def _describe(self) -> dict[str, Any]:
        return {"filepath": self._filepath, "protocol": self._protocol, "version": self._version}


class FileDataset(OneFileDataset[T, T]):
    """A value that lies in one file, whole or not at all, and is checked when it is read.

    A subclass gives `kind`, `to_bytes` and `from_bytes`, and a `preview` for kedro-viz.
    """

    kind: ClassVar[str]
    """What an error calls the file, such as "Parquet table"."""

    @abstractmethod
    def to_bytes(self, data: T) -> bytes:
        """What the file holds for this value."""

    @abstractmethod
    def from_bytes(self, data: bytes) -> T:
        """The value that the file holds; ValueError if the bytes are broken."""

    def load(self) -> T:
        """The value in the file; DatasetError names a file that is missing or broken."""
        path = self._path_to_read()
        try:
            return self.from_bytes(self._fs.cat_file(path))
        except ValueError as error:
            raise DatasetError(broken(path, self.kind, error)) from error

    def save(self, data: T) -> None:
        """Put the value where a reader finds either the old file or the new one, both whole."""
        content = self.to_bytes(data)
        with self._open_to_write() as file:
            file.write(content)


def broken(path: str, kind: str, error: Exception) -> str:
    """What is wrong with a file, and the mend."""
    return (
        f"{path} is not a whole {kind}: {error}\n"
        "Delete it, then run again with --only-missing-outputs to make it anew."
    )
