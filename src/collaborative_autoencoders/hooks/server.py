"""A store of several machines: whether its server answers, and where its artifacts go."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mlflow import MlflowClient
from mlflow.environment_variables import (
    MLFLOW_HTTP_REQUEST_MAX_RETRIES,
    MLFLOW_HTTP_REQUEST_TIMEOUT,
)

from collaborative_autoencoders.tracking.addresses import local_folder
from collaborative_autoencoders.tracking.masking import mask_uri

SECONDS_TO_ANSWER = 8

REPEATS = 5
"""How often a request of a run is repeated: at once and after 4, 8, 16 and 32 seconds, a minute in
all. MLflow's 7 times are four minutes, in which a run neither ends nor hears Ctrl-C."""

SECONDS_APART = 60
"""The least time between the repeats of two absences; those of one are half of it apart at most."""

API = "/api/2.0/mlflow"

logger = logging.getLogger(__name__)


def is_server(uri: str | None) -> bool:
    """Return whether the URI is that of a tracking server."""
    return bool(uri) and str(uri).startswith(("http://", "https://"))


def check_artifacts_of(experiment: str, project: Path) -> None:
    """Raise OSError if an experiment keeps its artifacts in a folder of another machine.

    Warns if a tracking server's are in the project, where no other machine finds them.
    """
    client = MlflowClient()
    found = client.get_experiment_by_name(experiment)
    folder = local_folder(found.artifact_location) if found else None
    if folder is None:
        return
    problem = (
        f"The experiment {experiment} keeps its artifacts in {folder}, %s. Name another experiment "
        "in mlflow.yml (tracking.experiment.name): its artifacts go to the tracking server. With a "
        "database in its place, they go to experiment.create_experiment_kwargs.artifact_location."
    )
    on_a_server, in_project = is_server(client.tracking_uri), folder.is_relative_to(project)
    if not folder.is_dir() and (on_a_server or not in_project):  # else its first run makes it
        raise OSError(problem % "which is not a folder of this machine")
    if on_a_server and in_project:
        logger.warning(problem, "where no other machine finds them")


def no_answer(uri: str, error: BaseException) -> str:
    """Return the message for a tracking server that is off or refuses a request, with the fix."""
    return (
        f"The tracking server {mask_uri(uri)} cannot be used: {reason_of(error)}\n"
        "Start it, or name another one: server.mlflow_tracking_uri in mlflow.yml, or "
        "MLFLOW_TRACKING_URI in the shell."
    )


@contextmanager
def impatient() -> Iterator[None]:
    """Let requests to a tracking server fail after seconds. MLflow repeats them for minutes."""
    limits = {
        MLFLOW_HTTP_REQUEST_MAX_RETRIES.name: "0",
        MLFLOW_HTTP_REQUEST_TIMEOUT.name: str(SECONDS_TO_ANSWER),
    }
    before = {name: os.environ.get(name) for name in limits}
    os.environ.update(limits)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


class OneWarning(logging.Filter):
    """Says once each time that a tracking server goes away, and not at each of the repeats."""

    def __init__(self, uri: str) -> None:
        """Create the filter of what the client of this server logs."""
        super().__init__()
        self.uri, self.last_repeat = mask_uri(uri), 0.0

    def filter(self, record: logging.LogRecord) -> bool:
        """Let pass what is no repeat of a request to a tracking server."""
        text = record.getMessage()
        if API not in text or not text.startswith("Retrying"):
            return True
        is_new = record.created - self.last_repeat > SECONDS_APART
        self.last_repeat = record.created
        if is_new:
            logger.warning(
                "The tracking server %s does not answer. It is asked again for a minute.", self.uri
            )
        return False


def wait_a_minute_for(uri: str) -> None:
    """Let requests of this process to a tracking server fail after a minute of repeats.

    MLFLOW_HTTP_REQUEST_MAX_RETRIES of the shell comes first.
    """
    os.environ.setdefault(MLFLOW_HTTP_REQUEST_MAX_RETRIES.name, str(REPEATS))
    client = logging.getLogger("urllib3.connectionpool")
    for former in [each for each in client.filters if isinstance(each, OneWarning)]:
        client.removeFilter(former)
    client.addFilter(OneWarning(uri))


def reason_of(error: BaseException) -> str:
    """Return the message of the error's first cause, cut to one line."""
    while cause := error.__cause__ or error.__context__:
        error = cause
    return " ".join(str(error).split())[:200] or type(error).__name__
