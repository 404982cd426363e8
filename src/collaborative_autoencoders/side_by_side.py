"""The pieces of one result, computed side by side: by threads, or by what a run has put there.

A model asks for its pieces here, so that it knows nothing of clusters.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

from .threads import map_in_threads

Argument = TypeVar("Argument")
Result = TypeVar("Result")

Map = Callable[[Callable[[Any], Any], Sequence[Any]], Iterator[Any]]
"""Yields what a function returns for each argument, in their order."""

_map: ContextVar[Map] = ContextVar("map", default=map_in_threads)


def map_side_by_side(
    function: Callable[[Argument], Result], arguments: Sequence[Argument]
) -> Iterator[Result]:
    """Yield the results in the order of the arguments.

    Function and arguments can be pickled, as other processes may compute them. Products of NumPy
    and SciPy in the function use one thread, so the results are the same wherever that is.
    """
    return _map.get()(function, arguments)


@contextmanager
def mapped_by(function: Map) -> Iterator[None]:
    """Let this compute the pieces inside, instead of threads."""
    token = _map.set(function)
    try:
        yield
    finally:
        _map.reset(token)
