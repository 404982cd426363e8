"""Send bad requests to a served model, hang up on it, and search a password in what runs wrote.

    python -m benchmarks.attacks.requests [--requests 400] [--seed 0] [--timeout 3]

A small EASE is fitted and registered in a project that is thrown away, and served by `mlflow models
serve --timeout 3`. Requests are valid, misspelt, malformed or oversized, drawn by the seed; then
clients send the largest valid requests and hang up, and others wait until the timeout. Two runs,
one with a wrong tracking URI and one with a wrong study URI, have a password in them.

Exit status 1 if an answer is not of the expected kind, if there is a server error, if the server's
memory does not stay in bounds, or if the password is found. Takes about a minute on two cores.
"""

import argparse
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.serving import stop

ROOT = Path(__file__).parents[2]
LOOPBACK, TO_START, TO_ANSWER = "127.0.0.1", 120, 180
USERS, ITEMS = 300, 600
PASSWORD = "Geh31m-in-a-URI"
MOST_MB = 700
"""How much memory the server may take beyond what it had after its first answers."""
JSON = "application/json"
EXPECTED = {
    "valid": {200},
    "misspelt": {400},
    "malformed": {400, 415},
    "oversized": {400, 413},
    "waiting": {200, 503, 504},
}

Request = tuple[bytes, str | None]


def main() -> int:
    """Attack, print a table, and return the exit status."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--requests", type=int, default=400)
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--timeout", type=int, default=3, help="seconds, of the server")
    asked = options.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # ends the server too
    with TemporaryDirectory() as folder:
        project = new_project(Path(folder) / "project")
        with serving(project, asked.timeout) as (port, leader):
            problems = served_requests(port, leader, asked.requests, random.Random(asked.seed))
        problems += passwords(project)
    print("\n".join(problems) or "nothing got through")
    return 1 if problems else 0


def new_project(folder: Path) -> Path:
    """Write a project with this configuration; fit and register EASE on fabricated ratings."""
    (folder / "src").mkdir(parents=True)
    shutil.copy(ROOT / "pyproject.toml", folder)
    shutil.copytree(ROOT / "conf", folder / "conf")
    catalog = folder / "conf" / "test" / "catalog_data_engineering.yml"
    larger = catalog.read_text().replace("users: 60", f"users: {USERS}")
    catalog.write_text(larger.replace("items: 40", f"items: {ITEMS}"))
    done = kedro(
        folder, "--namespaces", "data_engineering,ease", "--params", "registration.enabled=true"
    )
    if done.returncode:
        raise SystemExit(done.stdout + done.stderr)
    return folder


def kedro(project: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the models for lists in the project."""
    command = [sys.executable, "-m", "kedro", "run", "--env", "test", "--pipelines", "ranking"]
    return subprocess.run(
        [*command, *arguments],
        cwd=project,
        env=os.environ | {"DO_NOT_TRACK": "true", "PYTHONPATH": str(ROOT / "src")} | environment,
        capture_output=True,
        text=True,
    )


# --- requests ---


def served_requests(port: int, leader: int, count: int, draw: random.Random) -> list[str]:
    """Attack a server of the model, print what happened, and return the problems."""
    for _ in range(20):
        ask(port, (valid(draw), JSON))
    before, started = memory_mb(leader), time.monotonic()
    kinds = draw.choices([*REQUESTS], k=count)
    requests = [(kind, REQUESTS[kind](draw)) for kind in kinds]
    answers: Counter[tuple[str, int]] = Counter()
    with ThreadPoolExecutor(8) as clients:
        answers.update(clients.map(lambda one: (one[0], ask(port, one[1])), requests))
    peak = memory_mb(leader)
    for _ in range(40):
        hang_up(port, largest(draw))
    with ThreadPoolExecutor(12) as clients:
        waiting = clients.map(lambda _: ask(port, (largest(draw), JSON)), range(24))
        answers.update(("waiting", status) for status in waiting)
    peak = max(peak, memory_mb(leader))
    answers["valid", ask(port, (valid(draw), JSON))] += 1
    after = memory_mb(leader)
    print_answers(answers)
    print(
        f"memory of the server: {before:.0f} MB before, {peak:.0f} MB under attack, "
        f"{after:.0f} MB after; {time.monotonic() - started:.0f} s"
    )
    problems = [
        f"{number} {kind} requests had status {status}"
        for (kind, status), number in answers.items()
        if status not in EXPECTED[kind]
    ]
    if max(peak, after) > before + MOST_MB:
        problems.append(f"the server's memory grew by more than {MOST_MB} MB")
    return problems


def print_answers(answers: Counter[tuple[str, int]]) -> None:
    statuses = sorted({status for _, status in answers})
    print(f"{'requests':<12}" + "".join(f"{status:>7}" for status in statuses))
    for kind in EXPECTED:
        counts = (answers[kind, status] for status in statuses)
        print(f"{kind:<12}" + "".join(f"{count or '–':>7}" for count in counts))
    errors = sum(number for (_, status), number in answers.items() if status in (0, 500))
    print(f"server errors: {errors}")


def rows_of(draw: random.Random, count: int, length: int) -> list[dict[str, Any]]:
    """Return rows of known and unknown users with and without histories."""
    return [
        {
            "user_id": draw.choice([None, f"user-{draw.randrange(USERS):02d}"]),
            "history": [f"film-{draw.randrange(ITEMS):02d}" for _ in range(draw.randrange(length))],
        }
        for _ in range(count)
    ]


def records(rows: Any, **params: Any) -> bytes:
    return json.dumps({"dataframe_records": rows, "params": params}).encode()


def valid(draw: random.Random) -> bytes:
    return records(rows_of(draw, draw.randrange(1, 20), 30), n=draw.randrange(1, 50))


def largest(draw: random.Random) -> bytes:
    """Return a request that takes seconds and passes no limit."""
    return records(rows_of(draw, 9_900, 30), n=10)


def misspelt(draw: random.Random) -> Request:
    name = draw.choice(["exclude_seen", "exclude_items", "only_items", "history", "ratings"])
    place = draw.randrange(len(name) - 1)
    wrong = name[:place] + name[place + 1] + name[place] + name[place + 2 :]
    wrong = wrong if wrong != name else name + "s"
    rows = rows_of(draw, 3, 5)
    if name in ("history", "ratings"):
        rows[-1][wrong] = []
        return records(rows), JSON
    return records(rows, **{wrong: True}), JSON


def malformed(draw: random.Random) -> Request:
    body, depth = valid(draw), 10 ** draw.randrange(2, 6)
    scramble = bytearray(body[: draw.randrange(1, len(body))])
    odd = draw.choice([[[]], {"a": 1}, 1e400, True, "user", 55, "=cmd()"])
    choices: list[Request] = [
        (bytes(scramble), JSON),
        (b"[" * depth + b"]" * depth, JSON),
        (b'{"dataframe_records": [{"user_id": ' + b"7" * 5_000 + b"}]}", JSON),
        (records([{"history": odd}]), JSON),
        (records([{"user_id": [odd]}]), JSON),
        (records([{"history": ["film-00"], "ratings": [odd]}]), JSON),
        (records(rows_of(draw, 1, 3), n=[odd]), JSON),
        (b'{"dataframe_split": {"columns": [{"a": 1}], "data": [[1]]}}', JSON),
        (bytes(draw.randrange(256) for _ in range(50)), JSON),
        (body, draw.choice([None, "text/plain", "", "application/json; charset=latin-1"])),
    ]
    return draw.choice(choices)


def oversized(draw: random.Random) -> Request:
    known = {"user_id": "user-01"}
    bodies = [
        lambda: b" " * (9 * 2**20) + valid(draw),
        lambda: records([known] * 10_001),
        lambda: records([known] * 9_000, n=500),
        lambda: records([{"history": ["film-01"] * 20_001}]),
    ]
    return draw.choice(bodies)(), JSON


REQUESTS = {
    "valid": lambda draw: (valid(draw), JSON),
    "misspelt": misspelt,
    "malformed": malformed,
    "oversized": oversized,
}


def ask(port: int, request: Request) -> int:
    """Send a request and return the status; 0 if the server closed the connection."""
    body, kind = request
    connection = HTTPConnection(LOOPBACK, port, timeout=TO_ANSWER)
    try:
        headers = {} if kind is None else {"Content-Type": kind}
        connection.request("POST", "/invocations", body, headers)
        answer = connection.getresponse()
        answer.read()
        return answer.status
    except OSError:
        return 0
    finally:
        connection.close()


def hang_up(port: int, body: bytes) -> None:
    """Send a request and close the connection."""
    head = f"POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Type: {JSON}\r\n"
    with socket.create_connection((LOOPBACK, port), timeout=TO_ANSWER) as connection:
        connection.sendall(head.encode() + f"Content-Length: {len(body)}\r\n\r\n".encode() + body)
        time.sleep(0.1)


@contextmanager
def serving(project: Path, timeout: int) -> Iterator[tuple[int, int]]:
    """Serve the champion; yield the port and the leader of the server's process group."""
    with socket.socket() as listener:
        listener.bind((LOOPBACK, 0))
        port = listener.getsockname()[1]
    scripts = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    command = ["mlflow", "models", "serve", "-m", "models:/ease@champion", "--env-manager", "local"]
    log = project / "server.log"
    with log.open("wb") as written:
        server = subprocess.Popen(
            [sys.executable, "-m", *command, "-p", str(port), "--timeout", str(timeout)],
            cwd=project,
            env=os.environ | {"MLFLOW_TRACKING_URI": store_of(project), "PATH": scripts},
            stdout=written,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        deadline = time.monotonic() + TO_START
        while ask(port, (b"{}", JSON)) == 0:
            if server.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(log.read_text(errors="replace"))
            time.sleep(0.2)
        yield port, server.pid
    finally:
        stop(server)


def store_of(project: Path) -> str:
    return f"sqlite:///{project.as_posix()}/mlflow.db"


def memory_mb(leader: int) -> float:
    """Return the resident memory of all processes of a group; 0 where there is no /proc."""
    pages = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:  # the process has ended
            continue
        if int(fields[2]) == leader:
            pages += int(fields[21])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20 if pages else 0.0


# --- passwords ---


def passwords(project: Path) -> list[str]:
    """Run with wrong URIs, and return the places in which the password is found."""
    study = f"tuning.storage=postgresql://ann:{PASSWORD}@{LOOPBACK}:9/d?sslpassword={PASSWORD}"
    runs = [kedro(project, "--namespaces", "data_engineering", "--params", study)]
    (project / "conf" / "test" / "mlflow.yml").write_text(
        "server:\n  mlflow_tracking_uri: ${oc.env:ATTACKED_STORE}\n"
    )
    uri = f"http://ann:{PASSWORD}@{LOOPBACK}:9"
    quick = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0", "ATTACKED_STORE": uri}
    runs.append(kedro(project, "--namespaces", "data_engineering", **quick))
    (project / "terminal.log").write_text("".join(run.stdout + run.stderr for run in runs))
    written = [path for path in project.rglob("*") if path.is_file()]
    found = [path for path in written if PASSWORD.encode() in path.read_bytes()]
    statuses = [run.returncode for run in runs]
    print(f"a password: searched in {len(written)} files and the terminal, in {len(found)}")
    problems = [f"the password is in {path.relative_to(project)}" for path in found]
    if statuses != [0, 1]:
        problems.append(f"the two runs had the exit statuses {statuses}, and not 0 and 1")
    return problems


if __name__ == "__main__":
    raise SystemExit(main())
