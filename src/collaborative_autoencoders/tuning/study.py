"""The study of a search: a plan of trials in a storage that several processes may share.

Every position of the plan has one point: in a grid one of its combinations; otherwise first the
model's own options, then draws, each with a seed made of the study's seed and the position. So
the points of random and grid depend neither on the number of processes nor on interruptions.

A process claims the first free position by creating a trial with position, point and process in
one write, and then checks that no trial with a lower number has the position. If one has, it drops
its own trial and claims the next position. This needs no lock, on one host or on several. A trial
whose process has died is closed as interrupted, and its position becomes free again. The result of
a process that was taken for dead is dropped.
"""

import logging
import time
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np
import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.exceptions import UpdateFinishedTrialError
from optuna.pruners import BasePruner, MedianPruner, NopPruner
from optuna.samplers import BaseSampler, RandomSampler, TPESampler
from optuna.trial import FrozenTrial, Trial, TrialState, create_trial

from collaborative_autoencoders.processes import this_process
from collaborative_autoencoders.state.code import code_version
from collaborative_autoencoders.tracking.life import has_ended

from .options import Search, TuningOptions
from .signs import BEAT, POLL_SECONDS, Watch, beating
from .space import Axis, Choices, Point
from .storage import open_storage, study_file

COMPLETE, PRUNED, FAILED, INTERRUPTED = "complete", "pruned", "failed", "interrupted"
STATES = {COMPLETE: TrialState.COMPLETE, PRUNED: TrialState.PRUNED, FAILED: TrialState.FAIL}
IDENTITY, POSITION, PROCESS, CODE = "identity", "position", "process", "code"

optuna.logging.set_verbosity(optuna.logging.WARNING)
logger = logging.getLogger(__name__)


class Study:
    """An optuna study in which every position of the plan is run once, and none is lost."""

    def __init__(self, search: Search) -> None:
        """Open the study of this search, or create it.

        Raises ValueError if a study of this name belongs to another search, OSError if the storage
        cannot be opened.
        """
        self.name, self.options, self.process = search.study_name, search.tuning, this_process()
        self.distributions = {name: to_optuna(axis) for name, axis in search.space.axes.items()}
        if search.sampler == "grid":
            self.fixed_points = search.space.grid(self.options.seed)
            self.size = len(self.fixed_points)
        else:
            self.fixed_points = [] if search.start is None else [search.start]
            self.size = self.options.n_trials
        self.storage = open_storage(self.options.storage)
        self.file = study_file(self.options.storage)
        self._watch = Watch()
        self._study = optuna.create_study(
            storage=self.storage,
            study_name=self.name,
            direction="maximize" if search.higher_is_better else "minimize",
            pruner=pruner_of(self.options),
            load_if_exists=True,
        )
        if IDENTITY not in self._study.user_attrs and not self._study.get_trials(deepcopy=False):
            self._study.set_user_attr(IDENTITY, search.identity)
        refuse_other(self.name, search.identity, self._study.user_attrs.get(IDENTITY, {}))
        self._id = self.storage.get_study_id_from_name(self.name)
        self._say_other_code()

    def _say_other_code(self) -> None:
        """Warn of trials that another version of the code has made: they stay in the study."""
        trials = self.trials()
        others = [trial for trial in trials if trial.user_attrs.get(CODE) != code_version()]
        if others:
            logger.warning(
                "study %s: %d of its %d trials were made by another version of the code, so their "
                "values may not be comparable. For a new study: --params tuning.study=NAME",
                *(self.name, len(others), len(trials)),
            )

    def trials(self) -> list[FrozenTrial]:
        """Return all trials except the interrupted ones."""
        return [trial for trial in self.all_trials() if not is_interrupted(trial)]

    def all_trials(self) -> list[FrozenTrial]:
        """Return all trials, also the interrupted ones."""
        return self._study.get_trials(deepcopy=False)

    def point_at(self, position: int) -> Point:
        """Return a value per axis. With tpe a draw also depends on the finished trials."""
        drawn = position - len(self.fixed_points)
        if drawn < 0:
            return self.fixed_points[position]
        sampler = sampler_of(self.options, drawn)
        trial = create_trial(state=TrialState.RUNNING)
        return {
            name: sampler.sample_independent(self._study, trial, name, distribution)
            for name, distribution in self.distributions.items()
        }

    def claim(self) -> Trial | None:
        """Create and return the trial of the first free position; None if no position is free."""
        while True:
            self._close_abandoned()
            position = self._free_position()
            if position is None:
                return None
            about = {POSITION: position, PROCESS: self.process, CODE: code_version()}
            template = create_trial(
                state=TrialState.RUNNING,
                params=self.point_at(position),
                distributions=self.distributions,
                user_attrs=about if self.file else about | {BEAT: 0},
            )
            trial_id = self.storage.create_new_trial(self._id, template)
            trial = Trial(self._study, trial_id)
            if trial.number == self._first_at(position):
                return trial
            self.interrupt(trial.number, "another process claimed the position first")

    def alive(self, trial: Trial) -> AbstractContextManager[None]:
        """Give signs of life during the block. A file needs none: it has locks beside it."""
        return nullcontext() if self.file else beating(self.storage, self._id_of(trial.number))

    def finish(self, trial: Trial, state: str, value: float | None) -> None:
        """Record the final state of a trial. A pruned trial keeps its last validation.

        Raises UpdateFinishedTrialError if another process has interrupted the trial.
        """
        value = value if state == COMPLETE else None
        finished = self._study.tell(trial, value, state=STATES[state], skip_if_finished=True)
        if is_interrupted(finished):
            raise UpdateFinishedTrialError(f"trial {trial.number} was interrupted")

    def given_back(self) -> bool:
        """Return whether a position is free again.

        Waits for each trial that runs in another process until it has given a sign of life or has
        ended, or until its position is free because it has been silent for long.
        """
        waiting = self._beats()
        if waiting:
            logger.info("study %s: waiting for a sign of %d trials", self.name, len(waiting))
        while waiting:
            time.sleep(POLL_SECONDS)
            waiting &= self._beats()
        return self._free_position() is not None

    def interrupt(self, number: int, reason: str = INTERRUPTED) -> bool:
        """Free the position of this trial. Return False if the trial has finished."""
        trial_id = self._id_of(number)
        try:
            self.storage.set_trial_user_attr(trial_id, INTERRUPTED, reason)
            self.storage.set_trial_state_values(trial_id, state=TrialState.FAIL)
        except UpdateFinishedTrialError:
            return False
        return True

    def _id_of(self, number: int) -> int:
        return self.storage.get_trial_id_from_study_id_trial_number(self._id, number)

    def _free_position(self) -> int | None:
        taken = {trial.user_attrs[POSITION] for trial in self.trials()}
        return next((place for place in range(self.size) if place not in taken), None)

    def _running(self) -> list[FrozenTrial]:
        return self._study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))

    def _beats(self) -> set[tuple[int, int]]:
        """Return number and beat of the running trials that have one, after closing the silent."""
        self._close_abandoned()
        beats = ((trial.number, trial.user_attrs.get(BEAT)) for trial in self._running())
        return {(number, beat) for number, beat in beats if beat is not None}

    def _first_at(self, position: int) -> int:
        trials = self.trials()
        return min(trial.number for trial in trials if trial.user_attrs[POSITION] == position)

    def _close_abandoned(self) -> None:
        """Interrupt the running trials whose process has ended, is silent, or is this one.

        This process has one trial at a time, so one that is still running was left by a search
        that stopped before.
        """
        for trial in self._running():
            process = trial.user_attrs[PROCESS]
            if (
                process == self.process
                or has_ended(process, self.file)
                or self._watch.is_silent(trial)
            ):
                self.interrupt(trial.number)


def is_interrupted(trial: FrozenTrial) -> bool:
    """Return whether the trial does not count, and its position is free.

    One that finishes while another process is interrupting it has finished.
    """
    return trial.state == TrialState.FAIL and INTERRUPTED in trial.user_attrs


def refuse_other(name: str, identity: dict[str, Any], stored: dict[str, Any]) -> None:
    """Raise ValueError if the study of this name belongs to another search."""
    differing = [key for key, value in identity.items() if stored.get(key) != value]
    if differing:
        raise ValueError(
            f"tuning.study: the study {name} exists with another {' and '.join(differing)}, so its "
            "trials are not comparable: choose another name, or null"
        )


def to_optuna(axis: Axis) -> BaseDistribution:
    """Return the axis as an optuna distribution."""
    if isinstance(axis, Choices):
        return CategoricalDistribution(axis.values)
    if isinstance(axis.low, int) and isinstance(axis.high, int):
        return IntDistribution(axis.low, axis.high, log=axis.log)
    return FloatDistribution(axis.low, axis.high, log=axis.log)


def sampler_of(options: TuningOptions, drawn: int) -> BaseSampler:
    """Return the sampler of one draw."""
    seed = int(np.random.SeedSequence([options.seed, drawn]).generate_state(1)[0])
    return TPESampler(seed=seed) if options.sampler == "tpe" else RandomSampler(seed=seed)


def pruner_of(options: TuningOptions) -> BasePruner:
    """Return the rule that stops a trial early."""
    if options.pruner == "none":
        return NopPruner()
    return MedianPruner(options.pruner_startup_trials, options.pruner_warmup_epochs)
