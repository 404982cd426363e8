"""Whether every integer of a text file is written as `str` writes it, without parsing the file."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

BLOCK = 1 << 16
"""Bytes looked at together. Arrays of this size are taken from memory already in use."""

OTHER_SPELLINGS = (b"+", b"-", b" ", b"\0", b"\v", b"\f")
"""Bytes that an integer in another spelling may hold, such as +5, -0 and ` 5`."""

ZERO, POINT = ord("0"), ord(".")


def integers_are_plain(file: Path, separator: str, *, has_header: bool) -> bool:
    """Return whether no integer below the header, the first line, can have a second spelling.

        61507,10,4.05      True              007,10,4      False: a zero in front

    False as well if the file holds a blank, a sign, a null or a tab that does not separate, or if
    its lines end with a carriage return alone: then the ids have to be read as text. A gigabyte
    takes about a second.
    """
    with file.open("rb") as content:
        if has_header and b"\r" in content.readline().removesuffix(b"\r\n"):
            return False
        before = b"\n"
        while block := content.read(BLOCK):
            if not _is_plain(before + block, separator):
                return False
            before = block[-2:]
    return True


def _is_plain(block: bytes, separator: str) -> bool:
    others = OTHER_SPELLINGS if separator == "\t" else (*OTHER_SPELLINGS, b"\t")
    if any(other in block for other in others):
        return False
    return not _has_zero_in_front(np.frombuffer(block, dtype=np.uint8))


def _has_zero_in_front(bytes_N: NDArray[np.uint8]) -> bool:
    """Return whether a zero that no digit or point precedes is followed by a digit."""
    digit_N = bytes_N - np.uint8(ZERO) < 10
    zero_in_front_N = bytes_N[1:-1] == ZERO
    zero_in_front_N &= digit_N[2:]
    zero_in_front_N &= ~(digit_N | (bytes_N == POINT))[:-2]
    return bool(zero_in_front_N.any())
