"""The form of MovieLens files, and facts about the official ones."""

import hashlib
from dataclasses import dataclass
from typing import ClassVar

from collaborative_autoencoders.columns import GENRES, ITEM, RATING, TIMESTAMP, TITLE, USER

NO_GENRES = "(no genres listed)"
"""What GroupLens writes for an item without genres."""

GENRES_OF_100K = (
    *("unknown", "Action", "Adventure", "Animation", "Children's", "Comedy", "Crime"),
    *("Documentary", "Drama", "Fantasy", "Film-Noir", "Horror", "Musical", "Mystery"),
    *("Romance", "Sci-Fi", "Thriller", "War", "Western"),
)
"""The last columns of `u.item`, in this order."""


@dataclass(frozen=True, kw_only=True)
class RatingsFile:
    """The format of a file of ratings, and facts about the official file."""

    columns: ClassVar = (USER, ITEM, RATING, TIMESTAMP)
    more: ClassVar[tuple[str, ...]] = ()

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
    """The format of a file of items: id, title and, after them, genres."""

    columns: ClassVar = (ITEM, TITLE)

    name: str
    separator: str
    rows: int
    """Number of items, one per row."""
    header: str | None = None
    """The first line; None if there is no header. A file with a header is CSV: a title with a
    separator or with quotes is quoted."""
    encoding: str = "latin-1"
    genre_flags: tuple[str, ...] = ()
    """Genres that have a column of 0 and 1 each, the last columns of the file. Without them, the
    third column has the genres of an item, separated by `|`."""

    @property
    def more(self) -> tuple[str, ...]:
        """Names of the columns after the title. A file may lack them."""
        before_flags = ("release_date", "video_release_date", "imdb_url")
        return (*before_flags, *self.genre_flags) if self.genre_flags else (GENRES,)


def checksum(data: bytes) -> str:
    """Return the SHA-256 of the bytes in hexadecimal."""
    return hashlib.sha256(data).hexdigest()
