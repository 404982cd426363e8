"""The threads of matrix products: how many there are, and what they do while they wait."""

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Lock
from typing import Any, TypeVar

from threadpoolctl import ThreadpoolController

Argument = TypeVar("Argument")
Result = TypeVar("Result")


def let_waiting_threads_sleep() -> None:
    """Let the threads of torch sleep while they wait, unless the environment says otherwise.

    If they spin on cores that other processes use, a fit takes many times as long. torch reads this
    when it is imported: call it before.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


class BlasThreads:
    """Sets the number of threads of NumPy's and SciPy's products, one for the whole process.

    Their OpenBLAS spins, whatever `OMP_WAIT_POLICY` says, and its sums depend on the number of
    threads. Products of small matrices are best computed by one.
    """

    def __init__(self) -> None:
        """Change nothing yet."""
        self._lock = Lock()
        self._numbers: list[int] = []
        self._before: Any = None
        self._libraries: tuple[int, ThreadpoolController] | None = None

    @contextmanager
    def __call__(self, number: int) -> Iterator[None]:
        """Let products use at most so many threads inside. Also a decorator.

        Of several blocks, nested or in threads of the process, the smallest number holds.
        """
        self._enter(number)
        try:
            yield
        finally:
            self._leave(number)

    @property
    def number(self) -> int:
        """How many threads products may use here; 1 outside of any block."""
        return min(self._numbers, default=1)

    def _enter(self, number: int) -> None:
        with self._lock:
            self._numbers.append(number)
            limits = self._limited()
            if len(self._numbers) == 1:
                self._before = limits

    def _leave(self, number: int) -> None:
        with self._lock:
            self._numbers.remove(number)
            if self._numbers:
                self._limited()
            else:
                self._before.restore_original_limits()

    def _limited(self) -> Any:
        # SciPy loads its OpenBLAS later than NumPy, by an import; to look it up takes milliseconds
        imported = len(sys.modules)
        if self._libraries is None or self._libraries[0] != imported:
            self._libraries = imported, ThreadpoolController()
        return self._libraries[1].limit(limits=min(self._numbers), user_api="blas")


blas_threads = BlasThreads()
"""The one of this process, as OpenBLAS has one number."""


def map_in_threads(
    function: Callable[[Argument], Result], arguments: Iterable[Argument]
) -> Iterator[Result]:
    """Yield the results in the order of the arguments.

    They are computed in as many threads as products may use here. Products of NumPy and SciPy in
    them use one. After an error is raised here, no further call begins.
    """
    number = blas_threads.number
    with blas_threads(1):
        if number == 1:
            yield from map(function, arguments)
            return
        with ThreadPoolExecutor(number) as pool:
            yield from pool.map(function, arguments)
