"""The benchmark's own MLflow run, and the page that is written from the runs of the benchmark."""

import argparse
import os
import platform
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

import mlflow
import pandas as pd
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project

from collaborative_autoencoders.datasets.writing import write_beside_and_rename
from collaborative_autoencoders.tracking.provenance import git_state

from .collecting import commits_of, figures_of, finished_jobs, seconds_of
from .means import by_seed, has, mean_of
from .page import page_of
from .plan import PLAN, Protocol, slug
from .running import EXPERIMENT

__all__ = ["finished_jobs", "open_run", "open_store", "publish"]


def open_store(project: Path) -> None:
    """Point MLflow to the store in the project's mlflow.yml."""
    bootstrap_project(project)
    with KedroSession.create(project_path=project) as session:
        session.load_context()


def open_run(go_on: str | None, asked: argparse.Namespace) -> str:
    """Return the id of a new run, or of the run to continue.

    Raises MlflowException if there is no such run.
    """
    client = mlflow.MlflowClient()
    if go_on is not None:
        return str(client.get_run(go_on).info.run_id)
    experiment = mlflow.get_experiment_by_name(EXPERIMENT)
    tags = {"mlflow.runName": "benchmark", **git_state(asked.project)}
    run = client.create_run(experiment.experiment_id, tags=tags)
    settings = {"seeds": asked.seeds, "threads": asked.threads, "jobs": asked.jobs}
    for name, value in (settings | {"protocols": asked.protocols or "all"}).items():
        client.log_param(run.info.run_id, name, value)
    return str(run.info.run_id)


def publish(benchmark: str, plan: Mapping[str, Protocol], asked: argparse.Namespace) -> None:
    """Write the page, and log it with its means and the figures behind them."""
    figures = figures_of(benchmark)
    text = page_of(asked.title, plan, figures, about(benchmark, figures, asked))
    write_beside_and_rename(asked.page, text.encode())
    client = mlflow.MlflowClient()
    client.log_text(benchmark, text, "results.md")
    client.log_text(benchmark, figures.to_csv(index=False), "figures.csv")
    for name, value in means(plan, figures).items():
        client.log_metric(benchmark, name, value)
    client.set_terminated(benchmark)


def means(plan: Mapping[str, Protocol], figures: pd.DataFrame) -> dict[str, float]:
    """Return `d2l.biases.rmse` with `_low` and `_high`, for every row that has the metric."""
    evaluated = figures[~figures["ablation"]]
    found: dict[str, float] = {}
    for name, protocol in plan.items():
        of_protocol = evaluated[evaluated["protocol"] == name]
        for row in (*protocol.models, *protocol.variants):
            for measure in protocol.measures:
                if has(of_protocol, row.name, measure):
                    mean = mean_of(by_seed(of_protocol, row.name, measure))
                    key = f"{name}.{slug(row.name)}.{measure}"
                    found |= {key: mean.mean, f"{key}_low": mean.low, f"{key}_high": mean.high}
    return found


def about(benchmark: str, figures: pd.DataFrame, asked: argparse.Namespace) -> dict[str, str]:
    """Return what is needed to reproduce the page: commit, machine, versions, MLflow run."""
    run = mlflow.get_run(benchmark)
    params = run.data.params
    packages = ("torch", "numpy", "scipy", "pandas", "kedro", "mlflow")
    minutes = seconds_of(benchmark) / 60
    seeds = " ".join(map(str, sorted(figures.loc[~figures["ablation"], "split_seed"].unique())))
    chosen = ""
    if asked.plan != PLAN:
        chosen = (
            f" --plan benchmarks/results/{asked.plan.name} --page docs/{asked.page.name}"
            f' --title "{asked.title}"'
        )
    return {
        "command": f"`python -m benchmarks.results --seeds {seeds}{chosen}`",
        "commit": ", ".join(f"`{commit}`" for commit in commits_of(benchmark)) or "unknown",
        "machine": f"{processor()}, {os.cpu_count()} cores, no GPU used",
        "versions": ", ".join(
            [
                f"Python {platform.python_version()}",
                *(f"{name} {version(name)}" for name in packages),
            ]
        ),
        "at a time": f"{params['jobs']} runs of {params['threads']} thread each",
        "runs": f"{len(figures)} fitted models, {minutes:.0f} minutes of runs, all together",
        "MLflow run": f"`{benchmark}`",
    }


def processor() -> str:
    """Return the name of the processor, or of the architecture if the name is unknown."""
    listed = Path("/proc/cpuinfo")
    names = [
        line.partition(":")[2].strip()
        for line in (listed.read_text().splitlines() if listed.exists() else [])
        if line.startswith("model name")
    ]
    return names[0] if names else platform.processor() or platform.machine()
