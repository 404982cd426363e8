"""mlflow.yml as a session uses it, and how its runs are looked at."""

import shlex
from pathlib import Path
from typing import Any

import mlflow
from kedro.framework.project import settings
from kedro_mlflow.config.kedro_mlflow_config import KedroMlflowConfig
from mlflow import MlflowClient
from mlflow.entities import Run
from mlflow.environment_variables import MLFLOW_RUN_ID
from mlflow.exceptions import MlflowException

from collaborative_autoencoders.tracking.addresses import local_folder
from collaborative_autoencoders.tracking.masking import mask_uri

from .server import is_server


def settings_for(mlflow_yml: dict[str, Any]) -> dict[str, Any]:
    """Return mlflow.yml with the experiment as it is in the store.

    A tracking server puts artifacts into its own place, unless mlflow.yml names one that is not
    local, such as a bucket. A run that `mlflow run` has created is in an experiment already.
    Raises ValueError if that run does not exist.
    """
    uri = uri_of(mlflow_yml)
    tracking = mlflow_yml.get("tracking") or {}
    experiment = tracking.get("experiment") or {}
    creation = experiment.get("create_experiment_kwargs") or {}
    if is_server(uri) and local_folder(creation.get("artifact_location")):
        creation = creation | {"artifact_location": None}
        experiment = experiment | {"create_experiment_kwargs": creation}
    if run_id := MLFLOW_RUN_ID.get():
        experiment = experiment | {"name": experiment_of(run_id, uri)}
    return mlflow_yml | {"tracking": tracking | {"experiment": experiment}}


def is_tracked(run_params: dict[str, Any], mlflow_yml: dict[str, Any]) -> bool:
    """Return whether a run of these pipelines is in MLflow: mlflow.yml may disable it."""
    disabled = (mlflow_yml.get("tracking") or {}).get("disable_tracking") or {}
    names = run_params.get("pipeline_names") or ["__default__"]
    return not set(names) <= set(disabled.get("pipelines") or [])


def run_of(run_params: dict[str, Any], mlflow_yml: dict[str, Any]) -> Run | None:
    """Return the run in MLflow of a session that is at its end; None if it is not tracked.

    MLflow's last run is then that of an earlier session, perhaps in another store.
    """
    return mlflow.last_active_run() if is_tracked(run_params, mlflow_yml) else None


def uri_of(mlflow_yml: dict[str, Any]) -> str:
    """Return the tracking URI; empty if mlflow.yml has none."""
    return (mlflow_yml.get("server") or {}).get("mlflow_tracking_uri") or ""


def experiment_of(run_id: str, uri: str) -> str:
    """Return the name of a run's experiment. Raises ValueError if the store has no such run."""
    client = MlflowClient(uri)
    try:
        run = client.get_run(run_id)
        return str(client.get_experiment(run.info.experiment_id).name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        raise ValueError(
            f"MLFLOW_RUN_ID={run_id} is not a run of {mask_uri(uri)}. Unset MLFLOW_RUN_ID, "
            "or set MLFLOW_TRACKING_URI to the store of the run."
        ) from None


def page_of(mlflow_yml: dict[str, Any]) -> str:
    """Return the address of MLflow's pages: of the tracking server, or of `kedro mlflow ui`."""
    uri = mlflow.get_tracking_uri()
    if is_server(uri):
        return mask_uri(uri).rstrip("/")
    ui = KedroMlflowConfig.model_validate({"ui": mlflow_yml.get("ui") or {}}).ui
    return f"http://{ui.host}:{ui.port}"


def command_for_ui(run_params: dict[str, Any]) -> str:
    """Return the command that starts MLflow's pages for the store of a run."""
    env = run_params["env"]
    own_store = env and any(
        Path(run_params["project_path"], settings.CONF_SOURCE, env).glob("**/mlflow*")
    )
    return f"kedro mlflow ui --env {shlex.quote(env)}" if own_store else "kedro mlflow ui"
