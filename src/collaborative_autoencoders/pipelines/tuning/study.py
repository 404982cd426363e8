"""The study: the trials of one search, wherever they are kept and whoever does them.

Several processes may work on one study. A trial that begins is marked with the process that does
it; a process that is gone has left trials behind, and they are done again by whoever comes next.
"""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from typing import Any

import numpy as np
import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.exceptions import DuplicatedStudyError, UpdateFinishedTrialError
from optuna.pruners import BasePruner, MedianPruner, NopPruner
from optuna.samplers import BaseSampler, RandomSampler, TPESampler
from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial, Trial, TrialState

from collaborative_autoencoders.tracking.provenance import is_abandoned, this_process

from .options import TuningOptions
from .space import Axis, Choices, Point, Space

PROCESS, PLACE, AGAIN, VOID = "process", "place", "again", "void"
ERROR, RUN = "error", "mlflow_run"
ABOUT, READY, SEARCH_RUN, WORKER = "about", "ready", "search_run", "worker "
NO_DRAW = -1
PATIENCE_SECONDS = 60

optuna.logging.set_verbosity(optuna.logging.WARNING)


class Study:
    """Optuna's study with a queue that no two processes take the same trial from."""

    def __init__(
        self,
        storage: BaseStorage,
        name: str,
        space: Space,
        options: TuningOptions,
        about: Mapping[str, Any],
        higher_is_better: bool,
        start: Point | None = None,
    ) -> None:
        """The study of this name, made if it is not there; `start` is tried first.

        Raises ValueError where it is there and is about something else.
        """
        self.space, self.options, self.storage, self.start = space, options, storage, start
        pruner = pruner_of(options)
        try:
            self.study = optuna.create_study(
                storage=storage,
                study_name=name,
                direction="maximize" if higher_is_better else "minimize",
                pruner=pruner,
            )
            self.study.set_user_attr(PROCESS, this_process())
            self._make_whole(about)
        except DuplicatedStudyError:
            self.study = optuna.load_study(storage=storage, study_name=name, pruner=pruner)
            self._wait_until_whole(about)
        refuse_another(name, about, self.study.user_attrs.get(ABOUT))

    @property
    def name(self) -> str:
        """As it stands in the storage."""
        return self.study.study_name

    def trials(self) -> list[FrozenTrial]:
        """All trials that count: not those that were interrupted, and not those still to begin."""
        return [
            trial
            for trial in self.study.get_trials(deepcopy=False)
            if VOID not in trial.user_attrs and trial.state != TrialState.WAITING
        ]

    @cached_property
    def queue(self) -> list[Point]:
        """The points that are known from the beginning, each at its place."""
        if self.options.sampler == "grid":
            return self.space.grid(self.options.seed)
        return [] if self.start is None else [self.start]

    def next(self) -> Trial | None:
        """A trial to do; None where all have been done or are being done."""
        if not self._is_any_left():
            return None
        trial = self.study.ask()
        if self._is_too_many(trial):
            self.mark(trial.number, **{VOID: "another process was quicker", AGAIN: NO_DRAW})
            self.study.tell(trial, state=TrialState.FAIL)
            return None
        trial.set_user_attr(PROCESS, this_process())
        return trial

    def point(self, trial: Trial) -> Point:
        """The value of each axis: as queued, else from the sampler.

        The sampler's seed is of the study's seed and the trial's draw, so that no process and no
        interruption changes what random draws.
        """
        self.study.sampler = sampler_of(self.options, self.draw_of(trial))
        return {name: suggest(trial, name, axis) for name, axis in self.space.axes.items()}

    def draw_of(self, trial: Trial | FrozenTrial) -> int:
        """Which draw of the sampler this is: a trial that is done again has the draw it had.

        Others have the next one, as if nothing had been queued.
        """
        again: int | None = trial.user_attrs.get(AGAIN)
        if again is not None:
            return again
        before = self.study.get_trials(deepcopy=False)[: trial.number]
        return trial.number - sum(
            AGAIN in other.user_attrs or PLACE in other.user_attrs for other in before
        )

    def mark(self, number: int, **attributes: Any) -> None:
        """Note something of a trial, also of one that another process does."""
        for name, value in attributes.items():
            self.storage.set_trial_user_attr(self._id_of(number), name, value)

    def void(self, number: int, reason: str) -> bool:
        """Count this trial as never begun, and put it into the queue again; False if it has ended.

        It is queued with its point where that is known, else to be drawn as it would have been.
        """
        trial = self.storage.get_trial(self._id_of(number))
        if trial.state.is_finished():
            return False
        try:
            self.mark(number, **{VOID: reason})
            self.study.tell(number, state=TrialState.FAIL)
        except (ValueError, UpdateFinishedTrialError):  # another process has just done it
            return False
        place: int | None = trial.user_attrs.get(PLACE)
        if place is not None:
            self.study.enqueue_trial(self.queue[place], {PLACE: place})
            return True
        whole = trial.params.keys() == self.space.axes.keys()
        again = {AGAIN: self.draw_of(trial)}
        self.study.enqueue_trial(trial.params if whole else {}, again)
        return True

    @contextmanager
    def worked_on(self) -> Iterator[None]:
        """As long as this lasts, others know that this process works on the study."""
        me = f"{WORKER}{this_process()}"
        self.study.set_user_attr(me, True)
        try:
            yield
        finally:
            self.study.set_user_attr(me, False)

    def void_abandoned(self) -> None:
        """Void the trials whose process is gone.

        One that does not say whose it is was begun by a process that was killed at once, unless
        another is at work.
        """
        others = self.is_worked_on_by_others()
        for trial in self.trials():
            process = trial.user_attrs.get(PROCESS)
            gone = not others if process is None else is_abandoned(process)
            if gone and trial.state == TrialState.RUNNING:
                self.void(trial.number, "interrupted")

    def is_worked_on_by_others(self) -> bool:
        """Whether another process is at work, as far as this host knows."""
        workers = {
            name.removeprefix(WORKER)
            for name, works in self.study.user_attrs.items()
            if name.startswith(WORKER) and works
        }
        return any(not is_abandoned(worker) for worker in workers - {this_process()})

    def _id_of(self, number: int) -> int:
        study_id = self.storage.get_study_id_from_name(self.name)
        return self.storage.get_trial_id_from_study_id_trial_number(study_id, number)

    def _is_any_left(self) -> bool:
        trials = self.study.get_trials(deepcopy=False, states=(TrialState.WAITING,))
        if trials:
            return True
        return self.options.sampler != "grid" and len(self.trials()) < self.options.n_trials

    def _is_too_many(self, trial: Trial) -> bool:
        if self.options.sampler == "grid":
            return PLACE not in trial.user_attrs
        before = sum(other.number < trial.number for other in self.trials())
        return before >= self.options.n_trials

    def _make_whole(self, about: Mapping[str, Any]) -> None:
        self.study.set_user_attr(ABOUT, dict(about))
        for place, point in enumerate(self.queue):
            self.study.enqueue_trial(point, {PLACE: place}, skip_if_exists=True)
        self.study.set_user_attr(READY, True)

    def _wait_until_whole(self, about: Mapping[str, Any]) -> None:
        """Another process may be making the study; if it is gone, this one makes it whole."""
        give_up = time.monotonic() + PATIENCE_SECONDS
        while not self.study.user_attrs.get(READY):
            maker = self.study.user_attrs.get(PROCESS, "")
            if is_abandoned(maker) or time.monotonic() > give_up:
                self._make_whole(about)
            time.sleep(0.2)


def refuse_another(name: str, about: Mapping[str, Any], theirs: Mapping[str, Any] | None) -> None:
    """Raises ValueError where the study of this name is about something else."""
    differing = [key for key, value in about.items() if (theirs or {}).get(key) != value]
    if differing:
        raise ValueError(
            f"tuning.study: {name} is there and has another {' and '.join(differing)}, so its "
            "trials cannot be compared with those asked for: name another study, or null"
        )


def suggest(trial: Trial, name: str, axis: Axis) -> Any:
    """A value of this axis."""
    if isinstance(axis, Choices):
        return trial.suggest_categorical(name, axis.values)
    if isinstance(axis.low, int) and isinstance(axis.high, int):
        return trial.suggest_int(name, axis.low, axis.high, log=axis.log)
    return trial.suggest_float(name, axis.low, axis.high, log=axis.log)


def distribution_of(axis: Axis) -> BaseDistribution:
    """The axis in optuna's words."""
    if isinstance(axis, Choices):
        return CategoricalDistribution(axis.values)
    if isinstance(axis.low, int) and isinstance(axis.high, int):
        return IntDistribution(axis.low, axis.high, log=axis.log)
    return FloatDistribution(axis.low, axis.high, log=axis.log)


def sampler_of(options: TuningOptions, number: int) -> BaseSampler:
    """The sampler of one trial."""
    seed = int(np.random.SeedSequence([options.seed, number]).generate_state(1)[0])
    if options.sampler == "tpe":
        return TPESampler(seed=seed, multivariate=False)
    return RandomSampler(seed=seed)  # of a grid everything is queued


def pruner_of(options: TuningOptions) -> BasePruner:
    """What ends a trial early."""
    if options.pruner == "none":
        return NopPruner()
    return MedianPruner(options.pruner_startup_trials, options.pruner_warmup_epochs)
