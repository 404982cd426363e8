"""The form of MovieLens files, and facts about the official ones."""

import hashlib
from dataclasses import dataclass
from typing import ClassVar

from collaborative_autoencoders.columns import ITEM, RATING, TIMESTAMP, TITLE, USER


@dataclass(frozen=True, kw_only=True)
class RatingsFile:
    """The format of a file of ratings, and facts about the official file."""

    columns: ClassVar = (USER, ITEM, RATING, TIMESTAMP)
    more_columns: ClassVar = False

    name: str
    separator: str
    rows: int
    """Number of ratings, one per row."""
    scale: tuple[float, float]
    """Lowest and highest rating."""
    size: int
    """Size of the official file in bytes."""
    sha256: str | None
    """SHA-256 of the official file in hexadecimal; None if it is not published."""
    header: str | None = None
    """The first line; None if there is no header. A file with a header is CSV."""
    encoding: str = "latin-1"

    def is_official(self, data: bytes) -> bool | None:
        """Return whether these are the bytes of the official file; None if it cannot be checked."""
        if len(data) != self.size:
            return False
        return None if self.sha256 is None else checksum(data) == self.sha256


@dataclass(frozen=True, kw_only=True)
class ItemsFile:
    """The format of a file of items. Columns after the title, such as genres, are not read."""

    columns: ClassVar = (ITEM, TITLE)
    more_columns: ClassVar = True

    name: str
    separator: str
    rows: int
    """Number of items, one per row."""
    header: str | None = None
    """The first line; None if there is no header. A file with a header is CSV: a title with a
    separator or with quotes is quoted."""
    encoding: str = "latin-1"


def checksum(data: bytes) -> str:
    """Return the SHA-256 of the bytes in hexadecimal."""
    return hashlib.sha256(data).hexdigest()
