"""Try to mix the results of different runs in one project.

    python -m benchmarks.attacks.state

Runs are started at the same time, killed at random moments and resumed with other options; models
are fitted with other options between two runs; every stored file is replaced by that of another
run. An attack is harmless if it is refused, or if the figures are those of a run that was left in
peace. The exit status is 1 if an attack gave other figures without a word. The moments are random
with a fixed seed. Takes about 3 minutes on two quiet cores.
"""

import contextlib
import io
import logging
import os
import random
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project
from kedro.io import DatasetError
from mlflow import MlflowClient

from collaborative_autoencoders.hooks.state import OtherState
from collaborative_autoencoders.pipeline_registry import register_pipelines
from collaborative_autoencoders.tracking.metric_names import plain_metrics

ROOT = Path(__file__).parents[2]
TYPED = ("run", "--env", "test", "--pipelines", "ranking")
COSTS = ("fit_seconds",)
REFUSED, SAME, OTHER = "refused", "same figures", "OTHER FIGURES"

Options = dict[str, Any]
SEEDS: tuple[Options, Options] = ({"split.seed": 1}, {"split.seed": 2})
SIZES: tuple[Options, Options] = ({"cdae.model.hidden_size": 2}, {"cdae.model.hidden_size": 16})


def main() -> None:
    """Run every attack and print what came of it."""
    random.seed(1)
    attacks: dict[str, Callable[[Path], Iterator[str]]] = {
        "two runs at once, of two seeds": lambda folder: at_once(folder, SEEDS),
        "two runs at once, of two sizes": lambda folder: at_once(folder, SIZES),
        "killed, then resumed with other options": killed_and_resumed,
        "fitted with other options, then compared": fitted_and_compared,
        "a file replaced by that of another run": replaced,
        "a file cut in half": cut,
    }
    results: dict[str, Counter[str]] = {}
    with TemporaryDirectory() as folder:
        for name, attack in attacks.items():
            results[name] = Counter(attack(Path(folder) / name.replace(" ", "-")))
            print(f"{name:<42}", *(f"{n} {what}" for what, n in results[name].items()), sep="  ")
    raise SystemExit(any(counts[OTHER] for counts in results.values()))


def new_project(folder: Path) -> Path:
    """Write a project with this configuration and return its folder."""
    (folder / "src").mkdir(parents=True)
    shutil.copy(ROOT / "pyproject.toml", folder)
    shutil.copytree(ROOT / "conf", folder / "conf", ignore=shutil.ignore_patterns("local"))
    (folder / "conf" / "local").mkdir()
    return folder


def start(project: Path, options: Options, *arguments: str) -> subprocess.Popen[str]:
    """Start a run in a process."""
    params = ",".join(f"{name}={value}" for name, value in options.items())
    environment = os.environ | {"DO_NOT_TRACK": "true", "PYTHONPATH": str(ROOT / "src")}
    environment.pop("MLFLOW_TRACKING_URI", None)  # MLflow sets it to the store of the last session
    return subprocess.Popen(
        [sys.executable, "-m", "kedro", *TYPED, "--params", params, *arguments],
        cwd=project,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(project: Path, options: Options, **session_run: Any) -> None:
    """Run in this process, without output."""
    nested: Options = {}
    for name, value in options.items():
        *blocks, key = name.split(".")
        block = nested
        for each in blocks:
            block = block.setdefault(each, {})
        block[key] = value
    bootstrap_project(project)
    logging.disable(logging.CRITICAL)
    with (
        contextlib.redirect_stdout(io.StringIO()),
        KedroSession.create(project, env="test", runtime_params=nested) as session,
    ):
        session.run(**{"pipeline_names": ["ranking"]} | session_run)


def board(project: Path) -> pd.DataFrame:
    """Return the leaderboard without what a run has cost."""
    table = pd.read_csv(project / "data/08_reporting/test/leaderboard.csv").set_index("model")
    return table.drop(columns=[*COSTS], errors="ignore").sort_index()


def left_in_peace(folder: Path, options: Options) -> pd.DataFrame:
    """Return the leaderboard of a run of its own with these options."""
    project = new_project(folder)
    run(project, options)
    return board(project)


def at_once(folder: Path, both: tuple[Options, Options]) -> Iterator[str]:
    """Start two runs, the second at a random moment; check all that MLflow says is finished."""
    wanted = [left_in_peace(folder / f"alone-{n}", options) for n, options in enumerate(both)]
    project = new_project(folder / "attacked")
    for _ in range(2):
        first = start(project, both[0])
        time.sleep(random.uniform(0, 6))
        second = start(project, both[1])
        for process in (first, second):
            _, errors = process.communicate()
            if process.returncode:
                yield REFUSED if "Another run reads or writes" in errors else OTHER
    yield from (
        SAME if agrees(metrics, wanted[run_of], model) else OTHER
        for run_of, model, metrics in finished(project, both)
    )


def finished(project: Path, both: tuple[Options, Options]) -> Iterator[tuple[int, str, Any]]:
    """Yield which options a finished child run of MLflow names, its model and its metrics."""
    client = MlflowClient(f"sqlite:///{project.as_posix()}/mlflow.db")
    experiment = client.get_experiment_by_name("collaborative_autoencoders")
    assert experiment is not None
    (name, _), *_ = both[0].items()
    runs = client.search_runs([experiment.experiment_id], "attributes.status = 'FINISHED'")
    by_id = {run.info.run_id: run for run in runs}
    for run in runs:
        parent = by_id.get(run.data.tags.get("mlflow.parentRunId", ""))
        if parent is not None:
            typed = parent.data.tags["command"]
            yield (
                int(f"{name}={both[1][name]}" in typed),
                str(run.info.run_name),
                plain_metrics(run),
            )


def agrees(metrics: dict[str, float], wanted: pd.DataFrame, model: str) -> bool:
    """Return whether the metrics of a child run are those of the leaderboard."""
    shared = [name for name in wanted.columns if name in metrics]
    return all(metrics[name] == wanted.loc[model, name] for name in shared) and bool(shared)


def killed_and_resumed(folder: Path) -> Iterator[str]:
    """Kill runs with one size at random moments, and resume with another."""
    wanted = left_in_peace(folder / "alone", SIZES[1])
    project = new_project(folder / "attacked")
    run(project, SIZES[0])
    for _ in range(4):
        process = start(project, SIZES[0] | {"split.seed": random.randrange(100)})
        time.sleep(random.uniform(4, 12))
        process.kill()
        process.communicate()
        run(project, SIZES[1], only_missing_outputs=True)
        yield SAME if board(project).equals(wanted) else OTHER


def fitted_and_compared(folder: Path) -> Iterator[str]:
    """Fit a model with other options, then run what reads it or its scores."""
    project = new_project(folder)
    run(project, {}, pipeline_names=None)
    later: list[Options] = [
        {"from_nodes": ["compare_models"]},
        {"from_nodes": ["cdae.average_scores"]},
        {"node_names": ["cdae.evaluate_model"]},
        {"node_names": ["draw_comparison"]},
        {"pipeline_names": ["evaluation"]},
        {"pipeline_names": ["unseen_users"]},
    ]
    run(project, {"cdae.model.hidden_size": 5}, node_names=["cdae.fit_model"])
    for selection in later:
        yield refusal(project, {"pipeline_names": None} | selection)
    run(project, {}, node_names=["cdae.fit_model"])
    run(project, {"split.seed": 7}, node_names=["data_engineering.split_ratings"])
    for selection in later:
        yield refusal(project, {"pipeline_names": None} | selection)


def replaced(folder: Path) -> Iterator[str]:
    """Replace each file by that of a run with another seed, and run a node that reads it."""
    project, other = new_project(folder / "attacked"), new_project(folder / "other")
    run(project, {})
    run(other, {"split.seed": 2, "cdae.fitting.seed": 2})
    yield from with_each_file(
        project, lambda path: shutil.copy(other / path.relative_to(project), path)
    )


def cut(folder: Path) -> Iterator[str]:
    """Cut each file in half, and run a node that reads it."""
    project = new_project(folder)
    run(project, {})
    yield from with_each_file(
        project, lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    )


def with_each_file(project: Path, change: Callable[[Path], Any]) -> Iterator[str]:
    """Change each stored file in turn and run the first node that reads it; restore it."""
    bootstrap_project(project)
    with KedroSession.create(project, env="test") as session:
        catalog = session.load_context().catalog
        nodes = register_pipelines()["ranking"].nodes
        made = {name for node in nodes for name in node.outputs}
        readers = {name: node.name for node in nodes for name in node.inputs if name in made}
        paths = {name: Path(catalog.get(name).filepath) for name in readers}
    for name, reader in readers.items():
        before = paths[name].read_bytes()
        change(paths[name])
        if paths[name].read_bytes() != before:
            yield refusal(project, {"node_names": [reader]})
        paths[name].write_bytes(before)


def refusal(project: Path, selection: Options) -> str:
    """Return whether this selection of nodes is refused before a node runs."""
    try:
        run(project, {}, **selection)
    except (OtherState, DatasetError):
        return REFUSED
    return OTHER


if __name__ == "__main__":
    main()
