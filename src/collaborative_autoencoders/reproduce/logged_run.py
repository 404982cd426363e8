"""A logged run, and the reasons why it cannot be reproduced here."""

import json
import os
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from kedro.config import AbstractConfigLoader
from kedro.framework.project import settings
from mlflow import MlflowClient
from mlflow.entities import Run
from mlflow.exceptions import MlflowException
from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID

from collaborative_autoencoders.learning.options import Library
from collaborative_autoencoders.tracking.logged import PARAMETERS, logged_parameters
from collaborative_autoencoders.tracking.masking import mask_uri
from collaborative_autoencoders.tracking.provenance import (
    CHECKSUM,
    IN_THE_MIDDLE,
    RUNTIME_PARAMS,
    code_of,
    git_state,
    processor,
)

STATEFUL = {"inference", "promotion", "tuning", "update"}
"""Pipelines whose result depends on the model registry or on a study."""


LIBRARIES = get_args(Library)
PRODUCTS = "matrix_products"
"""The option of `running`, and the parameter in which the run of a network has what `auto` took."""


class NotReproducible(Exception):
    """Error for a run that cannot be reproduced. The message names the run, reason and fix."""


@dataclass(frozen=True)
class LoggedRun:
    """The parent run of one `kedro run` and its parameters."""

    run: Run
    parameters: dict[str, Any]

    @property
    def run_id(self) -> str:
        """The id in MLflow."""
        return str(self.run.info.run_id)

    @property
    def environment(self) -> str:
        """The environment, a folder of conf/; `base` if the command named none."""
        return self.run.data.tags["environment"]

    @property
    def selection(self) -> dict[str, Any]:
        """The nodes that ran, as arguments of `KedroSession.run`."""
        selection: dict[str, Any] = json.loads(self.run.data.tags["selection"])
        return selection

    @property
    def runtime_params(self) -> dict[str, Any]:
        """The `--params`, which the catalog may read; empty if an older version logged the run."""
        try:
            params: dict[str, Any] = json.loads(self.run.data.tags.get(RUNTIME_PARAMS, "{}"))
        except json.JSONDecodeError:
            return {}
        return params

    @property
    def checksum(self) -> str | None:
        """The SHA-256 of the ratings."""
        return self.run.data.params.get(CHECKSUM)


def project_loader(project: Path, env: str | None = None) -> AbstractConfigLoader:
    """Return the loader of the configuration of `env`; None: of KEDRO_ENV, or base."""
    loader: AbstractConfigLoader = settings.CONFIG_LOADER_CLASS(
        str(project / settings.CONF_SOURCE),
        env=env or os.environ.get("KEDRO_ENV"),
        **settings.CONFIG_LOADER_ARGS,
    )
    return loader


def store_of(loader: AbstractConfigLoader) -> MlflowClient:
    """Return a client for the tracking store that mlflow.yml names."""
    return MlflowClient(loader["mlflow"]["server"]["mlflow_tracking_uri"])


def read_run(client: MlflowClient, run_id: str) -> LoggedRun:
    """Return the run, or its parent if it has one.

    Raises NotReproducible if the run, one of its tags or its parameters are missing.
    """
    run = find_run(client, run_id)
    parent = run.data.tags.get(MLFLOW_PARENT_RUN_ID)
    whole = "kedro_command" in run.data.tags  # its parent, if any, is of another program
    run = find_run(client, parent) if parent and not whole else run
    missing = {"environment", "selection"} - run.data.tags.keys()
    if missing:
        raise NotReproducible(
            f"{run.info.run_id} has no tag {' and no tag '.join(sorted(missing))}: it was not "
            "logged by `kedro run`, or an older version of this project logged it. Run its command "
            "again: the new run can be reproduced."
        )
    parameters = parameters_of(client, run.info.run_id)
    running = parameters.get("running")
    if running and running.get(PRODUCTS) == "auto":
        parameters |= {"running": running | {PRODUCTS: products_of(client, run)}}
    return LoggedRun(run, parameters)


def products_of(client: MlflowClient, run: Run) -> str:
    """Return what computed the matrix products of all networks; `auto` if it was not one library.

    Or if it was on another processor, where another one may be faster.
    """
    models = client.search_runs(
        [run.info.experiment_id], f"tags.`{MLFLOW_PARENT_RUN_ID}` = '{run.info.run_id}'"
    )
    libraries = {each.data.params.get(PRODUCTS) for each in models} - {None}
    is_here = run.data.tags.get("processor") == processor()
    # ranks of one network may have had several: "onednn and torch"
    library = next((each for each in LIBRARIES if libraries == {each}), "auto")
    return library if is_here else "auto"


def find_run(client: MlflowClient, run_id: str) -> Run:
    """Return the run with this id. Raises NotReproducible if the store has none."""
    try:
        return client.get_run(run_id)
    except MlflowException:
        raise NotReproducible(
            f"There is no run {run_id} in {mask_uri(client.tracking_uri)}. `kedro mlflow ui` lists "
            "the runs; the page of a run shows its id."
        ) from None


def parameters_of(client: MlflowClient, run_id: str) -> dict[str, Any]:
    """Return all parameters of the run. Raises NotReproducible if their file is missing."""
    try:
        return logged_parameters(client, run_id)
    except (MlflowException, OSError):
        raise NotReproducible(
            f"{run_id} has no artifact {PARAMETERS}, so its parameters are unknown. Restore the "
            "folder of MLflow's artifacts."
        ) from None


def refuse_unreproducible(original: LoggedRun, project: Path) -> None:
    """Raise NotReproducible with the first reason why the run cannot be reproduced."""
    reasons = (
        unfinished(original),
        stateful(original),
        partial(original),
        no_environment(original, project),
    )
    for reason in reasons:
        if reason:
            raise NotReproducible(f"{original.run_id} {reason}")


def unfinished(original: LoggedRun) -> str | None:
    """Return why a run that did not finish cannot be reproduced, or None."""
    status = original.run.info.status
    if status == "FINISHED":
        return None
    command = original.run.data.tags.get("command", "kedro run")
    return f"is {status}, so some of its metrics are missing. Let it finish first: {command}"


def stateful(original: LoggedRun) -> str | None:
    """Return why a run with a pipeline of `STATEFUL` cannot be reproduced, or None."""
    names = sorted(STATEFUL.intersection(original.selection.get("pipeline_names") or ()))
    if not names:
        return None
    return (
        f"runs {' and '.join(names)}, whose result depends on the model registry or on a study. "
        "Reproduce a run without these pipelines."
    )


def partial(original: LoggedRun) -> str | None:
    """Return why a run that used files of earlier runs cannot be reproduced, or None."""
    options = [name for name in IN_THE_MIDDLE if original.selection.get(name)]
    if not options and original.checksum:
        return None
    sign = " and ".join(options) or f"no {CHECKSUM}"
    return (
        f"started in the middle ({sign}): it used files of earlier runs, which MLflow does not "
        "log. Reproduce a run that starts at the ratings."
    )


def no_environment(original: LoggedRun, project: Path) -> str | None:
    """Return why the environment of the run cannot be used here, or None."""
    wanted, set_here = original.environment, os.environ.get("KEDRO_ENV")
    if wanted == "base" and set_here not in (None, "", "base"):
        return f"named no environment, but KEDRO_ENV={set_here} sets one here. Unset KEDRO_ENV."
    folder = project / settings.CONF_SOURCE / wanted
    if folder.is_dir():
        return None
    return f"ran in the environment {wanted}, but there is no {folder}. Restore the folder."


def other_code(original: LoggedRun, project: Path) -> str | None:
    """Return how the code here differs from the run's, with the fix; None for the same code."""
    tags, now = original.run.data.tags, git_state(project)
    commit = tags.get("git_commit")
    if commit is None:
        return (
            f"{original.run_id} has no commit: its code was not in git, or was installed. "
            "Commit the code and run it again in a clone"
        )
    if tags.get("git_dirty") == "true":
        return (
            f"{original.run_id} ran with changes that are not in commit {commit[:8]}. "
            "Commit them and run it again"
        )
    if now.get("git_commit") != commit:
        return f"{original.run_id} ran at another commit. Type: git checkout {commit}"
    if now.get("git_dirty") == "true":
        return (
            f"There are changes here that are not in commit {commit[:8]}. Type: git stash push -u "
            f"-- {shlex.join(code_of(project))} (git stash pop brings them back)"
        )
    return None
