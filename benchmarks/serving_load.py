"""Measure a served model with several clients at once, and the memory of its processes.

    python benchmarks/serving_load.py [--clients 1,8] [--workers 1,2] [--seconds 4] [--rounds 5]

The model is the one of `benchmarks/serving.py`. A client sends a known user over a connection that
stays open, and the next one as soon as it has the answer. The clients are one process, which takes
some of the machine's two cores. The servers are asked in turn, and each figure is the median of
`--rounds` rounds. CPU time is that of all processes of the server; if other programs use the cores,
it says more than the times. Memory is the proportional set size (Linux), in which memory that two
processes share counts once; `own` is what no other process has.
"""

import argparse
import os
import selectors
import statistics
import time
from collections.abc import Iterator
from contextlib import ExitStack
from http.client import HTTPConnection
from itertools import cycle
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np
from serving import LOOPBACK, OURS, TO_START, USERS, our_project, server_of

WARM_UP_SECONDS = 2
TICKS = os.sysconf("SC_CLK_TCK")


class Load(NamedTuple):
    """What clients got in one round."""

    per_second: float
    p50_ms: float
    p99_ms: float
    cpu_ms: float


def main() -> None:
    """Fit and register, start a server for each number of workers, and ask them in turn."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--clients", default="1,8")
    options.add_argument("--workers", default="1,2")
    options.add_argument("--seconds", type=float, default=4)
    options.add_argument("--rounds", type=int, default=5)
    asked = options.parse_args()
    clients, workers = (
        [int(number) for number in text.split(",")] for text in (asked.clients, asked.workers)
    )
    with TemporaryDirectory() as folder, ExitStack() as servers:
        project = our_project(Path(folder) / "project")
        store = f"sqlite:///{project.as_posix()}/mlflow.db"
        started = {}
        for number in workers:
            logs = Path(folder) / f"workers-{number}"
            logs.mkdir()
            group, connection = servers.enter_context(server_of(store, OURS, logs, number))
            started[number] = group, connection.port
            load(group, connection.port, 8 * number, WARM_UP_SECONDS)
        rounds: dict[tuple[int, int], list[Load]] = {}
        for _ in range(asked.rounds):
            for number, server in started.items():
                for count in clients:
                    found = load(*server, count, asked.seconds)
                    rounds.setdefault((number, count), []).append(found)
        for (number, count), loads in rounds.items():
            median = Load(*map(statistics.median, zip(*loads, strict=True)))
            print(
                f"{number} workers, {count} clients: {median.per_second:4.0f} requests/s   "
                f"p50 {median.p50_ms:6.2f} ms   p99 {median.p99_ms:6.2f} ms   "
                f"{median.cpu_ms:5.2f} CPU ms a request"
            )
        for number, (group, _) in started.items():
            print(f"{number} workers, MB of each process: {memory_of(group)}")


def load(group: int, port: int, clients: int, seconds: float) -> Load:
    """Return what so many clients get from a server in so many seconds."""
    before, taken = cpu_seconds(group), latencies(port, clients, seconds)
    cpu_ms = (cpu_seconds(group) - before) / len(taken) * 1e3
    p50_ms, p99_ms = np.percentile(taken, (50, 99)) * 1e3
    return Load(len(taken) / seconds, float(p50_ms), float(p99_ms), cpu_ms)


def latencies(port: int, clients: int, seconds: float) -> list[float]:
    """Return the seconds of each request of clients that send one after another."""
    users, taken, sent = cycle(range(1, USERS + 1)), [], {}
    deadline = time.perf_counter() + seconds

    def send(connection: HTTPConnection) -> None:
        row = f'{{"dataframe_records": [{{"user_id": {next(users)}}}], "params": {{"n": 10}}}}'
        sent[connection] = time.perf_counter()
        connection.request("POST", "/invocations", row, {"Content-Type": "application/json"})

    with ExitStack() as stack, selectors.DefaultSelector() as waiting:
        for _ in range(clients):
            connection = HTTPConnection(LOOPBACK, port, timeout=TO_START)
            stack.callback(connection.close)
            send(connection)
            waiting.register(connection.sock, selectors.EVENT_READ, connection)
        while time.perf_counter() < deadline:
            for key, _ in waiting.select(timeout=0.1):
                answer = key.data.getresponse()
                text = answer.read()
                taken.append(time.perf_counter() - sent[key.data])
                assert answer.status == 200, text
                send(key.data)
    return taken


def processes_of(group: int) -> Iterator[Path]:
    """Yield the folders in /proc of the processes of a group."""
    for folder in Path("/proc").glob("[0-9]*"):
        if (folder / "stat").read_text().rpartition(")")[2].split()[2] == str(group):
            yield folder


def cpu_seconds(group: int) -> float:
    """Return the CPU time of the processes of a group that are running."""
    stats = [(path / "stat").read_text().rpartition(")")[2].split() for path in processes_of(group)]
    return sum(int(stat[11]) + int(stat[12]) for stat in stats) / TICKS


def memory_of(group: int) -> str:
    """Return the memory of each process of a group, the largest first."""
    sizes = []
    for folder in processes_of(group):
        lines = (folder / "smaps_rollup").read_text().splitlines()[1:]
        kilobytes = {line.partition(":")[0]: int(line.split()[1]) for line in lines}
        own = kilobytes["Private_Dirty"] + kilobytes["Private_Clean"]
        sizes.append((kilobytes["Pss"] // 1024, own // 1024))
    return ", ".join(f"{pss} ({own} own)" for pss, own in sorted(sizes, reverse=True))


if __name__ == "__main__":
    main()
