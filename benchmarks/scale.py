"""Measure each step of a run on tables of 2, 8 and 32 million ratings, and how its cost grows.

    python benchmarks/scale.py [--ratings 2000000 8000000 32000000] [--pipelines __default__]
        [--nodes ...] [--env ml-32m] [--params ...] [--folder FOLDER]

Each size is a `kedro run` in a process of its own, in a throw-away project with the configuration
of this one, on a table of benchmarks/large_table.py in place of the download. A node's cost is
everything from its first dataset to the first of the next node: reading, the function, writing and
what is logged. CPU seconds are of the process, user and system; wall seconds are beside them, as
other work on the machine adds to those. Peak memory is the largest resident set within the node
(Linux; elsewhere it is the largest so far).

Printed is a table of nodes: CPU seconds and peak memory at each size, and the exponent of growth
from the smallest to the largest: 1 is proportional to the ratings. That of a network's fit is of
one epoch, as validation chooses how many the final fit has. Target: at most 1.1 where the largest
takes more than five seconds; and no node above 4 GB. With --folder the projects, their logs and the
measurements stay there, and a measurement that is there is not repeated.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from growth import LARGEST_EXPONENT, exponent
from kedro.framework.hooks import hook_impl
from kedro.framework.project import settings
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project
from run_overhead import ROOT, our_project

SIZES = (2_000_000, 8_000_000, 32_000_000)
LARGEST_GB, LEAST_SECONDS = 4.0, 5.0
MEASURED = "measured.json"

CATALOG = """
ratings:
  type: pandas.ParquetDataset
  filepath: data/01_raw/ratings.parquet
"""
PARAMETERS = """
cleaning:
  columns: {user_id: userId, item_id: movieId}
"""


class Meter:
    """Measures nodes by the events of a run: a node lasts until the first event of the next."""

    def __init__(self) -> None:
        """Start with what happens before the first node."""
        self.nodes: dict[str, dict[str, float]] = {}
        self.name = "start"
        self._begin()

    def _begin(self) -> None:
        forget_peak()
        self.cpu, self.wall = cpu_seconds(), time.perf_counter()

    def _at(self, name: str) -> None:
        if name != self.name:
            self.nodes[self.name] = {
                "cpu_seconds": cpu_seconds() - self.cpu,
                "wall_seconds": time.perf_counter() - self.wall,
                "peak_gb": peak_gb(),
            }
            self.name = name
            self._begin()

    @hook_impl
    def before_dataset_loaded(self, node: Any) -> None:
        """Begin the node that loads."""
        self._at(node.name)

    @hook_impl
    def before_node_run(self, node: Any) -> None:
        """Begin the node that runs."""
        self._at(node.name)

    @hook_impl
    def after_pipeline_run(self) -> None:
        """Begin what comes after the last node."""
        self._at("end")


def forget_peak() -> None:
    """Start the peak memory of this process anew, where the system can."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return


def peak_gb() -> float:
    """Return the largest resident set of this process since `forget_peak`, in GB."""
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    (line,) = (line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024 / 1e9


def cpu_seconds() -> float:
    """Return the user and system seconds of this process and its finished children."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def run_here(project: Path, env: str, pipeline: str, nodes: list[str], params: str) -> None:
    """Run a pipeline, or some nodes of it, in this process, and write what each node took."""
    bootstrap_project(project)
    meter = Meter()
    settings.set("HOOKS", (meter, *settings.HOOKS))  # called last
    given = dict(pair.split("=", 1) for pair in params.split(",") if pair)
    nested: dict[str, Any] = {}
    for key, value in given.items():
        *outer, last = key.split(".")
        block = nested
        for name in outer:
            block = block.setdefault(name, {})
        block[last] = json.loads(value)
    with KedroSession.create(project, env=env, runtime_params=nested) as session:
        session.run(pipeline_names=[pipeline], node_names=nodes)
    meter._at("end")
    for name, node in meter.nodes.items():
        node["epochs"] = epochs_of(project / "data" / "06_models" / env, name)
    (project / MEASURED).write_text(json.dumps(meter.nodes, indent=1))


def epochs_of(models: Path, node: str) -> int:
    """Return how many epochs the fits of a node had, on train and the final one; 1 for others."""
    model, _, function = node.partition(".")
    if function != "fit_model":
        return 1
    facts = json.loads((models / f"{model}.fit_facts.json").read_text())
    return (facts.get("epochs") or 1) + (facts.get("best_epoch") or 0)


def measure(
    folder: Path, ratings: int, env: str, pipeline: str, nodes: list[str], params: str
) -> tuple[int, dict[str, Any]]:
    """Return how many ratings the table of a size has, and what each node of a run on it takes."""
    project = folder / str(ratings)
    table = project / "data" / "01_raw" / "ratings.parquet"
    if not (project / MEASURED).exists():
        if not project.exists():
            our_project(project)
            own = project / "conf" / env
            (own / "catalog_of_scale.yml").write_text(CATALOG)
            (own / "parameters_of_scale.yml").write_text(PARAMETERS)
            table.parent.mkdir(parents=True, exist_ok=True)
            from large_table import write  # imports pyarrow, which reads the project's settings

            rows = write(table, ratings)
            print(f"{ratings:,}: {rows:,} ratings", flush=True)
        command = [sys.executable, __file__, "--here", str(project)]
        command += ["--env", env, "--pipelines", pipeline, "--params", params, "--nodes", *nodes]
        environment = os.environ | {"DO_NOT_TRACK": "true", "PYTHONPATH": str(ROOT / "src")}
        with (project / "log.txt").open("w") as log:
            done = subprocess.run(
                command, cwd=project, env=environment, stdout=log, stderr=subprocess.STDOUT
            )
        if done.returncode:
            raise SystemExit(f"{ratings:,} ratings: see {project / 'log.txt'}")
    from pyarrow.parquet import read_metadata

    return read_metadata(table).num_rows, json.loads((project / MEASURED).read_text())


def show(measured: dict[int, dict[str, Any]]) -> bool:
    """Print the table, and return whether the targets are met."""
    sizes = sorted(measured)
    head = " | ".join(f"{size / 1e6:.1f} M: CPU s, wall s, GB" for size in sizes)
    print(f"| node | {head} | exponent |\n|---|{'---:|' * (len(sizes) + 1)}")
    largest, fits = measured[sizes[-1]], True
    for name in sorted(largest, key=lambda name: -largest[name]["cpu_seconds"]):
        costs = {size: measured[size].get(name) for size in sizes}
        cells = [
            f"{cost['cpu_seconds']:.1f}, {cost['wall_seconds']:.1f}, {cost['peak_gb']:.2f}"
            if cost
            else "–"
            for cost in costs.values()
        ]
        grows = ""
        if all(costs.values()) and len(sizes) > 1:
            of_epoch = {
                size: max(0.01, cost["cpu_seconds"]) / cost["epochs"]
                for size, cost in costs.items()
                if cost
            }
            if largest[name]["cpu_seconds"] >= LEAST_SECONDS:
                grows = f"{exponent(of_epoch):.2f}"
                fits &= exponent(of_epoch) <= LARGEST_EXPONENT
        fits &= largest[name]["peak_gb"] <= LARGEST_GB
        print(f"| {name} | {' | '.join(cells)} | {grows} |")
    for size in sizes:
        nodes = measured[size].values()
        cpu, wall = (sum(node[key] for node in nodes) for key in ("cpu_seconds", "wall_seconds"))
        peak = max(node["peak_gb"] for node in nodes)
        print(f"{size / 1e6:.1f} M: {cpu:,.0f} CPU s, {wall:,.0f} s, at most {peak:.2f} GB")
    return fits


def main() -> None:
    """Measure every size, and end with 1 if a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ratings", type=int, nargs="+", default=SIZES)
    parser.add_argument("--env", default="ml-32m")
    parser.add_argument("--pipelines", default="__default__")
    parser.add_argument("--nodes", nargs="*", default=[], help="only these nodes of the pipeline")
    parser.add_argument("--params", default="")
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--here", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.here:
        run_here(given.here, given.env, given.pipelines, given.nodes, given.params)
        return
    with TemporaryDirectory() as temporary:
        folder = (given.folder or Path(temporary)).resolve()
        measured = dict(
            measure(folder, size, given.env, given.pipelines, given.nodes, given.params)
            for size in given.ratings
        )
    sys.exit(0 if show(measured) else 1)


if __name__ == "__main__":
    main()
