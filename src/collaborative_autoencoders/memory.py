"""The memory of this machine, and of a fit."""

import os
from pathlib import Path
from typing import NamedTuple

CONTAINER_LIMIT = Path("/sys/fs/cgroup/memory.max")


def machine_memory() -> int | None:
    """Return the bytes of memory of the machine, or of the container; None if unknown."""
    try:
        there = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        limit = CONTAINER_LIMIT.read_text().strip() if CONTAINER_LIMIT.is_file() else "max"
    except (AttributeError, ValueError, OSError):
        return None
    return there if limit == "max" else min(there, int(limit))


class TooLarge(ValueError):
    """A fit that exceeds a memory limit. A run leaves the model out, with this reason."""


class MemoryLimit(NamedTuple):
    """A limit in GiB, and what sets it, as the end of `… GiB, more than`."""

    gib: float
    words: str


def memory_limit(gib: float, key: str) -> MemoryLimit:
    """Return the limit of the option `key`, or the memory of the machine if that is less."""
    there = machine_memory()
    if there is None or there / 2**30 >= gib:
        return MemoryLimit(gib, f"{key}: {gib:g}, which can be increased")
    return MemoryLimit(there / 2**30, f"the {there / 2**30:.1f} GiB of this machine")
