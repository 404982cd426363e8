"""Memory that a step of a fit frees stays with the process for the next step."""

from collections.abc import Iterator
from contextlib import contextmanager

from collaborative_autoencoders.memory import glibc

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
"""Options of glibc's `mallopt`: the free memory at the end of the heap from which on it is given
back, and the size from which on an array has memory of its own, which is given back at once."""

KEPT = {M_MMAP_THRESHOLD: 2**28, M_TRIM_THRESHOLD: 2**31 - 1}
USUAL = {M_MMAP_THRESHOLD: 2**25, M_TRIM_THRESHOLD: 2**26}
"""Where glibc's own thresholds, which grow with the arrays that are freed, end."""


@contextmanager
def kept_memory() -> Iterator[None]:
    """Let the C library keep the memory that is freed, and give it back at the end.

    A step frees its gradients. Without this, the next one takes the same memory from the operating
    system again, which fills it with zeros: up to a quarter of a fit. No number changes. Without
    glibc nothing happens.
    """
    library = glibc()
    if library is None:
        yield
        return
    try:
        for option, value in KEPT.items():
            library.mallopt(option, value)
        yield
    finally:
        for option, value in USUAL.items():
            library.mallopt(option, value)
        library.malloc_trim(0)
