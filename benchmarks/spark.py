"""Compare a run on a Spark cluster of two workers with one on one machine.

    python benchmarks/spark.py [--ratings 5000000 20000000] [--master local-cluster[2,1,1024]]
        [--executor-memory 450m] [--folder FOLDER]
        [--models popularity itemknn cdae] [--params cdae.fitting.epochs=4] [--ranks 2]

Each is a `kedro run` in a process of its own, on the same table of benchmarks/large_table.py:
`--env ml-32m` with pandas, and `--env spark`. It runs data engineering and, with `--models`, fits,
evaluates and registers these models, with `--params` on both and with `--ranks` on Spark. Printed
are seconds, CPU seconds of all processes, the largest memory of each kind of process (Linux), the
exponent of growth of the CPU seconds, whether the test parts are the same to the bit, and the
figures of the models. Targets: no worker, the Java process and its Python processes together, above
1.5 GB, and an exponent of at most 1.1. Java takes some 300 MB beside its heap, which
`--executor-memory` sets: by default the least that Spark takes.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import time
from collections import defaultdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from growth import LARGEST_EXPONENT, exponent
from run_overhead import ROOT, our_project

LARGEST_GB = 1.5
ON_ONE = """
ratings:
  type: pandas.ParquetDataset
  filepath: data/01_raw/ratings/ratings.parquet
"""
PARAMETERS = """
registration:
  enabled: true
cleaning:
  columns: {user_id: userId, item_id: movieId}
"""
HALF_STARS = "  rating_scale: {lowest: 0.5}\n"  # ml-32m has it
EXECUTOR = "executor"


def project_of(folder: Path, ratings: int, master: str, memory: str) -> Path:
    """Return a project with the table as a folder of one file, and both environments."""
    from large_table import write  # imports pyarrow, which reads the project's settings

    project = our_project(folder / str(ratings))
    raw = project / "data" / "01_raw" / "ratings"
    raw.mkdir(parents=True)
    write(raw / "ratings.parquet", ratings)
    for env in ("ml-32m", "spark"):
        text = PARAMETERS + (HALF_STARS if env == "spark" else "")
        (project / "conf" / env / "parameters_of_size.yml").write_text(text)
    (project / "conf" / "ml-32m" / "catalog_of_size.yml").write_text(ON_ONE)
    properties = project / "conf" / "spark" / "spark.yml"
    here = f"spark.executorEnv.PYTHONPATH: {ROOT / 'src'}\n"
    local = properties.read_text().replace("local[*]", master)
    properties.write_text(f"{local}spark.executor.memory: {memory}\n{here}")
    return project


def run(project: Path, env: str, models: list[str], params: list[str]) -> dict[str, Any]:
    """Run the project; return its seconds, CPU seconds and memory in GB by kind of process."""
    command = [sys.executable, "-m", "kedro", "run", "--env", env]
    command += ["--namespaces", ",".join(["data_engineering", *models])]
    command += ["--params", ",".join(params)] if params else []
    environment = os.environ | {"DO_NOT_TRACK": "true", "PYTHONPATH": str(ROOT / "src")}
    started, gb, cpu = time.perf_counter(), defaultdict(float), {}
    with (project / f"{env}.log").open("w") as log:
        process = subprocess.Popen(
            command, cwd=project, env=environment, stdout=log, stderr=subprocess.STDOUT
        )
        while process.poll() is None:
            now: dict[str, float] = defaultdict(float)
            for pid, name, seconds, size in family(process.pid):
                now[name] += size
                now[name.partition(":")[0]] += size if ":" in name else 0
                cpu[pid] = seconds
            for name, size in now.items():
                gb[name] = max(gb[name], size)
            time.sleep(0.5)
    if process.returncode:
        raise SystemExit(f"see {project / f'{env}.log'}")
    return {"s": time.perf_counter() - started, "cpu": sum(cpu.values()), "gb": dict(gb)}


def family(root: int) -> list[tuple[int, str, float, float]]:
    """Return pid, name, CPU seconds and GB of a process and of all below it.

    The Java process of an executor is `executor 0: Java`, its Python processes are
    `executor 0: Python`. Memory that processes share, as forks of one process do, counts once.
    """
    parents, found = {}, []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
            text = (entry / "cmdline").read_text()
            (share,) = re.findall(r"^Pss: +(\d+)", (entry / "smaps_rollup").read_text(), re.M)
        except (OSError, ValueError):
            continue
        parents[int(entry.name)] = (int(fields[1]), text, fields, int(share) * 1024 / 1e9)
    for pid, (_, _, fields, size) in parents.items():
        above, name = pid, ""
        while above in parents and above != root:
            text = parents[above][1]
            if "CoarseGrainedExecutorBackend" in text:
                kind = "Java" if above == pid else "Python"
                name = f"{EXECUTOR} {text.partition('--executor-id')[2].split(chr(0))[1]}: {kind}"
            elif "org.apache.spark" in text and not name:
                name = "driver and masters (Java)"
            above = parents[above][0]
        if above == root:
            seconds = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
            found.append((pid, name or "kedro run (Python)", seconds, size))
    return found


def same_parts(project: Path) -> bool:
    """Return whether both environments have the same test part."""
    from collaborative_autoencoders.datasets.interactions import InteractionsDataset
    from collaborative_autoencoders.datasets.sharded_part import ShardedPartDataset
    from collaborative_autoencoders.interactions.part_bytes import part_to_bytes

    data = project / "data" / "05_model_input"
    one = InteractionsDataset(filepath=(data / "ml-32m" / "test.npz").as_posix()).load()
    other = ShardedPartDataset(filepath=(data / "spark" / "test").as_posix()).load()
    return part_to_bytes(one) == part_to_bytes(other)


def figures(project: Path, env: str, model: str) -> dict[str, float]:
    """Return the main figures of a model."""
    file = project / "data" / "08_reporting" / env / model / "metrics.json"
    found: dict[str, float] = json.loads(file.read_text())
    return {name: found[name] for name in ("ndcg_at_10", "recall_at_20", "rmse") if name in found}


def main() -> None:
    """Measure every size, and end with 1 if a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ratings", type=int, nargs="+", default=(5_000_000, 20_000_000))
    parser.add_argument("--master", default="local-cluster[2,1,1024]")
    parser.add_argument("--executor-memory", default="450m")
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--models", nargs="*", default=[])
    parser.add_argument("--params", default="")
    parser.add_argument("--ranks", type=int, default=1)
    given = parser.parse_args()
    params = [pair for pair in given.params.split(",") if pair]
    fits, costs = True, {}
    with TemporaryDirectory() as temporary:
        for ratings in given.ratings:
            folder = given.folder or Path(temporary)
            project = project_of(folder, ratings, given.master, given.executor_memory)
            print(f"{ratings:,} ratings", flush=True)
            for env in ("ml-32m", "spark"):
                on_ranks = env == "spark" and given.models
                # a worker has one core, and so has a rank
                own = [f"running.ranks={given.ranks}", "running.threads=1"] if on_ranks else []
                measured = run(project, env, given.models, [*params, *own])
                sizes = ", ".join(f"{name} {gb:.2f}" for name, gb in measured["gb"].items())
                print(
                    f"  {env}: {measured['s']:.0f} s, {measured['cpu']:.0f} CPU s, GB: {sizes}",
                    flush=True,
                )
            costs[ratings] = measured["cpu"]
            workers = [gb for name, gb in measured["gb"].items() if name.startswith(EXECUTOR)]
            is_same = same_parts(project)
            fits &= is_same and max(workers, default=0) <= LARGEST_GB
            print(f"  the same test part: {is_same}", flush=True)
            for model in given.models:
                both = [figures(project, env, model) for env in ("ml-32m", "spark")]
                print(f"  {model}: {both[0]}, on Spark {both[1]}", flush=True)
    if len(costs) > 1:
        print(f"exponent of growth on Spark: {exponent(costs):.2f}")
        fits &= exponent(costs) <= LARGEST_EXPONENT
    sys.exit(0 if fits else 1)


if __name__ == "__main__":
    main()
