"""The memory of this machine, of a process, and of a fit."""

import ctypes
import os
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

M_ARENA_MAX = -8
"""Option of glibc's `mallopt`: the number of heaps."""

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
"""Options of glibc's `mallopt`: the free memory at the end of the heap from which on it is given
back, and the size from which on an array has memory of its own, which is given back at once."""

RETURNED = {M_MMAP_THRESHOLD: 2**20, M_TRIM_THRESHOLD: 2**20}
KEPT = {M_MMAP_THRESHOLD: 2**28, M_TRIM_THRESHOLD: 2**31 - 1}
USUAL = {M_MMAP_THRESHOLD: 2**25, M_TRIM_THRESHOLD: 2**26}
"""Where glibc's own thresholds, which grow with the arrays that are freed, end."""

STATUS = Path("/proc/self/status")
"""What Linux says of this process."""

CONTAINER_LIMIT = Path("/sys/fs/cgroup/memory.max")


def machine_memory() -> int | None:
    """Return the bytes of memory of the machine, or of the container; None if unknown."""
    try:
        there = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        limit = CONTAINER_LIMIT.read_text().strip() if CONTAINER_LIMIT.is_file() else "max"
    except (AttributeError, ValueError, OSError):
        return None
    return there if limit == "max" else min(there, int(limit))


def peak_memory() -> int | None:
    """Return the most bytes of main memory that this process has had; None on Windows.

    On Linux this is not what `getrusage` says, which is at least the peak of the process that has
    started this one.
    """
    if STATUS.is_file():
        peak = re.search(r"^VmHWM:\s*(\d+) kB$", STATUS.read_text(encoding="utf-8"), re.MULTILINE)
        if peak:
            return int(peak[1]) * 1024
    try:
        import resource
    except ImportError:
        return None
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def glibc() -> Any | None:
    """Return the C library if it is GNU's; None on macOS and Windows and in Alpine Linux."""
    try:
        library = ctypes.CDLL(None)
        return library if library.mallopt and library.malloc_trim else None
    except (AttributeError, OSError, TypeError):
        return None


def let_threads_share_a_heap() -> None:
    """Let all threads allocate in one heap, from which glibc gives all free memory back.

    Each thread has a heap of its own otherwise, up to 64 MB and eight for each core. What a fit
    has freed at their ends stays with the process: a third of a gigabyte on two cores. This holds
    for threads that start later.
    """
    if library := glibc():
        library.mallopt(M_ARENA_MAX, 1)


def give_back_free_memory() -> None:
    """Give what was freed in the middle of the heap back to the system, where glibc keeps it."""
    if library := glibc():
        library.malloc_trim(0)


@contextmanager
def kept_memory() -> Iterator[None]:
    """Let the C library keep the memory that is freed, and give it back at the end.

    Large arrays, such as the gradients of a step, are freed and made again. Without this, they take
    the same memory from the operating system again, which fills it with zeros: up to a quarter of a
    fit, and a fifth of the split of a large table. No number changes. Without glibc nothing
    happens.
    """
    with allocated_by(KEPT):
        yield


@contextmanager
def returned_memory() -> Iterator[None]:
    """Let the C library give each large array back to the system when it is freed.

    A fit then has no memory but that of its arrays: without this, the heap of a network with
    arrays of 50 MB has a third of a GB of gaps. It takes up to half as many CPU seconds more.
    """
    with allocated_by(RETURNED):
        yield


@contextmanager
def allocated_by(options: Mapping[int, int]) -> Iterator[None]:
    """Let glibc allocate by these options of `mallopt`, and at the end as usual."""
    library = glibc()
    if library is None:
        yield
        return
    try:
        for option, value in options.items():
            library.mallopt(option, value)
        yield
    finally:
        for option, value in USUAL.items():
            library.mallopt(option, value)
        library.malloc_trim(0)


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
