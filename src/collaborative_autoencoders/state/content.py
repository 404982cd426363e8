"""The content of a stored file, as a digest that is computed only if the file has changed."""

import hashlib
import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path, PurePosixPath
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
    *("etag", "ETag", "md5Hash", "content_md5", "Content-MD5", "Digest", "sha", "hex", "CRC"),
    *("mtime", "modified", "created", "LastModified", "last_modified", "Last-Modified", "updated"),
    *("modificationTime", "modify", "size"),
)
"""What file systems say of a file that is another if the file is. The time of the last access,
which some of them say too, changes when a file is read."""

OF_ANY_FILE = frozenset({"name", "size", "type", "url", "mimetype", "partial", "islink"})
"""What is the same for another file of the same size in its place."""


class Stored(NamedTuple):
    """The place of a dataset: a file or a folder on a file system of fsspec."""

    fs: Any
    path: str

    @classmethod
    def local(cls, path: Path) -> "Stored":
        """Return the place of a local file."""
        return cls(LocalFileSystem(), path.as_posix())

    @property
    def is_local(self) -> bool:
        """Whether it is on a disk of this machine."""
        return isinstance(self.fs, LocalFileSystem)

    @property
    def record(self) -> str:
        """The path of the file with the record of what made this one."""
        folder, _, name = self.path.rpartition("/")
        return f"{folder}/.{name}.made.json"

    def content(self, known: Content | None = None) -> Content | None:
        """Return the content, or None if there is no file.

        A local file is read only if its size or its time is not that of `known`.
        """
        if not self.is_local:
            return self._remote_content()
        path = Path(self.path)
        if not path.exists():
            return None
        files = [path] if path.is_file() else files_in(path)
        found = [file.stat() for file in files]
        size = sum(each.st_size for each in found)
        modified = _time_of(found[0]) if files == [path] else _number_of(path, files)
        if known is not None and (size, modified) == (known.size, known.modified):
            return known
        return Content(_digest_of_files(path, files), size, modified)

    def _remote_content(self) -> Content | None:
        """Return what the file system says of the file or files, such as ETags; none is read.

        None also if it says nothing that would differ for another file of the same size. A store
        that does not answer is reported when the file is loaded or saved.
        """
        with suppress(Exception):
            about = self.fs.info(self.path)
            is_folder = about["type"] == "directory"
            found = self.fs.find(self.path, detail=True) if is_folder else {self.path: about}
            said = {
                inside: said_of(each)
                for name, each in found.items()
                if not is_hidden(inside := name.removeprefix(self.path))
            }
            if all(said.values()):
                size = sum(each.get("size") or 0 for each in found.values())
                return Content(digest_of(said), size, 0)
        return None


def files_in(folder: Path) -> list[Path]:
    """Return the files of a folder and its folders, sorted, without those that are hidden."""
    names = (file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file())
    return [folder / name for name in sorted(names) if not is_hidden(name)]


def is_hidden(path: str) -> bool:
    """Return whether a file in a folder, or a folder that it is in, is hidden: no run reads it."""
    return any(part.startswith(".") for part in PurePosixPath(path).parts)


def said_of(about: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is another if a remote file is another; empty if there is nothing of the kind.

    Of a file system with other names for it, it is all that it says.
    """
    given = {key: value for key, value in about.items() if value is not None}
    known = {key: given[key] for key in OF_A_REMOTE_FILE if key in given}
    if known.keys() - {"size"}:
        return known
    return given if given.keys() - OF_ANY_FILE else {}


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
