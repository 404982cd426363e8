"""Pieces of a closed form that workers compute, such as the columns of EASE over neighbours."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple, TypeVar

from pyspark import StorageLevel

from collaborative_autoencoders.threads import blas_threads

from .batches import PARTITIONS_PER_CORE
from .session import session_of_run

Argument = TypeVar("Argument")
Result = TypeVar("Result")


class Problem(NamedTuple):
    """What a function has raised on a worker."""

    error: Exception


def map_on_workers(
    function: Callable[[Argument], Result], arguments: Sequence[Argument]
) -> Iterator[Result]:
    """Yield the results in the order of the arguments, as `side_by_side.Map`.

    The function, with what it reads, is sent to each process of a worker once. Results stay on the
    disks of the workers until they are yielded, those of one partition at a time. Raises the first
    error of the function, and RuntimeError without a Spark session.
    """
    context = session_of_run().sparkContext
    partitions = max(1, min(len(arguments), PARTITIONS_PER_CORE * context.defaultParallelism))
    sent = context.broadcast((function, arguments))
    places = context.parallelize(range(len(arguments)), partitions)
    made = places.map(partial(_compute, sent)).persist(StorageLevel.DISK_ONLY)
    try:
        made.count()  # all partitions; the iterator asks for one after another
        for result in made.toLocalIterator():
            if isinstance(result, Problem):
                raise result.error
            yield result
    finally:
        made.unpersist()
        sent.destroy()


def _compute(sent: Any, place: int) -> Any:
    function, arguments = sent.value
    try:
        with blas_threads(1):
            return function(arguments[place])
    except Exception as error:  # to be raised on the driver as what it is
        return Problem(error)
