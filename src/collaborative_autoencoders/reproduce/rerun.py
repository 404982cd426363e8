"""Run the same nodes with the same parameters again, with outputs in separate folders."""

from pathlib import Path

import mlflow
from kedro.framework.session import KedroSession
from mlflow.entities import Run

from collaborative_autoencoders.config_loader import OUTPUTS, REPRODUCES

from .logged_run import LoggedRun


def rerun(project: Path, original: LoggedRun) -> Run:
    """Return the finished reproduction. Raises NotReproducible if the ratings differ.

    The runtime parameter `reproduces` activates `ReproductionHook` for the session.
    """
    environment = None if original.environment == "base" else original.environment
    separate = {OUTPUTS: f"reproduce/{original.run_id[:8]}", REPRODUCES: original.run_id}
    params = original.runtime_params | separate
    with KedroSession.create(project, env=environment, runtime_params=params) as session:
        session.run(**original.selection)
    reproduction = mlflow.last_active_run()
    assert reproduction is not None, "ReproductionHook refuses pipelines without tracking"
    return reproduction
