"""Base classes of datasets that are one file."""

from abc import abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import PurePosixPath
from typing import Any, ClassVar, TypeVar

from kedro.io import AbstractVersionedDataset, DatasetError, Version
from kedro.io.core import get_filepath_str, get_protocol_and_path

from collaborative_autoencoders.datasets.places import Place
from collaborative_autoencoders.state.content import Stored

S = TypeVar("S")
T = TypeVar("T")


class OneFileDataset(AbstractVersionedDataset[S, T]):
    """A dataset in one file, on any file system of fsspec; `versioned: true` is supported."""

    options: ClassVar[frozenset[str]] = frozenset()
    """Which of `load_args` and `save_args` the format has."""

    def __init__(
        self,
        *,
        filepath: str,
        load_args: dict[str, Any] | None = None,
        save_args: dict[str, Any] | None = None,
        version: Version | None = None,
        credentials: dict[str, Any] | None = None,
        fs_args: dict[str, Any] | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        """Set the path, its file system and the options; nothing is read or written.

        The arguments are those of Kedro's datasets: `credentials` and `fs_args` create the file
        system, `fs_args.open_args_load` and `open_args_save` open the file, and `load_args` and
        `save_args` go to the function that reads or writes the format.
        Raises DatasetError for options that the format does not have.
        """
        self._protocol, path = get_protocol_and_path(filepath, version)
        self._place = Place.of(self._protocol, credentials, fs_args)
        self._fs = self._place.fs
        self._load_args, self._save_args = dict(load_args or {}), dict(save_args or {})
        dataset = f"{type(self).__name__} ({path})"
        refuse_arguments(dataset, self.options, load_args=load_args, save_args=save_args)
        self.metadata = metadata
        super().__init__(
            filepath=PurePosixPath(path),
            version=version,
            exists_function=self._fs.exists,
            glob_function=self._fs.glob,
        )

    @property
    def needs_a_file(self) -> bool:
        """Whether loading fails as long as there is no file."""
        return True

    @property
    def filepath(self) -> PurePosixPath:
        """Return the path of the file or, if it is versioned, the folder of its versions."""
        return self._filepath

    def stored(self) -> Stored | None:
        """Return where the value is stored; None if it is versioned and not saved yet."""
        try:
            return Stored(self._fs, self._load_path())
        except DatasetError:
            return None

    def _path_to_read(self) -> str:
        """Return the path to read; raise DatasetError with the path if there is no file."""
        path = self._load_path()
        if not self._fs.exists(path):
            raise DatasetError(f"There is no {path}. Run the pipeline that writes it.")
        return path

    def _load_path(self) -> str:
        return get_filepath_str(self._get_load_path(), self._protocol)

    @contextmanager
    def _open_to_write(self) -> Iterator[Any]:
        """Yield a file to write into; it replaces the old one when the block ends."""
        path = get_filepath_str(self._get_save_path(), self._protocol)
        with self._place.open_to_write(path) as file:
            yield file
        self._forget_listings()

    def _release(self) -> None:
        super()._release()
        self._forget_listings()

    def _forget_listings(self) -> None:
        """Forget what the file system remembers of folders: other programs write there too."""
        self._fs.invalidate_cache(get_filepath_str(self._filepath, self._protocol))

    def _exists(self) -> bool:
        try:
            return bool(self._fs.exists(self._load_path()))
        except DatasetError:  # versioned, and no version has been saved
            return False

    def _describe(self) -> dict[str, Any]:
        return {"filepath": self._filepath, "protocol": self._protocol, "version": self._version}


class FileDataset(OneFileDataset[T, T]):
    """A value in one file, which is checked when it is read.

    The file is replaced atomically. A subclass defines `kind`, `to_bytes`, `from_bytes` and a
    `preview` for kedro-viz.
    """

    kind: ClassVar[str]
    """Name of the kind of file in error messages, such as "Parquet table"."""

    def __init__(self, *, holds: str | None = None, **arguments: Any) -> None:
        """Create the entry; `holds` is the kind of content, a key of HOLDS, that is checked."""
        from collaborative_autoencoders.datasets.holds import HOLDS

        super().__init__(**arguments)
        self._check_content = HOLDS[holds] if holds else _nothing

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
            value = self.from_bytes(self._place.read(path))
            self._check_content(value)
            return value
        except ValueError as error:
            raise DatasetError(broken(path, self.kind, error)) from error

    def save(self, data: T) -> None:
        """Save the value; a reader finds the complete old or new file."""
        content = self.to_bytes(data)
        with self._open_to_write() as file:
            file.write(content)


def _nothing(value: object) -> None:
    """Accept any content."""


def broken(path: str, kind: str, error: Exception) -> str:
    """Return the message for a file that is not valid: the reason and the fix."""
    return (
        f"{path} is not a valid {kind}: {error}\n"
        "Delete it, then run again with --only-missing-outputs to create it again."
    )


def refuse_arguments(
    dataset: str, options: frozenset[str] = frozenset(), **given: dict[str, Any] | None
) -> None:
    """Raise DatasetError for arguments that would have no effect: those not among the options."""
    for name, arguments in given.items():
        if arguments and name not in options:
            raise DatasetError(
                f"{dataset}: {name} has {', '.join(map(str, arguments))}, but this dataset has no "
                f"{name}. Remove {name} from the catalog entry."
            )
