"""Run one attempt in bounded time and memory, and count what came of all attempts."""

import resource
import signal
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

SECONDS, SPARE_MEMORY = 20, 3 * 2**30

REFUSED, HARMLESS = "refused", "harmless"
NAMELESS, CHANGED, UNBOUNDED = "refused, unnamed", "changed", "unbounded"
OUTCOMES = (REFUSED, HARMLESS, NAMELESS, UNBOUNDED, CHANGED)
WRONG = (UNBOUNDED, CHANGED)
"""Outcomes that must not occur."""


class TooLong(BaseException):
    """Raised in an attempt that takes more than `SECONDS`. A BaseException, to pass handlers."""


@contextmanager
def bounds() -> Iterator[None]:
    """End the block after `SECONDS`, and refuse it more than `SPARE_MEMORY` on top of today's."""
    before = resource.getrlimit(resource.RLIMIT_AS)
    now = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (now + SPARE_MEMORY, before[1]))
    signal.signal(signal.SIGALRM, _stop)
    signal.alarm(SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        resource.setrlimit(resource.RLIMIT_AS, before)


def _stop(*_: object) -> None:
    raise TooLong(f"more than {SECONDS} s")


def outcome(attempt: Callable[[], bool], names: tuple[str, ...]) -> tuple[str, str]:
    """Return what came of an attempt, and the error or an empty text.

    `attempt` returns whether the results are those of the unchanged files. An error must contain
    one of the names.
    """
    try:
        with bounds():
            return (HARMLESS if attempt() else CHANGED), ""
    except (TooLong, MemoryError) as error:
        return UNBOUNDED, f"{type(error).__name__} {error}"
    except Exception as error:
        text = f"{error}"
        return (REFUSED if any(name in text for name in names) else NAMELESS), text


class Tally:
    """The outcomes by kind of mutation."""

    def __init__(self) -> None:
        """Count nothing yet."""
        self.counts: dict[str, Counter[str]] = defaultdict(Counter)
        self.notes: list[str] = []

    def add(self, kind: str, what: str, found: tuple[str, str]) -> None:
        """Count an outcome, and keep a note of one that is not refused by name or harmless."""
        result, text = found
        self.counts[kind][result] += 1
        if result not in (REFUSED, HARMLESS):
            self.notes.append(f"{result}: {kind}, {what}: {text[:300]}")

    def total(self, *outcomes: str) -> int:
        """Return the number of attempts with these outcomes."""
        return sum(counts[name] for counts in self.counts.values() for name in outcomes)

    def table(self) -> Iterator[str]:
        """Yield the lines of the table."""
        heading = "".join(f"{name:>18}" for name in ("tried", *OUTCOMES))
        yield f"{'mutation':<44}{heading}"
        for kind, counts in self.counts.items():
            numbers: list[Any] = [sum(counts.values()), *(counts[name] for name in OUTCOMES)]
            yield f"{kind:<44}" + "".join(f"{number or '-':>18}" for number in numbers)
