"""The search: trial after trial, until the study is whole or the time is up."""

import gc
import hashlib
import itertools
import json
import logging
import math
import time
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from optuna.trial import Trial, TrialState
from pydantic import ValidationError

from collaborative_autoencoders.interactions.matrices import Interactions, fingerprint
from collaborative_autoencoders.learning.curves import curves_of
from collaborative_autoencoders.learning.fit import Epoch, higher_is_better
from collaborative_autoencoders.learning.fit_model import judge_of, try_options
from collaborative_autoencoders.learning.options import RunningOptions, TrainingOptions
from collaborative_autoencoders.learning.running import choose_device
from collaborative_autoencoders.models.model import Catalogue
from collaborative_autoencoders.tracking.interruptions import uninterrupted
from collaborative_autoencoders.tracking.provenance import git_state

from .options import TuningOptions
from .space import Space
from .study import ERROR, Study
from .trial_runs import INTERRUPTED, TrialRuns

logger = logging.getLogger(__name__)

COMPLETE, PRUNED, FAILED = "complete", "pruned", "failed"
STATES = {COMPLETE: TrialState.COMPLETE, PRUNED: TrialState.PRUNED, FAILED: TrialState.FAIL}
BEST_EPOCH, EPOCHS, SECONDS = "best_epoch", "epochs", "seconds"
TRIALS_TO_GUESS_BY = 3


class Pruned(Exception):
    """The trial is not worth going on with."""


@dataclass(frozen=True)
class Search:
    """All that a search is made of."""

    model: str
    base: TrainingOptions
    """The model's own block: what the space does not decide."""
    space: Space
    tuning: TuningOptions
    running: RunningOptions
    train: Interactions
    validation: Interactions
    catalogue: Catalogue
    facts: dict[str, Any]
    """Of the data, for the trials' runs."""

    @property
    def metric(self) -> str:
        """What trials are compared by: a metric on the validation part."""
        fitting = self.base.fitting
        assert fitting is not None, "only networks are searched"
        return str(fitting.validation_metric)

    @cached_property
    def made_by(self) -> dict[str, Any]:
        """What a trial's figure hangs on beside its options: threads, device, commit."""
        device = choose_device(self.running.device).type
        return {"threads": self.running.threads, "device": device, **git_state(Path.cwd())}

    def about(self) -> dict[str, Any]:
        """What makes trials comparable, as JSON would give it back."""
        about = {
            "options": self.base.model_dump(mode="json"),
            "space": self.space._asdict(),
            "sampler": self.tuning.sampler,
            "seed": self.tuning.seed,
            "data": fingerprint(self.train, self.validation),
        }
        told: dict[str, Any] = json.loads(json.dumps(about))
        return told

    def name(self) -> str:
        """The name of the study: as asked for, else the same for the same search."""
        digest = hashlib.sha256(json.dumps(self.about(), sort_keys=True).encode()).hexdigest()
        return self.tuning.study or f"{self.model}-{digest[:8]}"


def search(asked: Search) -> Study:
    """Do what is missing of the study's trials, and give the study.

    Raises ValueError where it cannot begin: no validation, a grid that is larger than `n_trials`,
    a study of this name about something else; OSError where the storage cannot be opened.
    """
    fitting = asked.base.fitting
    if fitting is None or judge_of(fitting, asked.train, asked.validation) is None:
        raise ValueError(f"{asked.model}.fitting.validation_metric is null: nothing to tune by")
    refuse_large_grid(asked)
    start = asked.space.point_of(asked.base.model_dump(mode="json"))
    args = (asked.space, asked.tuning, asked.about(), higher_is_better(fitting), start)
    with uninterrupted():
        study = Study(asked.tuning.storage, asked.name(), *args)
        study.void_abandoned()
    runs = TrialRuns(study)
    with runs.of_a_search():
        say_where_it_stands(asked, study)
        go_through(asked, study, runs)
    return study


def refuse_large_grid(asked: Search) -> None:
    """Raises ValueError where there are more combinations than trials, or no end of them."""
    if asked.tuning.sampler != "grid":
        return
    combinations = asked.space.combinations
    if combinations is None:
        asked.space.grid(asked.tuning.seed)  # says which axis has no end of values
    elif combinations > asked.tuning.n_trials:
        raise ValueError(
            f"tuning.n_trials: the grid of {asked.model} in the space `{asked.tuning.space}` has "
            f"{combinations} combinations, more than {asked.tuning.n_trials}: raise n_trials to "
            f"{combinations}, list fewer choices, or take sampler: random"
        )


def say_where_it_stands(asked: Search, study: Study) -> None:
    """One line before the first trial."""
    combinations = asked.space.combinations
    logger.info(
        "%s: study %s, %d of %d trials are done%s",
        asked.model,
        study.name,
        len(study.trials()),
        goal_of(asked),
        "" if combinations is None else f" ({combinations} combinations)",
    )


def goal_of(asked: Search) -> int:
    """How many trials there are to be in all."""
    if asked.tuning.sampler == "grid":
        return asked.space.combinations or 0
    return asked.tuning.n_trials


def go_through(asked: Search, study: Study, runs: TrialRuns) -> None:
    """Trial after trial; after the first ones it says how long all would take."""
    started, budget = time.monotonic(), asked.tuning.time_budget_seconds or math.inf
    gc.freeze()  # what is imported stays: each collection looks at the trials alone
    try:
        for done in itertools.count():
            spent = time.monotonic() - started
            if done == TRIALS_TO_GUESS_BY:
                say_how_long(asked, study, spent / done, max(0.0, budget - spent))
            if spent >= budget:
                logger.info("%s: the time is up; started again, the search goes on", asked.model)
                break
            if not do_trial(asked, study, runs):
                break
            gc.collect()
    except (KeyboardInterrupt, SystemExit):
        logger.warning("%s: stopped; started again, the search goes on", asked.model)
        raise
    finally:
        gc.unfreeze()


def say_how_long(asked: Search, study: Study, seconds_each: float, seconds_left: float) -> None:
    """How long what is left would take, as a warning where there is not so much time."""
    left = goal_of(asked) - len(study.trials())
    if left <= 0:
        return
    all_of_them = minutes(left * seconds_each)
    takes = f"a trial takes some {seconds_each:.1f} s, the {left} left some {all_of_them}"
    if left * seconds_each <= seconds_left:
        logger.info("%s: %s", asked.model, takes)
        return
    logger.warning(
        "%s: %s; time_budget_seconds leaves %s, enough for about %d. Started again, the search "
        "goes on.",
        *(asked.model, takes, minutes(seconds_left), int(seconds_left / seconds_each)),
    )


def minutes(seconds: float) -> str:
    """A time in the unit that a person would say."""
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"


def do_trial(asked: Search, study: Study, runs: TrialRuns) -> bool:
    """One trial from its point to its end; False where none is left.

    Only the fit can be interrupted. The study is told last: a trial that it knows to be complete
    has all of its run.
    """
    record = TrialRecord(asked, time.monotonic(), [])
    trial: Trial | None = None
    run_id: str | None = None
    try:
        with uninterrupted():
            trial = study.next()
            if trial is None:
                return False
            block = asked.space.block(asked.base.model_dump(mode="json"), study.point(trial))
            told = {"running": asked.running, "data_facts": asked.facts}
            run_id = runs.begin(trial.number, block | told)
        state, error = attempt(asked, block, trial, record.epochs)
        with uninterrupted():
            failed = {} if error is None else {ERROR: error}
            study.mark(trial.number, **record.facts(), **asked.made_by, **failed)
            runs.end(run_id, state, record.curves(), record.metrics(), error)
            best = record.best if state == COMPLETE else None
            study.study.tell(trial, best and best.validation, state=STATES[state])
    except BaseException:
        with uninterrupted():
            if trial is not None and study.void(trial.number, INTERRUPTED):
                runs.end(run_id, INTERRUPTED, record.curves(), record.metrics(), None)
        raise
    shown = error if record.best is None else f"{asked.metric} {record.best.validation:.4f}"
    words = (asked.model, trial.number, state, shown, record.seconds)
    logger.info("%s: trial %d, %s, %s, %.1f s", *words)
    return True


@dataclass(frozen=True)
class TrialRecord:
    """What is known of a trial so far."""

    asked: Search
    began: float
    epochs: list[Epoch]

    @property
    def seconds(self) -> float:
        """How long it has taken."""
        return time.monotonic() - self.began

    @property
    def best(self) -> Epoch | None:
        """The epoch that training would keep: the first with the best validation."""
        judged = [epoch for epoch in self.epochs if epoch.validation is not None]
        if not judged or self.asked.base.fitting is None:
            return None
        sign = 1 if higher_is_better(self.asked.base.fitting) else -1
        return max(judged, key=lambda epoch: sign * (epoch.validation or 0.0))

    def curves(self) -> dict[str, list[dict[str, float]]]:
        """As of a training run."""
        return curves_of(self.epochs, self.asked.base)

    def facts(self) -> dict[str, Any]:
        """What the study keeps beside the value."""
        best_epoch = None if self.best is None else self.best.epoch
        return {BEST_EPOCH: best_epoch, EPOCHS: len(self.epochs), SECONDS: self.seconds}

    def metrics(self) -> dict[str, float | None]:
        """Beside the curves."""
        best = self.best
        return {
            f"best_validation_{self.asked.metric}": None if best is None else best.validation,
            BEST_EPOCH: None if best is None else best.epoch,
            "fit_seconds": self.seconds,
        }


def attempt(
    asked: Search, block: dict[str, Any], trial: Trial, epochs: list[Epoch]
) -> tuple[str, str | None]:
    """Fit once; the state it ends in, and the error of a trial that failed."""

    def see(epoch: Epoch) -> None:
        epochs.append(epoch)
        if asked.tuning.pruner != "none" and epoch.validation is not None:
            with uninterrupted():
                trial.report(epoch.validation, epoch.epoch)
                is_hopeless = trial.should_prune()
            if is_hopeless:
                raise Pruned

    title = f"{asked.model}, trial {trial.number}"
    data = (asked.train, asked.validation, asked.catalogue)
    try:
        options = TrainingOptions.model_validate(block)
        try_options(options, asked.running, *data, see, title)
    except Pruned:
        return PRUNED, None
    except Exception as error:
        return FAILED, in_words(error)
    return COMPLETE, None


def in_words(error: Exception) -> str:
    """An error on one line; of options that do not go together, what is wrong with them."""
    if isinstance(error, ValidationError):
        told = "; ".join(found["msg"].removeprefix("Value error, ") for found in error.errors())
    else:
        told = " ".join(str(error).split())
    return f"{type(error).__name__}: {told}"
