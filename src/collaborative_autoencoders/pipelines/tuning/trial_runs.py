"""The trials of a study in MLflow: each a run, nested under the run of the search."""

from typing import Any

import mlflow
from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID, MLFLOW_RUN_NAME

from collaborative_autoencoders.tracking.logged import (
    Curves,
    log_curves,
    log_metrics,
    log_parameters,
)
from collaborative_autoencoders.tracking.provenance import is_abandoned

from .study import PROCESS, RUN, SEARCH_RUN, Study

STATE, STUDY, TRIAL, ERROR = "state", "study", "trial", "error"
ABOUT = ("git_commit", "git_dirty", "command", "environment", PROCESS)
"""Tags that a trial has from the run that it was done in."""

INTERRUPTED = "interrupted"
STATUS = {"failed": "FAILED", INTERRUPTED: "KILLED"}


class TrialRuns:
    """What MLflow is told of the trials that this process does; nothing where it follows no run."""

    def __init__(self, study: Study) -> None:
        """The run that is active is this process's run of the search."""
        self.study, self.client = study, mlflow.MlflowClient()
        active = mlflow.active_run()
        self.own = None if active is None else self.client.get_run(active.info.run_id)

    def close_abandoned(self) -> None:
        """End the runs of this study's trials whose process is gone."""
        if self.own is None:
            return
        running = f"tags.{STUDY} = '{self.study.name}' AND tags.{STATE} = 'running'"
        for run in self.client.search_runs([self.own.info.experiment_id], running):
            if is_abandoned(run.data.tags.get(PROCESS, "")):
                self.end(run.info.run_id, INTERRUPTED, {}, {}, None)

    def adopt(self) -> None:
        """Nest every trial of the study under this process's run, unless others are at work."""
        if self.own is None or self.study.is_worked_on_by_others():
            return
        mine = self.own.info.run_id
        self.study.study.set_user_attr(SEARCH_RUN, mine)
        self.client.set_tag(mine, STUDY, self.study.name)
        for trial in self.study.trials():
            run_id = trial.user_attrs.get(RUN)
            if run_id is not None and self.parent_of(run_id) not in (mine, None):
                self.client.set_tag(run_id, MLFLOW_PARENT_RUN_ID, mine)

    def parent_of(self, run_id: str) -> str | None:
        """The run that a trial's run is nested under; None where the run is not in this store."""
        try:
            parent: str | None = self.client.get_run(run_id).data.tags.get(MLFLOW_PARENT_RUN_ID)
        except mlflow.MlflowException:
            return None
        return parent

    def begin(self, number: int, parameters: dict[str, Any]) -> str | None:
        """Open a trial's run with all its parameters; its id."""
        if self.own is None:
            return None
        about = self.own.data.tags
        tags = {name: about[name] for name in ABOUT if name in about} | {
            MLFLOW_RUN_NAME: f"trial {number}",
            MLFLOW_PARENT_RUN_ID: self.study.study.user_attrs.get(SEARCH_RUN, self.own.info.run_id),
            STATE: "running",
            STUDY: self.study.name,
            TRIAL: str(number),
        }
        run_id: str = self.client.create_run(self.own.info.experiment_id, tags=tags).info.run_id
        self.study.mark(number, **{RUN: run_id})
        log_parameters(run_id, parameters)
        return run_id

    def end(
        self,
        run_id: str | None,
        state: str,
        curves: Curves,
        metrics: dict[str, float | None],
        error: str | None,
    ) -> None:
        """Log how the trial went, and close its run."""
        if run_id is None:
            return
        log_metrics(run_id, metrics)  # first, so that MLflow's comparison shows these
        log_curves(run_id, curves)
        self.client.set_tag(run_id, STATE, state)
        if error is not None:
            self.client.set_tag(run_id, ERROR, error[:5000])
        self.client.set_terminated(run_id, STATUS.get(state, "FINISHED"))
