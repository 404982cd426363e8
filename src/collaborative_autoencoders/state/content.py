"""The content of a stored file, as a digest that is computed only if the file has changed."""

import hashlib
import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from fsspec.implementations.local import LocalFileSystem


class Content(NamedTuple):
    """What a file holds, and by what it is recognised without reading it."""

    digest: str
    size: int
    modified: int
    """Sum of the times of the last modification and of the last change, in nanoseconds: a copy may
    keep the first. Of a folder, a number that stands for the names, sizes and times of its files;
    0 on a file system that is not local."""
    entry: str = ""
    """Digest of the catalog entry of a raw table, which decides how the file is read."""

    @property
    def is_known(self) -> bool:
        """Whether it was seen in a file."""
        return self.digest != UNSEEN.digest

    def same_as(self, other: "Content | None") -> bool:
        """Return whether what is read is the same."""
        return other is not None and (self.digest, self.entry) == (other.digest, other.entry)


UNSEEN = Content("no file", 0, 0)
"""The content of a table that is in no file, such as that of a database: it is not known."""

OF_A_REMOTE_FILE = (
    *("size", "etag", "ETag", "md5Hash", "content_md5", "mtime", "modified", "created"),
    *("LastModified", "last_modified", "updated", "modificationTime"),
)
"""What file systems say of a file that is another if the file is."""


class Stored(NamedTuple):
    """The place of a dataset: a file or a folder on a file system of fsspec."""

    fs: Any
    path: str

    @classmethod
    def local(cls, path: Path) -> "Stored":
        """Return the place of a local file."""
        return cls(LocalFileSystem(), path.as_posix())

    @property
    def record(self) -> str:
        """The path of the file with the record of what made this one."""
        folder, _, name = self.path.rpartition("/")
        return f"{folder}/.{name}.made.json"

    def content(self, known: Content | None = None) -> Content | None:
        """Return the content, or None if there is no file.

        A local file is read only if its size or its time is not that of `known`.
        """
        if not isinstance(self.fs, LocalFileSystem):
            return self._remote_content()
        path = Path(self.path)
        if not path.exists():
            return None
        files = [path] if path.is_file() else sorted(filter(Path.is_file, path.rglob("*")))
        found = [file.stat() for file in files]
        size = sum(each.st_size for each in found)
        modified = _time_of(found[0]) if files == [path] else _number_of(path, files)
        if known is not None and (size, modified) == (known.size, known.modified):
            return known
        return Content(_digest_of_files(path, files), size, modified)

    def _remote_content(self) -> Content | None:
        """Return what the file system says of the file or files, such as ETags; none is read.

        A store that does not answer is reported when the file is loaded or saved.
        """
        with suppress(Exception):
            if self.fs.isdir(self.path):
                found = self.fs.find(self.path, detail=True)
                said = {
                    name.removeprefix(self.path): [about.get(key) for key in OF_A_REMOTE_FILE]
                    for name, about in found.items()
                }
                return Content(digest_of(said), sum(each[0] or 0 for each in said.values()), 0)
            if self.fs.exists(self.path):
                size = int(self.fs.size(self.path) or 0)
                return Content(f"{self.fs.checksum(self.path):x}", size, 0)
        return None


def _digest_of_files(path: Path, files: list[Path]) -> str:
    """Return the SHA-256 of a file; of a folder, that of the names and digests of its files."""
    digests = {file.relative_to(path).as_posix(): sha256(file) for file in files}
    return digests["."] if files == [path] else digest_of(digests)


def _number_of(folder: Path, files: list[Path]) -> int:
    """Return a number that is another if a file of the folder has another name, size or time."""
    about = ((file, file.stat()) for file in files)
    found = [
        (file.relative_to(folder).as_posix(), each.st_size, _time_of(each)) for file, each in about
    ]
    return int(digest_of(found)[:15], 16)


def _time_of(about: os.stat_result) -> int:
    return about.st_mtime_ns + about.st_ctime_ns


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file, as hex digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest_of(value: Any) -> str:
    """Return the SHA-256 of a value of JSON, as hex digits."""
    text = json.dumps(value, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()
