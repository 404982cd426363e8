"""Ctrl-C and SIGTERM, while something is written that has to be whole."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

INTERRUPTIONS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def uninterrupted() -> Iterator[None]:
    """An interruption waits until this is done.

    Else it may leave a transaction open, for which this very process would wait when it ends.
    """
    if threading.current_thread() is not threading.main_thread():  # has no part in signals
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
