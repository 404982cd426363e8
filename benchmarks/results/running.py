"""Run a job: a complete `kedro run` from raw data, whose MLflow runs are tagged with the job."""

import io
import logging
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

from .plan import Job

EXPERIMENT, PARENT = "collaborative_autoencoders", "mlflow.parentRunId"
BENCHMARK, JOB = "benchmark", "job"
PROTOCOL, SPLIT_SEED, ROW, ABLATION = "protocol", "split_seed", "row", "ablation"
"""Tags of an MLflow run of the benchmark."""


def run_job(project: Path, benchmark: str, threads: int, job: Job) -> None:
    """Run the job in this process, without output, with its own files, and tag its MLflow runs."""
    from kedro.framework.session import KedroSession
    from kedro.framework.startup import bootstrap_project
    from kedro.runner import SequentialRunner

    bootstrap_project(project)
    logging.disable(logging.WARNING)  # messages of two runs would mix
    with (
        redirect_stdout(io.StringIO()),
        redirect_stderr(io.StringIO()),
        KedroSession.create(
            project_path=project, env=job.protocol, runtime_params=parameters_of(job, threads)
        ) as session,
    ):
        session.run(
            pipeline_names=[job.pipeline], to_nodes=last_nodes(job), runner=SequentialRunner()
        )
    tag_runs(job, benchmark)


def parameters_of(job: Job, threads: int) -> dict[str, Any]:
    """Return what differs from the environment: split seed, threads, the row's changes."""
    given: dict[str, Any] = {"split": {"seed": job.split_seed}, "running": {"threads": threads}}
    if job.row is not None:
        given[job.row.model] = dict(job.row.changes)
    if job.row is not None and job.validation_metric is not None:
        validation = {"validation_metric": job.validation_metric}
        given[job.row.model]["fitting"] = validation | job.row.changes.get("fitting", {})
        given["training"] = {"refit": False}
    return given | {"outputs": job.name}


def last_nodes(job: Job) -> list[str] | None:
    """Return the last node of a row with its own run; None for the whole pipeline."""
    if job.row is None:
        return None
    return [f"{job.row.model}.{'fit_model' if job.validation_metric else 'average_scores'}"]


def tag_runs(job: Job, benchmark: str) -> None:
    """Tag the MLflow run that this process has just finished, and its children, with the job."""
    import mlflow

    from collaborative_autoencoders.processes import this_process

    client = mlflow.MlflowClient()
    experiment = mlflow.get_experiment_by_name(EXPERIMENT)
    mine = f"tags.process = '{this_process()}'"
    runs = client.search_runs([experiment.experiment_id], mine, order_by=["start_time DESC"])
    parent = next(run for run in runs if PARENT not in run.data.tags)
    children = [r for r in runs if r.data.tags.get(PARENT) == parent.info.run_id]
    about = {BENCHMARK: benchmark, JOB: job.name, PROTOCOL: job.protocol}
    about |= {SPLIT_SEED: str(job.split_seed)}
    if job.validation_metric:
        about |= {ABLATION: "true"}
    for run in (parent, *children):
        row = job.names.get(run.info.run_name, run.info.run_name)
        for key, value in (about | {ROW: row}).items():
            client.set_tag(run.info.run_id, key, value)
