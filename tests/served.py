"""A registered model behind MLflow's server, in processes of its own or in a thread; a client."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from threading import Thread
from typing import Any, NamedTuple

import pandas as pd
import pytest
import uvicorn
from mlflow.pyfunc import PyFuncModel, scoring_server

COLUMNS = ["row", "user_id", "rank", "item_id", "title", "score", "source", "unknown_items"]
LOOPBACK = "127.0.0.1"
JSON = "application/json"
TO_START = 120  # seconds; on an idle machine it takes five
TO_ANSWER = 60
TO_END = 20  # seconds after the signal; on an idle machine it takes one

DECOY = "raise ImportError('this is not the code in the artifact')\n"


class Answer(NamedTuple):
    """An answer of the server."""

    status: int
    text: str

    @property
    def lines(self) -> list[dict[str, Any]]:
        """The lines of the lists. Raises an error for another status and for NaN in the JSON."""
        assert self.status == 200, self.text
        content = json.loads(self.text, parse_constant=_refuse)
        # MLflow answers a chat request (prompt, input, messages) without the key `predictions`
        return content["predictions"] if isinstance(content, dict) else content

    @property
    def message(self) -> str:
        """The message of a refusal."""
        return json.loads(self.text)["message"]

    @property
    def table(self) -> pd.DataFrame:
        """The lines as a table like that of `predict`; null is None beside ids of any type."""
        return pd.DataFrame(self.lines, columns=COLUMNS, dtype=object).astype({"score": float})


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


@dataclass(frozen=True)
class Client:
    """A client of the server at this port of the loopback address."""

    port: int

    def ask(self, rows: list[dict[str, Any]], **params: Any) -> Answer:
        """Send a request in the usual form: a list of rows, and params if there are any."""
        return self.send({"dataframe_records": rows} | ({"params": params} if params else {}))

    def send(self, request: Any) -> Answer:
        """Send any value as JSON, with NaN and Infinity as they are."""
        return self.post(json.dumps(request).encode())

    def post(self, body: bytes, content_type: str | None = JSON) -> Answer:
        """Send these bytes; a content type of None sends no such header."""
        headers = {} if content_type is None else {"Content-Type": content_type}
        return request(self.port, "POST", "/invocations", body, headers)

    def get(self, path: str) -> Answer:
        """Get a page of the server."""
        return request(self.port, "GET", path, b"", {})


@dataclass(frozen=True)
class Server(Client):
    """A client, and how its server was started."""

    log: Path
    environment: dict[str, str]
    """The environment variables it was started with."""


@contextmanager
def serving_here(model: PyFuncModel) -> Iterator[Client]:
    """Run MLflow's server of a loaded model in a thread, which saves the start of two processes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_IS_IN_SERVING_ENVIRONMENT", "true")  # `init` sets it for the process
        app = scoring_server.init(model)
    with running(app) as port:
        yield Client(port)


@contextmanager
def running(app: Any) -> Iterator[int]:
    """Run an ASGI app in a thread; return its port of the loopback address."""
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(app, LOOPBACK, port, log_config=None))
    thread = Thread(target=server.run)
    thread.start()
    try:
        deadline = time.monotonic() + TO_START
        while not server.started:
            assert thread.is_alive() and time.monotonic() < deadline, "the server did not start"
            time.sleep(0.01)
        yield port
    finally:
        server.should_exit = True
        thread.join(TO_END)


@contextmanager
def serving(store: str, model: str, folder: Path, *options: str) -> Iterator[Server]:
    """Run `mlflow models serve` of `models:/<model>` in the context; end all its processes after.

    It runs in `folder`, outside of any project. It can import this package only from the artifact:
    a package of the same name whose import fails is on the path before any installed one.
    """
    port, log, environment = free_port(), folder / "server.log", environment_of(store, folder)
    command = [sys.executable, "-m", "mlflow", "models", "serve", "-m", f"models:/{model}"]
    command += ["--env-manager", "local", "-p", str(port), *options]
    with log.open("wb") as written:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=written,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        wait_until_it_answers(port, process, log)
        yield Server(port, log, environment)
    finally:
        _stop(process)


def environment_of(store: str, folder: Path) -> dict[str, str]:
    """Environment variables of a server: its store, the path of uvicorn, the failing package."""
    decoy = folder / "decoy" / "collaborative_autoencoders"
    decoy.mkdir(parents=True)
    (decoy / "__init__.py").write_text(DECOY)
    scripts = str(Path(sys.executable).parent)
    inherited = {name: value for name, value in os.environ.items() if name != "MLFLOW_HOST"}
    return inherited | {
        "MLFLOW_TRACKING_URI": store,
        "PYTHONPATH": str(decoy.parent),
        "PATH": os.pathsep.join([scripts, os.environ.get("PATH", "")]),
    }


def free_port() -> int:
    """A port of the loopback address that is not in use."""
    with socket.socket() as listener:
        listener.bind((LOOPBACK, 0))
        return listener.getsockname()[1]


def wait_until_it_answers(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    """Raise AssertionError with the log if the process ends before the server answers."""
    deadline = time.monotonic() + TO_START
    while not _answers(port):
        so_far = f"the server's log:\n{log.read_text(errors='replace')}"
        assert process.poll() is None, f"the server did not start; {so_far}"
        assert time.monotonic() < deadline, f"no answer in {TO_START} s; {so_far}"
        time.sleep(0.1)


def _answers(port: int) -> bool:
    try:
        return request(port, "GET", "/ping", b"", {}).status == 200
    except OSError:
        return False


def request(port: int, method: str, path: str, body: bytes, headers: dict[str, str]) -> Answer:
    connection = HTTPConnection(LOOPBACK, port, timeout=TO_ANSWER)
    try:
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        return Answer(response.status, response.read().decode())
    finally:
        connection.close()


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End MLflow and the server it started, which are one process group."""
    _signal_group(process.pid, signal.SIGTERM)
    deadline = time.monotonic() + TO_END
    while process.poll() is None or _signal_group(process.pid, 0):
        if time.monotonic() > deadline:
            _signal_group(process.pid, signal.SIGKILL)
            process.wait(TO_END)
            raise AssertionError(f"a process of the server was still running after {TO_END} s")
        time.sleep(0.05)


def _signal_group(leader: int, number: int) -> bool:
    """Send a signal to every process of the group. Return whether there was any."""
    try:
        os.killpg(leader, number)
    except ProcessLookupError:
        return False
    return True
