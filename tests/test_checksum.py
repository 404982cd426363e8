"""A file with a checksum of itself tells any later change."""

import io
import tracemalloc

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from collaborative_autoencoders.checksum import (
    MARK,
    PLACEHOLDER,
    NoChecksum,
    check_checksum,
    with_checksum,
)


@given(st.binary(max_size=50), st.binary(max_size=50))
def test_a_file_keeps_its_bytes_and_its_length(before, after):
    assume(MARK not in before + after)
    content = before + PLACEHOLDER.encode() + after
    sealed = with_checksum(io.BytesIO(content))
    assert len(sealed) == len(content)
    assert sealed.startswith(before)
    assert sealed.endswith(after)
    assert check_checksum(sealed) in sealed.decode("latin-1")


@given(st.binary(max_size=30), st.integers(0, 10**6))
def test_any_changed_bit_is_noticed(content, place):
    assume(MARK not in content)
    sealed = bytearray(with_checksum(io.BytesIO(content + PLACEHOLDER.encode() + b"end")))
    sealed[place % len(sealed)] ^= 1 << (place % 7)
    with pytest.raises(ValueError):
        check_checksum(bytes(sealed))


def test_sealing_takes_no_copy_of_a_large_file():
    size = 2**24
    tracemalloc.start()
    try:
        buffer = io.BytesIO(bytes(size) + PLACEHOLDER.encode())
        tracemalloc.reset_peak()
        sealed = with_checksum(buffer)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(sealed) > size
    assert peak < 1.1 * size


def test_other_bytes_have_no_checksum():
    with pytest.raises(NoChecksum, match="no checksum"):
        check_checksum(b"user_id,item_id\n1,2\n")


def test_a_text_that_looks_like_a_checksum_is_not_overwritten():
    with pytest.raises(ValueError, match="a text of the data contains"):
        with_checksum(
            io.BytesIO(PLACEHOLDER.encode() + MARK + b"a title that is longer than a checksum")
        )
