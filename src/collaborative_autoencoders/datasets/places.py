"""File systems of fsspec: opened as a catalog entry says, read and written in whole files."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from tempfile import TemporaryFile
from typing import IO, Any, NamedTuple

import fsspec
from kedro.io import DatasetError

from collaborative_autoencoders.datasets.writing import open_beside_and_rename

OF_TEXT = ("encoding", "errors", "newline")


class Place(NamedTuple):
    """A file system, and the arguments with which its files are opened."""

    protocol: str
    fs: Any
    load: dict[str, Any]
    save: dict[str, Any]

    @classmethod
    def of(
        cls,
        protocol: str,
        credentials: dict[str, Any] | None = None,
        fs_args: dict[str, Any] | None = None,
    ) -> "Place":
        """Return the place that `credentials` and `fs_args` of a catalog entry describe."""
        arguments = dict(fs_args or {})
        opening = [open_arguments(arguments, name) for name in ("open_args_load", "open_args_save")]
        return cls(
            protocol, fsspec.filesystem(protocol, **(credentials or {}), **arguments), *opening
        )

    def open_to_read(self, path: str) -> IO[bytes]:
        """Return the opened file."""
        file: IO[bytes] = self.fs.open(path, "rb", **self.load)
        return file

    def read(self, path: str) -> bytes:
        """Return the content of a file."""
        if not self.load:
            content: bytes = self.fs.cat_file(path)
            return content
        with self.open_to_read(path) as file:
            return file.read()

    @contextmanager
    def open_to_write(self, path: str) -> Iterator[IO[bytes]]:
        """Yield a file to write into, which replaces the old one if the block ends without error.

        Elsewhere than on a local disk the bytes are first collected on the local disk, because a
        store of objects would keep an incomplete file.
        """
        if self.protocol == "file":
            with open_beside_and_rename(Path(path), self._open_beside) as file:
                yield file
            return
        with TemporaryFile() as collected:
            yield collected
            collected.seek(0)
            with self.fs.open(path, "wb", **self.save) as target:
                shutil.copyfileobj(collected, target)

    def _open_beside(self, path: Path) -> IO[bytes]:
        file: IO[bytes] = self.fs.open(path.as_posix(), "wb", **self.save)
        return file


class FileIn(NamedTuple):
    """A file in a place, with the methods of a `Path` that reading it takes."""

    place: Place
    path: str

    def __str__(self) -> str:
        """Return the path."""
        return self.path

    @property
    def name(self) -> str:
        """Return the name of the file without its folder."""
        return PurePosixPath(self.path).name

    def exists(self) -> bool:
        """Return whether there is such a file."""
        return bool(self.place.fs.isfile(self.path))

    def open(self, _: str = "rb") -> IO[bytes]:
        """Return the file opened for reading."""
        return self.place.open_to_read(self.path)

    def read_bytes(self) -> bytes:
        """Return the content."""
        return self.place.read(self.path)

    def write_bytes(self, data: bytes) -> None:
        """Write or replace the file, as a whole."""
        with self.place.open_to_write(self.path) as file:
            file.write(data)


def open_arguments(fs_args: dict[str, Any], name: str) -> dict[str, Any]:
    """Take the arguments of one direction out of `fs_args`. The mode is always binary.

    Raises DatasetError for arguments of text, which would have no effect.
    """
    given = {key: value for key, value in (fs_args.pop(name, None) or {}).items() if key != "mode"}
    of_text = [key for key in OF_TEXT if key in given]
    if of_text:
        raise DatasetError(
            f"fs_args.{name}.{of_text[0]}: files are opened as bytes. Give the encoding of a CSV "
            "as `load_args: {encoding: …}` or `save_args: {encoding: …}`."
        )
    return given
