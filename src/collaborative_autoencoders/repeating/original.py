"""A run as MLflow knows it, and whether it can be repeated here and now."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml
from kedro.framework.project import settings
from mlflow import MlflowClient
from mlflow.entities import Run
from mlflow.exceptions import MlflowException
from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID

from collaborative_autoencoders.tracking.provenance import IN_THE_MIDDLE, git_state

ARTIFACT = "parameters.yml"
CHECKSUM = "data_facts.checksum"
OF_WHAT_GOES_ON = {"inference", "promotion", "tuning"}
"""Pipelines that ask MLflow's registry, or a study."""


class Refused(Exception):
    """A run cannot be repeated: which, why, and the mend."""


@dataclass(frozen=True)
class Original:
    """The parent run of one `kedro run`, with the parameters it had."""

    run: Run
    parameters: dict[str, Any]

    @property
    def run_id(self) -> str:
        """The id in MLflow."""
        return str(self.run.info.run_id)

    @property
    def environment(self) -> str:
        """The folder in conf/; `base` stands for a run that named none."""
        return self.run.data.tags["environment"]

    @property
    def selection(self) -> dict[str, Any]:
        """Which part of which pipelines ran, as KedroSession.run takes it."""
        selection: dict[str, Any] = json.loads(self.run.data.tags["selection"])
        return selection

    @property
    def checksum(self) -> str | None:
        """The SHA-256 of the ratings."""
        return self.run.data.params.get(CHECKSUM)


def store_of(project: Path) -> str | None:
    """Where the project's runs are kept, as mlflow.yml says."""
    loader = settings.CONFIG_LOADER_CLASS(
        str(project / settings.CONF_SOURCE),
        env=os.environ.get("KEDRO_ENV"),
        **settings.CONFIG_LOADER_ARGS,
    )
    uri: str | None = loader["mlflow"]["server"]["mlflow_tracking_uri"]
    return uri


def read_run(client: MlflowClient, run_id: str) -> Original:
    """The run, or the run it is a child of. Raises Refused where MLflow lacks what repeats it."""
    run = find_run(client, run_id)
    parent = run.data.tags.get(MLFLOW_PARENT_RUN_ID)
    run = find_run(client, parent) if parent else run
    missing = {"environment", "selection"} - run.data.tags.keys()
    if missing:
        raise Refused(
            f"{run.info.run_id} has no tag {' and no tag '.join(sorted(missing))}: it is older "
            "than `kedro repeat`, or no `kedro run`. Type its command again; what that logs can "
            "be repeated."
        )
    return Original(run, logged_parameters(client, run.info.run_id))


def find_run(client: MlflowClient, run_id: str) -> Run:
    """The run with this id. Raises Refused where the store has none."""
    try:
        return client.get_run(run_id)
    except MlflowException:
        raise Refused(
            f"There is no run {run_id} in {client.tracking_uri}. `kedro mlflow ui` shows the runs; "
            "a run's page has its id."
        ) from None


def logged_parameters(client: MlflowClient, run_id: str) -> dict[str, Any]:
    """All parameters the run had. Raises Refused where their file is gone."""
    with TemporaryDirectory() as folder:
        try:
            file = Path(client.download_artifacts(run_id, ARTIFACT, folder))
        except (MlflowException, OSError):
            raise Refused(
                f"{run_id} has lost its {ARTIFACT}: nothing says which parameters it had. "
                "Put MLflow's folder of artifacts back."
            ) from None
        parameters: dict[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))
    return parameters


def refuse_unrepeatable(original: Original, project: Path) -> None:
    """Raises Refused for a run that did not end, did not start at the ratings, or has no home."""
    for why_not in (unfinished(original), in_the_middle(original), homeless(original, project)):
        if why_not:
            raise Refused(f"{original.run_id} {why_not}")


def unfinished(original: Original) -> str | None:
    """Why a run without an end is not repeated."""
    status = original.run.info.status
    if status == "FINISHED":
        return None
    command = original.run.data.tags.get("command", "kedro run")
    return f"is {status}, so not all its metrics are there. Run it to its end first: {command}"


def in_the_middle(original: Original) -> str | None:
    """Why a run that used files of earlier runs is not repeated."""
    used = [name for name in IN_THE_MIDDLE if original.selection.get(name)]
    used += sorted(OF_WHAT_GOES_ON.intersection(original.selection.get("pipeline_names") or ()))
    if not used and original.checksum:
        return None
    sign = " and ".join(used) or f"no {CHECKSUM}"
    return (
        f"started in the middle ({sign}): it used files or models of earlier runs, of which MLflow "
        "does not know. Repeat a run that starts at the ratings."
    )


def homeless(original: Original, project: Path) -> str | None:
    """Why a run whose environment is not here is not repeated."""
    wanted, set_here = original.environment, os.environ.get("KEDRO_ENV")
    if wanted == "base" and set_here not in (None, "", "base"):
        return f"named no environment, and KEDRO_ENV={set_here} names one here. Unset KEDRO_ENV."
    folder = project / settings.CONF_SOURCE / wanted
    if folder.is_dir():
        return None
    return f"ran in the environment {wanted}, and there is no {folder}. Bring the folder back."


def other_code(original: Original, project: Path) -> str | None:
    """In what the code of now is not the code of then, and the mend; None for the same commit."""
    tags, now = original.run.data.tags, git_state(project)
    commit = tags.get("git_commit")
    if commit is None:
        return f"{original.run_id} ran outside git: nobody knows its code. Commit it and run anew"
    if tags.get("git_dirty") == "true":
        return (
            f"{original.run_id} ran with changes that commit {commit[:8]} does not have. "
            "Commit them and run anew"
        )
    if now.get("git_commit") != commit:
        return f"{original.run_id} ran at another commit than here. Type: git checkout {commit}"
    if now.get("git_dirty") == "true":
        return f"Here are changes that commit {commit[:8]} does not have. Type: git stash -u"
    return None
