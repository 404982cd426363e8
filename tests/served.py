"""A registered model behind `mlflow models serve`, as a person types it, and a client of it."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

COLUMNS = ["row", "user_id", "rank", "item_id", "title", "score", "source", "unknown_items"]
LOOPBACK = "127.0.0.1"
JSON = "application/json"
TO_START = 120  # seconds until it certainly answers; on an idle machine it takes five
TO_ANSWER = 60
TO_END = 20  # seconds from the signal; one, where nothing else runs

DECOY = "raise ImportError('this is not the code that lies in the artifact')\n"


class Answer(NamedTuple):
    """What the server said."""

    status: int
    text: str

    @property
    def lines(self) -> list[dict[str, Any]]:
        """The lines of the lists. Raises where there are none, or they are no JSON by the book."""
        assert self.status == 200, self.text
        told = json.loads(self.text, parse_constant=_refuse)
        # MLflow answers without an envelope where a chat would be asked: prompt, input, messages
        return told["predictions"] if isinstance(told, dict) else told

    @property
    def says(self) -> str:
        """The sentence that goes with a refusal."""
        return json.loads(self.text)["message"]

    @property
    def table(self) -> pd.DataFrame:
        """The lines as `predict` gives them; null stays None beside ids of any type."""
        return pd.DataFrame(self.lines, columns=COLUMNS, dtype=object).astype({"score": float})


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


class Server(NamedTuple):
    """A server that answers at this port of the loopback."""

    port: int
    log: Path
    environment: dict[str, str]
    """What it was started with."""

    def ask(self, rows: list[dict[str, Any]], **params: Any) -> Answer:
        """A question as most clients put it: a list of rows, and params if there are any."""
        return self.send({"dataframe_records": rows} | ({"params": params} if params else {}))

    def send(self, question: Any) -> Answer:
        """Anything as JSON, NaN and Infinity written as they are."""
        return self.post(json.dumps(question).encode())

    def post(self, body: bytes, content_type: str | None = JSON) -> Answer:
        """These bytes, and None for no header that says what they are."""
        headers = {} if content_type is None else {"Content-Type": content_type}
        return _request(self.port, "POST", "/invocations", body, headers)


@contextmanager
def serving(store: str, model: str, folder: Path, *options: str) -> Iterator[Server]:
    """`mlflow models serve` of `models:/<model>` until it is left; no process is left over.

    It works in `folder`, outside of any project. What it imports of this package can only be the
    code in the artifact: a package of the same name that fails comes before any that is installed.
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
        _wait_until_it_answers(port, process, log)
        yield Server(port, log, environment)
    finally:
        _stop(process)


def environment_of(store: str, folder: Path) -> dict[str, str]:
    """The variables of a server: its store, where uvicorn lies, and a decoy for this package."""
    decoy = folder / "decoy" / "collaborative_autoencoders"
    decoy.mkdir(parents=True)
    (decoy / "__init__.py").write_text(DECOY)
    scripts = str(Path(sys.executable).parent)
    told_nothing = {name: value for name, value in os.environ.items() if name != "MLFLOW_HOST"}
    return told_nothing | {
        "MLFLOW_TRACKING_URI": store,
        "PYTHONPATH": str(decoy.parent),
        "PATH": os.pathsep.join([scripts, os.environ.get("PATH", "")]),
    }


def free_port() -> int:
    """A port of the loopback that nobody listens to."""
    with socket.socket() as listener:
        listener.bind((LOOPBACK, 0))
        return listener.getsockname()[1]


def _wait_until_it_answers(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + TO_START
    while not _answers(port):
        told = f"the server's log:\n{log.read_text(errors='replace')}"
        assert process.poll() is None, f"no server was started; {told}"
        assert time.monotonic() < deadline, f"no answer in {TO_START} s; {told}"
        time.sleep(0.1)


def _answers(port: int) -> bool:
    try:
        return _request(port, "GET", "/ping", b"", {}).status == 200
    except OSError:
        return False


def _request(port: int, method: str, path: str, body: bytes, headers: dict[str, str]) -> Answer:
    connection = HTTPConnection(LOOPBACK, port, timeout=TO_ANSWER)
    try:
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        return Answer(response.status, response.read().decode())
    finally:
        connection.close()


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End mlflow and the server that it started, which are one group."""
    _signal_group(process.pid, signal.SIGTERM)
    deadline = time.monotonic() + TO_END
    while process.poll() is None or _signal_group(process.pid, 0):
        if time.monotonic() > deadline:
            _signal_group(process.pid, signal.SIGKILL)
            process.wait(TO_END)
            raise AssertionError(f"a process of the server was left after {TO_END} s")
        time.sleep(0.05)


def _signal_group(leader: int, number: int) -> bool:
    """Send a signal to every process of the group; whether there was any."""
    try:
        os.killpg(leader, number)
    except ProcessLookupError:
        return False
    return True
