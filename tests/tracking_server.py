"""MLflow's tracking server on a free port of the loopback address."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from served import LOOPBACK, TO_START, free_port

FILES = "files"


@contextmanager
def running_server(folder: Path, store: str) -> Iterator[str]:
    """Run a server of this store, which keeps artifacts in `files` of its folder; its address."""
    port, log = free_port(), folder / "log"
    command = [sys.executable, "-m", "mlflow", "server", "--host", LOOPBACK, "--port", str(port)]
    artifacts = ["--serve-artifacts", "--artifacts-destination", FILES]
    with log.open("w") as written:
        process = subprocess.Popen(
            [*command, *artifacts, "--workers", "1"],
            cwd=folder,
            stdout=written,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env=os.environ
            | {"MLFLOW_BACKEND_STORE_URI": store, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"},
        )
    address, deadline = f"http://{LOOPBACK}:{port}", time.monotonic() + TO_START
    try:
        while not _answers(address):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.2)
        yield address
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, 9)
        process.wait()


def _answers(address: str) -> bool:
    with suppress(URLError, ConnectionError):
        return urlopen(f"{address}/health", timeout=5).status == 200
    return False
