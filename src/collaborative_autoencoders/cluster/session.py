"""The Spark session of a run."""

import os
import sys
from collections.abc import Mapping

from pyspark.errors import PySparkRuntimeError
from pyspark.sql import SparkSession

ZONE = "spark.sql.session.timeZone"


def start_session(properties: Mapping[str, object]) -> SparkSession:
    """Return a session with these properties, whose times are UTC.

    Workers of this machine use the interpreter of this process. Raises RuntimeError if Java cannot
    be started.
    """
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
    return session


def session_of_run() -> SparkSession:
    """Return the session. Raises RuntimeError if there is none."""
    try:
        return SparkSession.active()  # also of another thread, as ThreadRunner has them
    except PySparkRuntimeError:
        raise RuntimeError(
            "engine: spark and running.ranks need a Spark session in this process. An environment "
            "with a spark.yml starts one: `kedro run --env spark`, without `--runner "
            "ParallelRunner`"
        ) from None


def free_tables() -> None:
    """Free the tables on the disks of the workers; one that is still used is computed again."""
    SparkSession.active().catalog.clearCache()
