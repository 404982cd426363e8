"""Measure how fast a served model answers, beside a trivial model behind the same server.

    python benchmarks/serving.py [--requests 500] [--batch 1000]

Ours is the registered CDAE of the default run on MovieLens 100K, behind `mlflow models serve`. The
trivial model has the same signature and returns the same n lines with the same columns for every
row. HTTP, MLflow, pandas and the size of the JSON answer are therefore in both, and the difference
is our own share: read the row, score every item, exclude seen items, take the best n. Both servers
run with one thread each. One client asks them in turn, over a connection that stays open, for lists
of 10.

- one user: a known user by id, or an unseen user with a history of 50 items
- in batch: rows of known users; the median of `--rounds` requests

`benchmarks/serving_load.py` has several clients at once. The stores are thrown away afterwards. Raw
data in data/01_raw are used.
"""

import argparse
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from http.client import HTTPConnection
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import mlflow
import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).parents[1]
LOOPBACK, TO_START, WARM_UP, N = "127.0.0.1", 120, 50, 10
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
LOCAL = ("--env-manager", "local")
OURS, TRIVIAL = "cdae", "trivial"
USERS, ITEMS, HISTORY = 943, 1000, 50

TRIVIAL_MODEL = """
import numpy as np
import pandas as pd
from mlflow.models import set_model
from mlflow.pyfunc import PythonModel

SCORES = np.linspace(1, 0, 100, dtype=np.float32)


class Trivial(PythonModel):
    def predict(self, context, model_input, params=None):
        rows, n = len(model_input), params["n"]
        return pd.DataFrame(
            {
                "row": np.repeat(np.arange(rows), n),
                "user_id": np.repeat(model_input["user_id"].to_numpy(), n),
                "rank": np.tile(np.arange(n) + 1, rows),
                "item_id": np.tile(np.arange(n) + 100, rows),
                "title": np.tile([f"The title of film {rank} (1997)" for rank in range(n)], rows),
                "score": np.tile(SCORES[:n], rows),
                "source": "model",
                "unknown_items": np.zeros(rows * n, dtype=np.int64),
            }
        )


set_model(Trivial())
"""

Ask = Callable[[list[dict[str, Any]]], float]


def main() -> None:
    """Fit and register, start both servers, ask them in turn, and print the times."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--requests", type=int, default=500)
    options.add_argument("--batch", type=int, default=1000)
    options.add_argument("--rounds", type=int, default=20)
    asked = options.parse_args()
    most = max(asked.requests, asked.batch)
    users = np.random.default_rng(0).integers(1, USERS + 1, most).tolist()
    known = [{"user_id": user} for user in users]
    with TemporaryDirectory() as folder, ExitStack() as servers:
        project = our_project(Path(folder) / "project")
        store = f"sqlite:///{project.as_posix()}/mlflow.db"
        register_trivial(store, Path(folder))
        asks = {
            name: servers.enter_context(serving(store, name, Path(folder)))
            for name in (OURS, TRIVIAL)
        }
        one_at_a_time = {
            "a known user": [[row] for row in known[: asked.requests]],
            "an unseen user": [[unseen_row(number)] for number in range(asked.requests)],
        }
        for what, requests in one_at_a_time.items():
            in_turn(asks, requests[:WARM_UP])
            print_latencies(what, in_turn(asks, requests))
        batches = [known[: asked.batch]] * asked.rounds
        in_turn(asks, batches[:2])
        print_throughput(asked.batch, in_turn(asks, batches))


def our_project(folder: Path) -> Path:
    """Write a project with this configuration and its own store; fit and register CDAE in it."""
    (folder / "src").mkdir(parents=True)
    shutil.copy(ROOT / "pyproject.toml", folder)
    shutil.copytree(ROOT / "conf", folder / "conf")
    shutil.copytree(ROOT / "data" / "01_raw", folder / "data" / "01_raw")
    environment = os.environ | ONE_THREAD | {"DO_NOT_TRACK": "true"}
    done = subprocess.run(
        [sys.executable, "-m", "kedro", "run", "--namespaces", "data_engineering,cdae"],
        cwd=folder,
        env=environment | {"PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise SystemExit(done.stdout + done.stderr)
    return folder


def register_trivial(store: str, folder: Path) -> None:
    """Register a model that has the signature of ours and computes nothing."""
    code = folder / "trivial.py"
    code.write_text(TRIVIAL_MODEL)
    mlflow.set_tracking_uri(store)
    ours = mlflow.models.get_model_info(f"models:/{OURS}@champion")
    artifacts = (folder / "artifacts").as_uri()
    with mlflow.start_run(experiment_id=mlflow.create_experiment("trivial", artifacts)):
        mlflow.pyfunc.log_model(
            name=TRIVIAL,
            python_model=str(code),
            signature=ours.signature,
            pip_requirements=["mlflow", "pandas"],
            registered_model_name=TRIVIAL,
        )
    mlflow.MlflowClient().set_registered_model_alias(TRIVIAL, "champion", "1")


@contextmanager
def serving(store: str, name: str, folder: Path) -> Iterator[Ask]:
    """Serve a champion; yield a function that sends rows and returns the seconds it took."""
    with server_of(store, name, folder) as (_, connection):
        yield lambda rows: seconds_of(connection, rows)


@contextmanager
def server_of(
    store: str, name: str, folder: Path, workers: int = 1
) -> Iterator[tuple[int, HTTPConnection]]:
    """Serve a champion; yield the group of the server's processes and a connection to it."""
    with socket.socket() as listener:
        listener.bind((LOOPBACK, 0))
        port = listener.getsockname()[1]
    scripts = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    command = ["mlflow", "models", "serve", "-m", f"models:/{name}@champion"]
    log = folder / f"{name}.log"
    with log.open("wb") as written:
        server = subprocess.Popen(
            [sys.executable, "-m", *command, *LOCAL, "-p", str(port), "--workers", str(workers)],
            cwd=folder,
            env=os.environ | ONE_THREAD | {"MLFLOW_TRACKING_URI": store, "PATH": scripts},
            stdout=written,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        connection = connected(port, server, log)
        yield server.pid, connection
        connection.close()
    finally:
        stop(server)


def stop(server: subprocess.Popen[bytes]) -> None:
    """Stop mlflow and the server that it started, and wait for both."""
    group, number = server.pid, signal.SIGTERM
    with suppress(ProcessLookupError):  # no process of the group is left
        while True:
            os.killpg(group, number)
            server.poll()
            number = 0
            time.sleep(0.05)


def connected(port: int, server: subprocess.Popen[bytes], log: Path) -> HTTPConnection:
    """Wait until the server answers; return a connection that the first request opens."""
    connection = HTTPConnection(LOOPBACK, port, timeout=TO_START)
    deadline = time.monotonic() + TO_START
    while True:
        try:
            connection.request("GET", "/ping")
            connection.getresponse().read()
            connection.close()  # a server drops an idle connection; the first request reopens it
            return connection
        except OSError:
            connection.close()
            if server.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(log.read_text(errors="replace")) from None
            time.sleep(0.1)


def seconds_of(connection: HTTPConnection, rows: list[dict[str, Any]]) -> float:
    """Return the seconds from the first byte of a request to the last byte of its answer.

    The lines of the answer are counted after the clock has stopped.
    """
    request = json.dumps({"dataframe_records": rows, "params": {"n": N}})
    start = time.perf_counter()
    connection.request("POST", "/invocations", request, {"Content-Type": "application/json"})
    answer = connection.getresponse().read()
    seconds = time.perf_counter() - start
    lines = json.loads(answer)["predictions"]
    assert len(lines) == N * len(rows), f"{len(lines)} lines for {len(rows)} rows"
    return seconds


def unseen_row(seed: int) -> dict[str, Any]:
    """Return an unseen user with a history of 50 of the films with the lowest ids."""
    films = np.random.default_rng(seed).choice(ITEMS, size=HISTORY, replace=False)
    return {"user_id": None, "history": [int(film) + 1 for film in films]}


def in_turn(
    asks: dict[str, Ask], requests: list[list[dict[str, Any]]]
) -> dict[str, NDArray[np.float64]]:
    """Send each request to both servers, in alternating order, and return the seconds of each."""
    taken: dict[str, list[float]] = {name: [] for name in asks}
    for number, rows in enumerate(requests):
        for name in [*asks][:: 1 if number % 2 else -1]:
            taken[name].append(asks[name](rows))
    return {name: np.array(seconds) for name, seconds in taken.items()}


def print_latencies(what: str, taken: dict[str, NDArray[np.float64]]) -> None:
    print(f"{what}, {len(taken[OURS])} requests of one row")
    p50s = {name: np.percentile(seconds, 50) * 1e3 for name, seconds in taken.items()}
    for name, seconds in taken.items():
        p99 = np.percentile(seconds, 99) * 1e3
        print(f"  {name:<8} p50 {p50s[name]:6.2f} ms   p99 {p99:6.2f} ms")
    ours, trivial = p50s[OURS], p50s[TRIVIAL]
    print(
        f"  our own share of p50: {ours - trivial:.2f} ms, {ours / trivial:.2f} x the trivial one"
    )


def print_throughput(batch: int, taken: dict[str, NDArray[np.float64]]) -> None:
    print(f"requests of {batch:,} rows, {len(taken[OURS])} of them")
    speeds = {name: batch / np.median(seconds) for name, seconds in taken.items()}
    for name, speed in speeds.items():
        print(f"  {name:<8} {speed:7,.0f} rows/s")
    share = 1 / speeds[OURS] - 1 / speeds[TRIVIAL]
    ratio = speeds[TRIVIAL] / speeds[OURS]
    print(f"  our own share of a row: {share * 1e6:.0f} µs, {ratio:.2f} x the trivial one")


if __name__ == "__main__":
    main()
