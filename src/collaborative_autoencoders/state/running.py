"""Which run writes which files: at most one at a time."""

import os
import socket
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from uuid import uuid4

from filelock import FileLock, Timeout
from pydantic import BaseModel, ConfigDict, ValidationError

from .content import Stored

WAIT_SECONDS = 120


def names_of(stored: Stored, data: Path) -> set[str]:
    """Return the names of a file in claims. Two names of one file have one in common at least.

        /mnt/a/data/06_models/cdae.zip, below data/ -> /mnt/a/data:
        the path as written, the path without links, and ./06_models/cdae.zip

    The last is for runs in containers that mount the folder of a project's data elsewhere: they
    find the claims in that folder. A file in a store has its path alone.
    """
    if not stored.is_local:
        return {stored.path}
    file, folder = Path(stored.path).resolve(), data.resolve()
    inside = {f"./{file.relative_to(folder).as_posix()}"} if file.is_relative_to(folder) else set()
    return {stored.path, file.as_posix()} | inside


class Claim(BaseModel):
    """A run that is alive: who it is, and what it reads and writes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    pid: int
    host: str
    command: str
    since: str
    """Local time of its start, to the second."""
    reads: frozenset[str]
    writes: frozenset[str]
    shared: str | None = None
    """Runs with the same text, such as two workers of one search, may write the same files."""

    @classmethod
    def of(
        cls, command: str, reads: Iterable[str], writes: Iterable[str], shared: str | None
    ) -> "Claim":
        """Return the claim of this process, from now on."""
        return cls(
            pid=os.getpid(),
            host=socket.gethostname(),
            command=command,
            since=f"{datetime.now():%Y-%m-%d %H:%M:%S}",
            reads=frozenset(reads),
            writes=frozenset(writes),
            shared=shared,
        )

    def excludes(self, other: "Claim") -> bool:
        """Return whether the two runs must not run at the same time."""
        if self.shared is not None and self.shared == other.shared:
            return False
        ours, theirs = self.writes | self.reads, other.writes | other.reads
        return bool(self.writes & theirs or other.writes & ours)


class Busy(Exception):
    """Error for a run that has to wait for another one, `holder`."""

    def __init__(self, holder: Claim) -> None:
        """Create the error."""
        super().__init__(f"process {holder.pid} on {holder.host} writes these files")
        self.holder = holder


class Running:
    """The runs of a project that are alive: a file each, locked as long as its process lives."""

    def __init__(self, folder: Path) -> None:
        """Set the folder of the files; it is made when it is needed."""
        self._folder = folder
        self._own: FileLock | None = None

    def claim(self, claim: Claim) -> None:
        """Register this run until `release`. Raises Busy if a run that is alive excludes it."""
        self.release()
        with self._alone():
            for other in self._alive():
                if other.excludes(claim):
                    raise Busy(other)
            file = self._folder / f"{uuid4().hex}.json"
            self._own = _lock_of(file)
            self._own.acquire(timeout=0)
            file.write_text(claim.model_dump_json(), encoding="utf-8")

    def release(self) -> None:
        """End the claim of this process, if it has one."""
        if self._own is not None:
            file = Path(self._own.lock_file).with_suffix(".json")
            file.unlink(missing_ok=True)
            self._own.release()
            Path(self._own.lock_file).unlink(missing_ok=True)
            self._own = None

    def _alive(self) -> Iterator[Claim]:
        """Yield the claims of living processes, and remove the files of dead ones."""
        for file in sorted(self._folder.glob("*.json")):
            lock = _lock_of(file)
            try:
                lock.acquire(timeout=0)
            except Timeout:
                try:
                    yield Claim.model_validate_json(file.read_bytes())
                except (OSError, ValidationError):
                    continue  # it has ended in this moment
            else:
                file.unlink(missing_ok=True)
                lock.release()
                Path(lock.lock_file).unlink(missing_ok=True)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        self._folder.mkdir(parents=True, exist_ok=True)
        with FileLock(self._folder / "alone", timeout=WAIT_SECONDS):
            yield


def _lock_of(file: Path) -> FileLock:
    # The run may be released by another thread than the one that claimed it.
    return FileLock(file.with_suffix(".lock"), timeout=0, thread_local=False)
