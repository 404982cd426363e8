"""Base classes of datasets that are one file."""

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
    """A dataset in one file, on any file system of fsspec; `versioned: true` is supported."""

    def __init__(
        self,
        *,
        filepath: str,
        version: Version | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        """Set the path and its file system; nothing is read or written."""
        self._protocol, path = get_protocol_and_path(filepath, version)
        self._fs = fsspec.filesystem(self._protocol)
        self.metadata = metadata
        super().__init__(
            filepath=PurePosixPath(path),
            version=version,
            exists_function=self._fs.exists,
            glob_function=self._fs.glob,
        )

    @property
    def filepath(self) -> PurePosixPath:
        """Return the path of the file or, if it is versioned, the folder of its versions."""
        return self._filepath

    def _path_to_read(self) -> str:
        """Return the path to read; raise DatasetError with the path if there is no file."""
        path = str(self._get_load_path())
        if not self._fs.exists(path):
            raise DatasetError(f"There is no {path}. Run the pipeline that writes it.")
        return path

    @contextmanager
    def _open_to_write(self) -> Iterator[Any]:
        """Yield a file to write into; on a local disk it replaces the old one when complete."""
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
    """A value in one file, which is checked when it is read.

    On a local disk the file is replaced atomically. A subclass defines `kind`, `to_bytes`,
    `from_bytes` and a `preview` for kedro-viz.
    """

    kind: ClassVar[str]
    """Name of the kind of file in error messages, such as "Parquet table"."""

    @abstractmethod
    def to_bytes(self, data: T) -> bytes:
        """Return the content of the file for this value."""

    @abstractmethod
    def from_bytes(self, data: bytes) -> T:
        """Return the value of this content; raise ValueError if the bytes are not valid."""

    def load(self) -> T:
        """Return the value; raise DatasetError with the path if the file is missing or invalid."""
        path = self._path_to_read()
        try:
            return self.from_bytes(self._fs.cat_file(path))
        except ValueError as error:
            raise DatasetError(broken(path, self.kind, error)) from error

    def save(self, data: T) -> None:
        """Save the value; on a local disk, a reader finds the complete old or new file."""
        content = self.to_bytes(data)
        with self._open_to_write() as file:
            file.write(content)


def broken(path: str, kind: str, error: Exception) -> str:
    """Return the message for a file that is not valid: the reason and the fix."""
    return (
        f"{path} is not a valid {kind}: {error}\n"
        "Delete it, then run again with --only-missing-outputs to create it again."
    )
