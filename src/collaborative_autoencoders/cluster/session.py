"""The Spark session of a run."""

import atexit
import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from time import monotonic, sleep

from pyspark.errors import PySparkRuntimeError
from pyspark.sql import SparkSession

ZONE = "spark.sql.session.timeZone"
TASK_CPUS = "spark.task.cpus"
SECONDS_TO_START = 30
"""How long workers of a cluster are waited for, as Spark itself waits for them."""


def start_session(properties: Mapping[str, object]) -> SparkSession:
    """Return a session with these properties, whose times are UTC.

    Of one that exists already, only the properties of SQL can be set.

    Workers of this machine use the interpreter of this process. A session that this starts is
    stopped when the process ends: workers would be started again otherwise while the master ends.
    Raises RuntimeError if Java cannot be started.
    """
    is_ours = SparkSession.getActiveSession() is None
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    builder = SparkSession.builder.appName("collaborative_autoencoders")
    for name, value in properties.items():
        builder = builder.config(name, str(value))
    try:
        session = builder.config(ZONE, "UTC").getOrCreate()
    except PySparkRuntimeError as problem:
        raise RuntimeError(
            f"Spark does not start: {problem}. It needs Java 17 or 21 (`java -version`; in Debian "
            "`apt install openjdk-17-jre-headless`)."
        ) from None
    session.conf.set(ZONE, "UTC")
    if is_ours:
        atexit.register(_stop, session)
    return session


def _stop(session: SparkSession) -> None:
    with suppress(Exception):  # Java may have ended before, by Ctrl-C
        session.stop()


def session_of_run() -> SparkSession:
    """Return the session. Raises RuntimeError if there is none."""
    try:
        return SparkSession.active()  # also of another thread, as ThreadRunner has them
    except PySparkRuntimeError:
        raise RuntimeError(
            "engine: spark, running.ranks and tuning.workers need a Spark session in this process. "
            "An environment with a spark.yml starts one: `kedro run --env spark`, without "
            "`--runner ParallelRunner`"
        ) from None


def refuse_more_than_cores(key: str, wanted: int) -> None:
    """Raise ValueError if the session has not the cores for processes that run at once.

    `key` is the option that wants them. Raises RuntimeError without a session.
    """
    slots = _slots_for(wanted)
    if wanted > slots:
        raise ValueError(
            f"{key}: {wanted} run at once, and the session has cores for {slots} tasks "
            f"({TASK_CPUS} is {_cpus_of_task()}): set {key} to at most {slots}, or spark.master in "
            "spark.yml to more"
        )


def _slots_for(wanted: int) -> int:
    """Return how many tasks run at once; workers that are still starting are waited for."""
    context = session_of_run().sparkContext
    is_here = context.master == "local" or context.master.startswith("local[")
    deadline = monotonic() + (0 if is_here else SECONDS_TO_START)
    while True:
        slots = context.defaultParallelism // _cpus_of_task()
        if slots >= wanted or monotonic() >= deadline:
            return slots
        sleep(1)


def _cpus_of_task() -> int:
    return int(session_of_run().sparkContext.getConf().get(TASK_CPUS, "1") or 1)


def refuse_own_file(key: str, uri: str) -> None:
    """Raise ValueError if workers of other machines would open a file of their own by this URI.

    `key` is the option or variable that sets it.
    """
    master = session_of_run().sparkContext.master
    is_shared = not uri.startswith(("sqlite", "file:")) and "://" in uri
    if not is_shared and not master.startswith("local["):
        raise ValueError(
            f"{key}: {uri} is a file, and the workers of {master} may be on other machines: name a "
            "server that all of them reach"
        )


def free_tables() -> None:
    """Free the tables on the disks of the workers; one that is still used is computed again."""
    SparkSession.active().catalog.clearCache()
