"""Measure the cost of a `kedro run` outside fitting against an empty Kedro + MLflow run.

    python benchmarks/run_overhead.py

Ours is the default run on MovieLens 100K, from raw ratings to the leaderboard of ten models, with
no model, the best ones and all registered; the networks are fitted for two epochs. The empty run is
a project with one node that returns a number, tracked by kedro-mlflow in a SQLite store. Both
stores exist before the measurement. Both run in throw-away projects with one thread, so that a
second of fitting is a CPU second: run this on an idle machine, because the seconds of fitting are
wall-clock time. The CPU seconds are those of the whole process, user and system. Printed are
medians of `--runs`, taken in turn.
"""

import argparse
import itertools
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).parents[1]
NETWORKS = ("cdae", "autorec", "autorec_user")
SPLIT_SEEDS = itertools.count(1)
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")

EMPTY_PROJECT = {
    "pyproject.toml": """
        [tool.kedro]
        package_name = "empty_project"
        project_name = "empty"
        kedro_init_version = "1.7.0"
        source_dir = "src"
        """,
    "src/empty_project/__init__.py": "",
    "src/empty_project/settings.py": "",
    "src/empty_project/pipeline_registry.py": """
        from kedro.pipeline import Node, Pipeline

        def one():
            return 1

        def register_pipelines():
            return {"__default__": Pipeline([Node(one, inputs=None, outputs="number", name="one")])}
        """,
    "conf/base/mlflow.yml": """
        server:
          mlflow_tracking_uri: sqlite:///mlflow.db
        """,
    "conf/base/catalog.yml": "",
    "conf/local/.gitkeep": "",
}


def main() -> None:
    """Measure the three runs in turn and print their medians and ratios."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--runs", type=int, default=5)
    runs = options.parse_args().runs
    with TemporaryDirectory() as folder:
        empty, ours = empty_project(Path(folder) / "empty"), our_project(Path(folder) / "ours")
        commands = {
            "empty": lambda: cpu_seconds(empty),
            "ours": lambda: outside_fitting(ours, "registration.enabled=false"),
            "ours, the best": lambda: outside_fitting(ours, "registration.models=best+cdae"),
            "ours, all": lambda: outside_fitting(ours, "registration.models=all"),
        }
        for run in commands.values():
            run()  # creates the stores, fetches the data, compiles
        taken = {name: [] for name in commands}
        for _ in range(runs):
            for name, run in commands.items():
                taken[name].append(run())
    medians = {name: statistics.median(seconds) for name, seconds in taken.items()}
    for name, median in medians.items():
        spread = f"{min(taken[name]):.2f} to {max(taken[name]):.2f}"
        ratio = median / medians["empty"]
        print(f"{name:<18} {median:6.2f} CPU s ({spread})   {ratio:.2f} x the empty run")


def empty_project(folder: Path) -> Path:
    """Write a project with one node, tracked by kedro-mlflow, and return its folder."""
    for name, text in EMPTY_PROJECT.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        lines = text.splitlines()
        path.write_text("\n".join(line[8:] for line in lines) + "\n" if text else "")
    return folder


def our_project(folder: Path) -> Path:
    """Write a project with this configuration and its own store; copy the raw data, if any."""
    (folder / "src").mkdir(parents=True)
    shutil.copy(ROOT / "pyproject.toml", folder)
    shutil.copytree(ROOT / "conf", folder / "conf")
    raw = ROOT / "data" / "01_raw" / "ml-100k"
    if raw.is_dir():
        shutil.copytree(raw, folder / "data" / "01_raw" / "ml-100k")
    return folder


def outside_fitting(project: Path, registration: str) -> float:
    """Return the CPU seconds of the default run, minus the seconds of fitting.

    The networks are fitted for two epochs. Each run has a seed of the split of its own: a model
    that is in the registry already, to the byte, is not added again.
    """
    seed = next(SPLIT_SEEDS)
    epochs = [f"{model}.fitting.epochs=2" for model in NETWORKS]
    params = ["running.threads=1", f"split.seed={seed}", *epochs, registration]
    total = cpu_seconds(project, "--params", ",".join(params))
    facts = (project / "data" / "06_models" / "base").glob("*.fit_facts.json")
    return total - sum(json.loads(path.read_text())["fit_seconds"] for path in facts)


def cpu_seconds(project: Path, *arguments: str) -> float:
    """Return the user and system seconds of `kedro run` in this project, with its children."""
    environment = os.environ | ONE_THREAD | {"DO_NOT_TRACK": "true"}
    environment["PYTHONPATH"] = str(ROOT / "src")
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [sys.executable, "-m", "kedro", "run", *arguments],
        cwd=project,
        env=environment,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise SystemExit(done.stdout + done.stderr)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


if __name__ == "__main__":
    main()
