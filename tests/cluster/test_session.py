"""The session of a run ends with its process."""

import subprocess
import sys

import pytest

pytestmark = pytest.mark.spark

AT_EXIT = """
import atexit
from pyspark import SparkContext
from collaborative_autoencoders.cluster.session import start_session

def say():  # after what is registered later
    print("stopped" if SparkContext._active_spark_context is None else "running")

atexit.register(say)
if "given" in sys.argv:
    from pyspark.sql import SparkSession
    SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false").getOrCreate()
start_session({"spark.master": "local[1]", "spark.ui.enabled": "false"})
"""


TWO_CORES_A_TASK = """
from collaborative_autoencoders import cluster
from collaborative_autoencoders.cluster.session import start_session

start_session({"spark.master": "local[4]", "spark.ui.enabled": "false", "spark.task.cpus": 2})
cluster.refuse_more_than_cores("running.ranks", 2)
try:
    cluster.refuse_more_than_cores("running.ranks", 3)
except ValueError as error:
    print(error)
"""


def test_the_cores_of_a_task_are_counted():
    command = [sys.executable, "-c", TWO_CORES_A_TASK]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "has cores for 2 tasks (spark.task.cpus is 2): set running.ranks to at" in done.stdout


@pytest.mark.parametrize(("whose", "expected"), [("own", "stopped"), ("given", "running")])
def test_a_session_is_stopped_at_the_end_if_it_was_started_here(whose, expected):
    command = [sys.executable, "-c", f"import sys{AT_EXIT}", whose]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.split() == [expected]
    assert "ERROR" not in done.stderr
