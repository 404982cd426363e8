"""Output on terminals: any character on any encoding, and progress bars that do not collide."""

import codecs
import io
import multiprocessing
import threading
import unicodedata
from typing import Any, TextIO

PLAIN = "plain"
"""Name of the error handler that writes a similar text for a character that cannot be encoded."""
SIMILAR = str.maketrans(
    {"–": "-", "—": "-", "−": "-", "…": "...", "×": "x", "→": "->", "·": ".", "•": "*"}
    | dict.fromkeys("‘’", "'")
    | dict.fromkeys("“”„", '"')
)
FALLBACKS = ("strict", "surrogateescape", "backslashreplace")
"""Error handlers of Python's own streams: they raise, or write escapes that are hard to read."""


def write_any_character(*streams: TextIO | Any) -> None:
    """Let these streams write every text, whatever their encoding.

    A character that the encoding lacks is written as a similar one: `–` as `-`, `é` as `e`, else as
    `?`. A stream with another error handler, such as that of `PYTHONIOENCODING=ascii:replace`, is
    not changed, nor is one without an encoding.
    """
    codecs.register_error(PLAIN, plain_text)
    for stream in streams:
        if isinstance(stream, io.TextIOWrapper) and stream.errors in FALLBACKS:
            stream.reconfigure(errors=PLAIN)


def plain_text(error: UnicodeError) -> tuple[str, int]:
    """Return ASCII text for the characters that cannot be encoded, and where to continue."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    characters = error.object[error.start : error.end]
    return "".join(map(plain_character, characters)), error.end


def plain_character(character: str) -> str:
    """Return the character in ASCII: a similar sign, the letter without its accent, or `?`."""
    parts = unicodedata.normalize("NFKD", character.translate(SIMILAR))
    return parts.encode("ascii", "ignore").decode() or "?"


def one_bar_at_a_time() -> bool:
    """Return whether a progress bar of this thread cannot collide with that of another one.

    With ThreadRunner and ParallelRunner, nodes run elsewhere than in the main thread and process.
    """
    in_main_thread = threading.current_thread() is threading.main_thread()
    return in_main_thread and multiprocessing.parent_process() is None
