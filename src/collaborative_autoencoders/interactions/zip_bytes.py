"""Conversion between named files and the bytes of one zip archive, with a checksum of all.

The files are stored uncompressed, so that reading an archive takes no more memory than its bytes.
"""

import io
import zipfile
import zlib
from collections.abc import Callable, Mapping
from typing import IO

from collaborative_autoencoders.checksum import PLACEHOLDER, check_checksum, with_checksum

WRITTEN = (1980, 1, 1, 0, 0, 0)
"""Time of writing in the archive: constant, so that the same files give the same bytes."""

CORRUPT = (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, MemoryError, KeyError)
"""Errors that reading a damaged archive raises, besides ValueError."""


def zip_to_bytes(writers: Mapping[str, Callable[[IO[bytes]], object]]) -> bytes:
    """Return an archive with a file per entry, which `writers[name](file)` writes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.comment = PLACEHOLDER.encode()
        for name, write in writers.items():
            with archive.open(zipfile.ZipInfo(name, WRITTEN), "w", force_zip64=True) as file:
                write(file)
    return with_checksum(buffer)


def zip_from_bytes(content: bytes) -> dict[str, bytes]:
    """Return the files of an archive by name.

    Raises NoChecksum if it has no checksum, and ValueError, with the reason, if the bytes are
    truncated or changed, if a file is compressed, or if two files have one name.
    """
    if not zipfile.is_zipfile(io.BytesIO(content)):
        raise ValueError(f"these {len(content)} bytes are not a complete zip archive")
    check_checksum(content)
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            files = archive.infolist()
            _refuse_inflating(files, len(content))
            return {file.filename: archive.read(file) for file in files}
    except CORRUPT as error:
        raise ValueError(f"the archive is corrupt ({error})") from error


def _refuse_inflating(files: list[zipfile.ZipInfo], size: int) -> None:
    for file in files:
        if file.compress_type != zipfile.ZIP_STORED or file.file_size != file.compress_size:
            raise ValueError(
                f"{file.filename} is compressed, to {file.compress_size:,} of {file.file_size:,} "
                "bytes, and this project stores files uncompressed"
            )
    if len({file.filename for file in files}) < len(files):
        raise ValueError("two files of the archive have the same name")
    if sum(file.file_size for file in files) > size:
        raise ValueError("the files of the archive overlap")
