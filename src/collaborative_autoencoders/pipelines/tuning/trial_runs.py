"""The trials of a study in MLflow: each a run, nested under the run of the search."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import mlflow
from mlflow.entities import LifecycleStage, Run
from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID, MLFLOW_RUN_NAME

from collaborative_autoencoders.tracking.interruptions import uninterrupted
from collaborative_autoencoders.tracking.logged import (
    Curves,
    log_curves,
    log_metrics,
    log_parameters,
)

from .study import PROCESS, RUN, SEARCH_RUN, Study, is_gone

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

    @contextmanager
    def of_a_search(self) -> Iterator[None]:
        """As long as this lasts, this process is at work; who comes first and who leaves last has
        all trials nested under its run."""
        with uninterrupted(), self.study.alone:
            self._close_abandoned()
            self._adopt()
            self.study.is_at_work(True)
        try:
            yield
        finally:
            with uninterrupted():
                self.study.is_at_work(False)
        with uninterrupted(), self.study.alone:
            self._adopt()

    def _close_abandoned(self) -> None:
        """End the runs of this study's trials that nobody does any more."""
        if self.own is None:
            return
        running = f"tags.{STUDY} = '{self.study.name}' AND tags.{STATE} = 'running'"
        for run in self.client.search_runs([self.own.info.experiment_id], running):
            if is_gone(run.data.tags.get(PROCESS, "")):
                self.end(run.info.run_id, INTERRUPTED, {}, {}, None)

    def _adopt(self) -> None:
        """Nest every trial of the study under this process's run, unless others are at work."""
        if self.own is None or self.study.is_worked_on_by_others():
            return
        mine = self.own.info.run_id
        self.study.study.set_user_attr(SEARCH_RUN, mine)
        self.client.set_tag(mine, STUDY, self.study.name)
        for trial in self.study.trials():
            run = self._active(trial.user_attrs.get(RUN))
            if run is not None and run.data.tags.get(MLFLOW_PARENT_RUN_ID) != mine:
                self.client.set_tag(run.info.run_id, MLFLOW_PARENT_RUN_ID, mine)

    def _active(self, run_id: str | None) -> Run | None:
        """The run; None where there is none, it is not in this store, or it has been deleted."""
        if run_id is None:
            return None
        try:
            run = self.client.get_run(run_id)
        except mlflow.MlflowException:
            return None
        return run if run.info.lifecycle_stage == LifecycleStage.ACTIVE else None

    def begin(self, number: int, parameters: dict[str, Any]) -> str | None:
        """Open a trial's run with all its parameters; its id."""
        if self.own is None:
            return None
        about = self.own.data.tags
        search = self._active(self.study.study.user_attrs.get(SEARCH_RUN)) or self.own
        tags = {name: about[name] for name in ABOUT if name in about} | {
            MLFLOW_RUN_NAME: f"trial {number}",
            MLFLOW_PARENT_RUN_ID: search.info.run_id,
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
