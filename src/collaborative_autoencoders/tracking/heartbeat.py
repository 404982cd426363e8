"""Closes runs whose process has ended, which MLflow shows as running for ever."""

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event, Thread

from mlflow import MlflowClient
from mlflow.entities import Run
from mlflow.exceptions import MlflowException
from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID

from .life import has_ended

PROCESS, LAST_SEEN = "process", "last_seen"
BEAT_SECONDS = 60
ENDED_AFTER_SECONDS = 3600
"""A run is closed if its last sign is older. A run that sleeps that long is reopened by its end."""


@contextmanager
def heartbeat(run_id: str) -> Iterator[None]:
    """Tag the run with the time every minute during the block.

    This is for tracking servers and databases, where its process may be on another machine.
    """
    client, done = MlflowClient(), Event()

    def beat() -> None:
        while True:
            with suppress(MlflowException):  # the run itself reports a server that is off
                client.set_tag(run_id, LAST_SEEN, f"{time.time():.0f}")
            if done.wait(BEAT_SECONDS):
                return

    Thread(target=beat, name="heartbeat", daemon=True).start()
    try:
        yield
    finally:
        done.set()


def close_abandoned(run_id: str, store: Path | None) -> None:
    """End the runs beside this one as KILLED whose process has ended (kill -9, loss of power).

    A run is closed only if its process is known to have ended, or has given no sign for an hour.
    """
    client = MlflowClient()
    experiment_id = client.get_run(run_id).info.experiment_id
    for run in client.search_runs([experiment_id], "attributes.status = 'RUNNING'"):
        process = run.data.tags.get(PROCESS)
        if process and (has_ended(process, store) or is_silent(client, run)):
            client.set_terminated(run.info.run_id, "KILLED")


def is_silent(client: MlflowClient, run: Run) -> bool:
    """Return whether the heart of the run, or of the run above it, has stopped."""
    while LAST_SEEN not in run.data.tags:
        parent = run.data.tags.get(MLFLOW_PARENT_RUN_ID)
        if parent is None:
            return False
        run = client.get_run(parent)
    return time.time() - float(run.data.tags[LAST_SEEN]) > ENDED_AFTER_SECONDS
