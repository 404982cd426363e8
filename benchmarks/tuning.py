"""What a search costs: the memory of many trials against one, two processes against one.

    python benchmarks/tuning.py [--trials 30]

Searches CDAE on MovieLens 100K in temporary projects, with the raw data of data/ if they are there.

- memory: the peak memory of `kedro run --pipelines tuning` for a random search of one trial and for
  one of `--trials`, each in its own process and store. Hidden sizes vary; the single trial has the
  largest one.
- processes: a grid of 16 trials, run by one process with one thread, and by two such processes that
  share the study and start together. Printed are the seconds from the first start to the last end,
  and whether both ways gave the same value for every point.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import mlflow
import yaml

from collaborative_autoencoders.tracking.metric_names import plain_metrics

ROOT = Path(__file__).parents[1]
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
SEARCH = ("--pipelines", "tuning", "--namespaces", "cdae")
LARGEST = 600
SPACES = {
    "one": {"hidden_size": [LARGEST, LARGEST + 1], "corruption": {"low": 0.4, "high": 0.8}},
    "many": {"hidden_size": [200, 400, LARGEST], "corruption": {"low": 0.4, "high": 0.8}},
    "grid": {"hidden_size": [200, 300, 400, 500], "corruption": [0.4, 0.5, 0.6, 0.7]},
}


def main() -> None:
    """Print both ratios."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--trials", type=int, default=30)
    trials = options.parse_args().trials
    with TemporaryDirectory() as folder:
        prepared = prepared_project(Path(folder) / "prepared")
        one, many = (
            peak_memory(copy_of(prepared, name), name, n_trials)
            for name, n_trials in (("one", 1), ("many", trials))
        )
        print(f"memory: one trial {one:.0f} MB, {trials} trials {many:.0f} MB: {many / one:.2f} x")
        seconds, found = {}, {}
        for processes in (1, 2):
            project = copy_of(prepared, f"{processes} processes")
            seconds[processes] = seconds_of(project, processes)
            found[processes] = values_of(project)
        same = "the same" if found[1] == found[2] else "NOT the same"
        print(
            f"processes: one {seconds[1]:.1f} s, two {seconds[2]:.1f} s: "
            f"{seconds[2] / seconds[1]:.2f} x; {len(found[2])} trials, {same} values"
        )


def prepared_project(folder: Path) -> Path:
    """A project with this repository's configuration, split data, and the spaces of this file."""
    (folder / "src").mkdir(parents=True)
    shutil.copy(ROOT / "pyproject.toml", folder)
    shutil.copytree(ROOT / "conf", folder / "conf")
    shutil.copytree(ROOT / "data" / "01_raw", folder / "data" / "01_raw")
    spaces = {name: {"cdae": {"model": space}} for name, space in SPACES.items()}
    tuning = {"pruner": "none", "time_budget_seconds": None, "sampler": "random"}
    local = {"search_spaces": spaces, "tuning": tuning, "running": {"threads": 1}}
    (folder / "conf/local/parameters.yml").write_text(yaml.safe_dump(local))
    finish(start(folder, "--pipelines", "data_engineering"))
    return folder


def copy_of(project: Path, name: str) -> Path:
    """A copy of the project with an empty store."""
    copy = project.parent / name.replace(" ", "_")
    without_store = shutil.ignore_patterns("mlflow.db*", "mlartifacts", "optuna.db*")
    shutil.copytree(project, copy, ignore=without_store)
    return copy


def peak_memory(project: Path, space: str, n_trials: int) -> float:
    """The peak memory of the process of a search, in MB."""
    params = f"tuning.space={space},tuning.n_trials={n_trials}"
    finish(start(project, *SEARCH, "--params", params))
    client = mlflow.MlflowClient(f"sqlite:///{project}/mlflow.db")
    runs = client.search_runs(["1"], "attributes.run_name = 'base: tuning'")
    return plain_metrics(runs[0])["peak_memory_mb"]


def seconds_of(project: Path, processes: int) -> float:
    """Seconds from the start of the first process to the end of the last."""
    params = "tuning.space=grid,tuning.sampler=grid,tuning.n_trials=16"
    started = time.perf_counter()
    runs = [start(project, *SEARCH, "--params", params) for _ in range(processes)]
    for run in runs:
        finish(run)
    return time.perf_counter() - started


def values_of(project: Path) -> dict[tuple[Any, ...], float]:
    """The validation of each point."""
    file = project / "data/08_reporting/base/cdae/search.json"
    trials = json.loads(file.read_text())["trials"]
    return {tuple(trial["params"].values()): trial["value"] for trial in trials}


def start(project: Path, *arguments: str) -> subprocess.Popen[str]:
    """Start `kedro run <arguments>` in this project."""
    environment = os.environ | ONE_THREAD | {"DO_NOT_TRACK": "true"}
    environment["PYTHONPATH"] = str(ROOT / "src")
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    command = [sys.executable, "-m", "kedro", "run", *arguments]
    return subprocess.Popen(command, cwd=project, env=environment, **pipes)


def finish(run: subprocess.Popen[str]) -> None:
    """Wait for the process; exit with its output if it failed."""
    output = run.communicate()[0]
    if run.returncode:
        raise SystemExit(output)


if __name__ == "__main__":
    main()
