"""Delays Ctrl-C and SIGTERM while something is written that must be complete."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

INTERRUPTIONS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Delay an interruption until the block is done.

    Otherwise it may leave a database transaction open, and the process would wait for its own
    transaction when it ends.
    """
    # signals are delivered to the main thread only
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    waiting: list[int] = []
    former = {
        number: signal.signal(number, lambda number, _: waiting.append(number))
        for number in INTERRUPTIONS
    }
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
        for first in waiting[:1]:
            signal.raise_signal(first)
