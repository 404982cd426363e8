"""One trial: fit a model with its options, and record the result in the study and in MLflow."""

import logging
import time
from dataclasses import dataclass, field
from typing import Any

import mlflow
from mlflow.entities import LifecycleStage, Run
from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID, MLFLOW_RUN_NAME
from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import Trial
from pydantic import ValidationError

from collaborative_autoencoders.learning.curves import curves_of
from collaborative_autoencoders.learning.fit import Epoch
from collaborative_autoencoders.learning.fit_model import fit_with_validation, validate_formula
from collaborative_autoencoders.learning.options import TrainingOptions
from collaborative_autoencoders.tracking.interruptions import uninterrupted
from collaborative_autoencoders.tracking.logged import (
    log_curves,
    log_metrics,
    log_parameters,
)

from .options import Search
from .study import COMPLETE, FAILED, INTERRUPTED, PROCESS, PRUNED, Study

BEST_EPOCH, EPOCHS, SECONDS, TRIAL_ERROR = "best_epoch", "epochs", "seconds", "error"
RECORD, RUN = "record", "mlflow_run"
STATE, STUDY, TRIAL = "state", "study", "trial"
INHERITED_TAGS = ("git_commit", "git_dirty", "command", "environment", PROCESS)
STATUS = {FAILED: "FAILED", INTERRUPTED: "KILLED"}

logger = logging.getLogger(__name__)


class Pruned(Exception):
    """Raised when the pruner stops a trial."""


@dataclass
class TrialRecord:
    """What a trial has found so far and the figures computed from it."""

    search: Search
    started: float = field(default_factory=time.monotonic)
    epochs: list[Epoch] = field(default_factory=list)
    """Epochs of a network."""
    of_formula: float | None = None
    """Validation of a model that is fitted by a formula."""

    @property
    def seconds(self) -> float:
        """Seconds since the trial started."""
        return time.monotonic() - self.started

    @property
    def best(self) -> Epoch | None:
        """The first epoch with the best validation. Training keeps the weights of this epoch."""
        validated = [epoch for epoch in self.epochs if epoch.validation is not None]
        sign = 1 if self.search.higher_is_better else -1
        return max(validated, key=lambda epoch: sign * (epoch.validation or 0.0), default=None)

    @property
    def value(self) -> float | None:
        """The best validation."""
        return self.of_formula if self.best is None else self.best.validation

    @property
    def best_epoch(self) -> int | None:
        """The number of the best epoch."""
        return None if self.best is None else self.best.epoch

    def facts(self) -> dict[str, Any]:
        """Return the facts that the study stores beside the value. A formula has no epochs."""
        epochs = None if self.search.is_of_formula else len(self.epochs)
        return {BEST_EPOCH: self.best_epoch, EPOCHS: epochs, SECONDS: self.seconds}

    def metrics(self) -> dict[str, float | None]:
        """Return the metrics that MLflow logs beside the curves."""
        return {
            f"best_validation_{self.search.metric}": self.value,
            BEST_EPOCH: self.best_epoch,
            "fit_seconds": self.seconds,
        }


def run_trial(search: Search, study: Study, runs: "TrialRuns") -> bool:
    """Claim a trial, fit it and record the result. Return False if no trial is left.

    Only the fit can be interrupted. The study is updated last, so that a trial it lists as complete
    has a complete MLflow run.
    """
    record = TrialRecord(search)
    trial: Trial | None = None
    run_id: str | None = None
    try:
        with uninterrupted():
            trial = study.claim()
            if trial is None:
                return False
            block = search.space.block(search.block, trial.params)
            run_id = runs.begin(trial, block)
        with study.alive(trial):
            state, error = fit_trial(record, block, trial)
            with uninterrupted():
                facts = record.facts() | search.provenance | {TRIAL_ERROR: error}
                trial.set_user_attr(RECORD, facts)
                runs.end(run_id, state, record, error)
                study.finish(trial, state, record.value)
    except UpdateFinishedTrialError:
        assert trial is not None, "a claim does not raise it"
        state, error = INTERRUPTED, "another process took it over after minutes without a sign"
        with uninterrupted():
            runs.end(run_id, state, record, error)
    except BaseException:
        with uninterrupted():
            if trial is not None and study.interrupt(trial.number):
                runs.end(run_id, INTERRUPTED, record)
        raise
    shown = error or f"{search.metric} {record.value:.4f}"
    words = (search.model, trial.number, state, shown, record.seconds)
    logger.info("%s: trial %d %s, %s, %.1f s", *words)
    return True


def fit_trial(record: TrialRecord, block: dict[str, Any], trial: Trial) -> tuple[str, str | None]:
    """Fit a model, record its validation, and return the state and the error, if any."""
    search = record.search
    try:
        options = TrainingOptions.of(search.model).model_validate(block)
        if search.is_of_formula:
            record.of_formula = validate_formula(
                options, search.running, search.catalogue, search.metric, **search.parts
            )
        else:
            fit_network(record, options, trial)
    except Pruned:
        return PRUNED, None
    except Exception as error:
        return FAILED, message_of(error)
    return COMPLETE, None


def fit_network(record: TrialRecord, options: TrainingOptions, trial: Trial) -> None:
    """Fit a network and record each epoch. Raises Pruned if the pruner stops the trial."""
    search = record.search

    def on_epoch(epoch: Epoch) -> None:
        record.epochs.append(epoch)
        if search.tuning.pruner != "none" and epoch.validation is not None:
            with uninterrupted():
                trial.report(epoch.validation, epoch.epoch)
                prune = trial.should_prune()
            if prune:
                raise Pruned

    fit_with_validation(
        options,
        search.running,
        search.catalogue,
        **search.parts,
        on_epoch=on_epoch,
        title=f"{search.model}, trial {trial.number}",
    )


def message_of(error: Exception) -> str:
    """Return type and message on one line. For a ValidationError, it has the messages only."""
    if isinstance(error, ValidationError):
        messages = [found["msg"].removeprefix("Value error, ") for found in error.errors()]
    else:
        messages = [" ".join(str(error).split())]
    return f"{type(error).__name__}: {'; '.join(messages)}"


class TrialRuns:
    """The MLflow runs of trials, nested under the run of the search.

    Without such a run nothing is logged.
    """

    def __init__(self, search: Search, study: Study, parent: str | None) -> None:
        """Make the run of this id the parent of the trials that this process runs."""
        self.search, self.study = search, study
        self.parent: Run | None = None
        if parent is not None:  # else a client would create a store
            self.client = mlflow.MlflowClient()
            self.parent = self.client.get_run(parent)
            self.client.set_tag(parent, STUDY, study.name)

    def begin(self, trial: Trial, block: dict[str, Any]) -> str | None:
        """Create the run of a trial, log its parameters, and return its id."""
        if self.parent is None:
            return None
        inherited = self.parent.data.tags
        tags = {name: inherited[name] for name in INHERITED_TAGS if name in inherited} | {
            MLFLOW_RUN_NAME: f"trial {trial.number}",
            MLFLOW_PARENT_RUN_ID: self.parent.info.run_id,
            STUDY: self.study.name,
            TRIAL: str(trial.number),
        }
        run = self.client.create_run(self.parent.info.experiment_id, tags=tags)
        run_id: str = run.info.run_id
        trial.set_user_attr(RUN, run_id)
        shared = {"running": self.search.running, "data_facts": self.search.facts}
        log_parameters(run_id, block | shared)
        return run_id

    def end(
        self, run_id: str | None, state: str, record: TrialRecord, error: str | None = None
    ) -> None:
        """Log the result of a trial and close its run."""
        if run_id is None:
            return
        log_metrics(run_id, record.metrics())  # before the curves: MLflow lists these first
        log_curves(run_id, curves_of(record.epochs, self.search.options))
        self.client.set_tag(run_id, STATE, state)
        if error is not None:
            self.client.set_tag(run_id, TRIAL_ERROR, error[:5000])
        self.client.set_terminated(run_id, STATUS.get(state, "FINISHED"))

    def adopt_all(self) -> None:
        """Make this search the parent of all trials of the study, also those of other runs.

        Each process does this when it stops. After the last one has stopped, all trials have one
        parent.
        """
        if self.parent is None:
            return
        parent = self.parent.info.run_id
        for trial in self.study.trials():
            run = self._existing(trial.user_attrs.get(RUN))
            if run is not None and run.data.tags.get(MLFLOW_PARENT_RUN_ID) != parent:
                self.client.set_tag(run.info.run_id, MLFLOW_PARENT_RUN_ID, parent)

    def _existing(self, run_id: str | None) -> Run | None:
        """Return the run; None if it is not in this store or is deleted."""
        if run_id is None:
            return None
        try:
            run = self.client.get_run(run_id)
        except mlflow.MlflowException:
            return None
        return run if run.info.lifecycle_stage == LifecycleStage.ACTIVE else None
