"""A checksum of a whole file that is stored in the file itself.

A writer puts `PLACEHOLDER` where the format allows a text: in the comment of a zip archive or the
metadata of safetensors and Parquet. `with_checksum` then replaces its zeros by the hash of all
bytes, and `check_checksum` finds any later change, also one in a header that the format's own
checksums do not cover.
"""

import hashlib
import io
from mmap import mmap

MARK = b"blake2b of this file: "
DIGITS = 32
PLACEHOLDER = MARK.decode() + "0" * DIGITS


class NoChecksum(ValueError):
    """Error for a file without a checksum of this project."""


def with_checksum(buffer: io.BytesIO) -> bytes:
    """Return the content with its checksum in place of the zeros of `PLACEHOLDER`.

    The bytes are those of the buffer, without a second copy of what may be a large model.

    Raises ValueError if `PLACEHOLDER` does not occur once, or a text like it comes later. Files in
    an archive have checksums of their own.
    """
    marked, content = PLACEHOLDER.encode(), buffer.getvalue()
    if content.count(marked) != 1 or content.rfind(MARK) != content.find(marked):
        raise ValueError(f"a text of the data contains {MARK.decode()!r}, as only checksums may")
    start, end = _place(content)
    checksum = _hash_of(content, start, end)
    del content  # while somebody else holds the bytes, writing into the buffer copies them
    with buffer.getbuffer() as view:
        view[start:end] = checksum
    return buffer.getvalue()


def check_checksum(content: bytes | mmap) -> str:
    """Return the checksum of the content.

    Raises NoChecksum if it has none, and ValueError if it is truncated or another byte was changed.
    """
    start, end = _place(content)
    found, right = content[start:end], _hash_of(content, start, end)
    if found != right:
        raise ValueError("its bytes do not match its checksum: the file was changed")
    return right.decode()


def _place(content: bytes | mmap) -> tuple[int, int]:
    found = content.rfind(MARK)
    if found < 0:
        raise NoChecksum(
            "another version of this project, or another program, wrote the file, with another "
            "layout: it has no checksum"
        )
    start = found + len(MARK)
    if start + DIGITS > len(content):
        raise ValueError("it ends in its checksum: the file is truncated")
    return start, start + DIGITS


def _hash_of(content: bytes | mmap, start: int, end: int) -> bytes:
    """Return the hash of the content with zeros between `start` and `end`, as hex digits."""
    digest = hashlib.blake2b(digest_size=DIGITS // 2)
    with memoryview(content) as view:
        for piece in (view[:start], b"0" * (end - start), view[end:]):
            digest.update(piece)
    return digest.hexdigest().encode()
