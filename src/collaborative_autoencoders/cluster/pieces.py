"""What workers compute piece by piece: columns of a closed form, or trials of a search."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple, TypeVar

import pyarrow as pa
from py4j.protocol import Py4JError
from pyspark import StorageLevel
from pyspark.errors import PySparkException
from pyspark.serializers import CPickleSerializer

from collaborative_autoencoders.threads import blas_threads

from .batches import PARTITIONS_PER_CORE
from .session import session_of_run

Argument = TypeVar("Argument")
Result = TypeVar("Result")

RESULT = "result"
AS_SPARK = CPickleSerializer()
"""How Spark itself sends the function to workers, and the results of an RDD back."""


class Raised(NamedTuple):
    """What a function has raised on a worker."""

    error: Exception


def map_on_workers(
    function: Callable[[Argument], Result], arguments: Sequence[Argument]
) -> Iterator[Result]:
    """Yield the results in the order of the arguments, as `side_by_side.Map`.

    Products of NumPy and SciPy use one thread. Raises as `call_on_workers`.
    """
    return call_on_workers(partial(_in_one_thread, function), arguments)


def call_on_workers(
    function: Callable[[Argument], Result], arguments: Sequence[Argument]
) -> Iterator[Result]:
    """Yield what the function returns for each argument, in their order.

    The function, with what it reads, is sent to each process of a worker once. Results stay on the
    disks of the workers until they are yielded, those of one partition at a time. Raises the first
    error of the function, and RuntimeError without a Spark session or if a worker is lost more
    often than `spark.task.maxFailures` allows.
    """
    session = session_of_run()
    context = session.sparkContext
    partitions = max(1, min(len(arguments), PARTITIONS_PER_CORE * context.defaultParallelism))
    sent = context.broadcast((function, arguments))
    # a table: the processes of an RDD would wait, with what they have read, beside those of tables
    places = session.range(0, len(arguments), 1, partitions)
    made = places.mapInArrow(partial(_compute, sent), f"{RESULT} binary")
    made = made.persist(StorageLevel.DISK_ONLY)
    try:
        made.count()  # all partitions; the iterator asks for one after another
        for row in made.toLocalIterator():
            result = AS_SPARK.loads(row[RESULT])
            if isinstance(result, Raised):
                raise result.error
            yield result
    except (Py4JError, PySparkException) as problem:
        raise RuntimeError(
            f"Spark has ended a job of this run: {reason_of(problem)} The same command with "
            "--only-missing-outputs goes on"
        ) from problem
    finally:
        made.unpersist()
        sent.destroy()


def reason_of(problem: Exception) -> str:
    """Return the sentence of Spark's error that says what happened, without its stack."""
    lines = [line.strip() for line in str(problem).splitlines() if line.strip()]
    said = next((line for line in lines if "SparkException" in line), lines[0])
    return said.split("SparkException: ")[-1].rstrip(".") + "."


def _compute(sent: Any, places: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    function, arguments = sent.value
    for some in places:
        for place in some["id"].to_pylist():
            try:
                result = function(arguments[place])
            except Exception as error:  # to be raised on the driver as what it is
                result = Raised(error)
            sent_back = pa.array([AS_SPARK.dumps(result)], pa.binary())
            yield pa.RecordBatch.from_arrays([sent_back], [RESULT])


def _in_one_thread(function: Callable[[Argument], Result], argument: Argument) -> Result:
    with blas_threads(1):
        return function(argument)
