"""The processes of a server: how many there are, and the command that starts them."""

import errno
import os
import socket
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mlflow.models import Model

WORKERS = 2
WORKER_BYTES = 2**29
"""Memory of a process beside its model: MLflow, pandas and torch, and the requests it answers."""
COPIES = 2
"""Copies of the model's files that a process has in memory while it loads and checks them."""


def workers_for(model_bytes: int, memory: int | None, cores: int) -> int:
    """Return two if the machine has two cores and memory for two processes with this model.

    Python answers one request at a time in a process, so the second core needs a second process.
    `memory` is that of the machine in bytes; None, for unknown, allows one process.
    """
    needed = WORKERS * (WORKER_BYTES + COPIES * model_bytes)
    return WORKERS if cores >= WORKERS and memory is not None and needed <= memory else 1


def bytes_of(model_uri: str) -> int:
    """Return the size of a registered model's files. Raises MlflowException if there is none."""
    return int(Model.load(model_uri).model_size_bytes or 0)


def is_free(host: str, port: int) -> bool:
    """Return whether a server can listen there. An unknown host is left to the server's error."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
        except OSError as error:
            return error.errno != errno.EADDRINUSE
    return True


def serve_command(model_uri: str, workers: int, **options: Any) -> list[str]:
    """Return the command of MLflow that serves a model in this environment."""
    command = [sys.executable, "-m", "mlflow", "models", "serve", "--model-uri", model_uri]
    given = {"env-manager": "local", "workers": workers} | options
    return command + [word for name, value in given.items() for word in (f"--{name}", str(value))]


def serve_environment(
    environment: Mapping[str, str], store: str, workers: int, cores: int
) -> dict[str, str]:
    """Return the environment variables of a server.

    It finds the store and the `uvicorn` of this environment, shows no progress bars, and its
    processes share the cores, unless OMP_NUM_THREADS is set.
    """
    threads = {"OMP_NUM_THREADS": str(max(1, cores // workers))}
    return (
        threads
        | dict(environment)
        | {
            "MLFLOW_TRACKING_URI": store,
            "PATH": os.pathsep.join(
                [str(Path(sys.executable).parent), environment.get("PATH", "")]
            ),
            "TQDM_DISABLE": "1",
        }
    )
