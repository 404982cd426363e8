"""A 32-bit hash for each row. It depends only on the seed and the row's raw ids.

The hash can be computed in any engine. Each id is replaced by the first 15 hex digits (60 bits) of
the SHA-256 of its text form (in Spark: `conv(substring(sha2(id, 256), 1, 15), 16, 10)`), split into
two limbs of 30 bits. Seed, user limbs and item limbs are absorbed one by one, high limb first, with
a full mixing round after each. States are below 2^32 and the multiplier is below 2^31, so every
product is below 2^63.
"""

import hashlib
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

MULTIPLIER = np.uint32(0x45D9F3B)
"""T. Mueller's 32-bit hash, https://stackoverflow.com/a/12996028 (found by search, < 2^31)."""

HALF = np.uint32(16)
LIMB_BITS = 30


class Digests(NamedTuple):
    """The digest of each id in two limbs, uint32, each < 2^30."""

    high: NDArray[np.uint32]
    low: NDArray[np.uint32]


def digests_of(ids: Iterable[object]) -> Digests:
    """Return the first 60 bits of the SHA-256 of each id's text (UTF-8), in two 30-bit limbs."""
    sha256 = b"".join([hashlib.sha256(str(raw_id).encode()).digest() for raw_id in ids])
    first_60_bits = np.frombuffer(sha256, dtype=">u8")[::4] >> np.uint64(4)
    high, low = np.divmod(first_60_bits, np.uint64(2**LIMB_BITS))
    return Digests(high.astype(np.uint32), low.astype(np.uint32))


def hash_rows(
    user_index_N: NDArray[np.integer],
    item_index_N: NDArray[np.integer],
    users: Digests,
    items: Digests,
    seed: int,
) -> NDArray[np.uint32]:
    """Return the hash of each row, uniform over 0 … 2^32 − 1, shape (N,).

    A full round follows each limb: a linear mixture of user and item would give every user the
    same order of items, only shifted.
    """
    state_N = hash_ids(users, seed)[user_index_N]
    for limb_I in items:
        state_N ^= limb_I[item_index_N]
        _mix(state_N)
    return state_N


def hash_ids(ids: Digests, seed: int) -> NDArray[np.uint32]:
    """Return the hash of each id, uniform over 0 … 2^32 − 1, shape (number of ids,)."""
    start = _mix(np.array([seed], dtype=np.uint32))
    return _mix(_mix(start ^ ids.high) ^ ids.low)


def _mix(state: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """Apply one full mixing round in place and return the state."""
    for _ in range(2):
        state ^= state >> HALF
        state *= MULTIPLIER  # uint32 wraps around; other engines need & 0xFFFFFFFF
    state ^= state >> HALF
    return state
