"""The study: the trials of one search, wherever they are kept and whoever does them.

Several processes may work on one study. A trial that begins is marked with the process that does
it; a process that is gone has left trials behind, and they are done again by whoever comes next.
"""

from collections.abc import Mapping
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
from optuna.pruners import BasePruner, MedianPruner, NopPruner
from optuna.samplers import BaseSampler, RandomSampler, TPESampler
from optuna.trial import FrozenTrial, Trial, TrialState

from collaborative_autoencoders.tracking.provenance import is_abandoned, this_process

from .options import TuningOptions
from .space import Axis, Choices, Point, Space
from .storage import lock_of, open_storage

PROCESS, PLACE, AGAIN, VOID = "process", "place", "again", "void"
ERROR, RUN = "error", "mlflow_run"
ABOUT, SEARCH_RUN, WORKER = "about", "search_run", "worker "
NO_DRAW = -1

optuna.logging.set_verbosity(optuna.logging.WARNING)


class Study:
    """Optuna's study with a queue that no two processes take the same trial from."""

    def __init__(
        self,
        url: str,
        name: str,
        space: Space,
        options: TuningOptions,
        about: Mapping[str, Any],
        higher_is_better: bool,
        start: Point | None = None,
    ) -> None:
        """The study of this name in the storage at `url`, made if it is not there.

        `start` is tried first. Raises ValueError where the study is about something else, OSError
        where the storage cannot be opened.
        """
        self.space, self.options, self.start = space, options, start
        self.storage, self.alone = open_storage(url), lock_of(url)
        with self.alone:
            self.study = optuna.create_study(
                storage=self.storage,
                study_name=name,
                direction="maximize" if higher_is_better else "minimize",
                pruner=pruner_of(options),
                load_if_exists=True,
            )
            if ABOUT not in self.study.user_attrs:
                self.study.set_user_attr(ABOUT, dict(about))
            refuse_another(name, about, self.study.user_attrs[ABOUT])
            self._fill_queue()

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
        with self.alone:
            if not self._is_any_left():
                return None
            trial = self.study.ask()
            if self._is_too_many(trial):  # a process of another host was quicker
                self.mark(trial.number, **{VOID: "another was quicker", AGAIN: NO_DRAW})
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
        """Count this trial as never begun, so that it is done again; False if it has ended."""
        with self.alone:
            if self.storage.get_trial(self._id_of(number)).state.is_finished():
                return False
            self.mark(number, **{VOID: reason})
            self.study.tell(number, state=TrialState.FAIL)
            self._fill_queue()
            return True

    def void_abandoned(self) -> None:
        """Void the trials that nobody does any more, before this process does its first.

        Such are those of a process that is gone, or had this one's number. One that does not say
        whose it is was begun by a process that was killed at once, unless another is at work.
        """
        with self.alone:
            others = self.is_worked_on_by_others()
            for trial in self.trials():
                process = trial.user_attrs.get(PROCESS)
                gone = not others if process is None else is_gone(process)
                if gone and trial.state == TrialState.RUNNING:
                    self.void(trial.number, "interrupted")

    def is_at_work(self, works: bool) -> None:
        """Tell others whether this process works on the study."""
        self.study.set_user_attr(f"{WORKER}{this_process()}", works)

    def is_worked_on_by_others(self) -> bool:
        """Whether another process is at work, as far as this host knows."""
        workers = {
            name.removeprefix(WORKER)
            for name, works in self.study.user_attrs.items()
            if name.startswith(WORKER) and works
        }
        return not all(map(is_gone, workers))

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

    def _fill_queue(self) -> None:
        """Queue every point and every draw that is to be tried and that no trial has.

        So nothing is lost whenever a process was killed.
        """
        trials = self.study.get_trials(deepcopy=False)
        places, draws = (
            {trial.user_attrs.get(name) for trial in trials if VOID not in trial.user_attrs}
            for name in (PLACE, AGAIN)
        )
        for place, point in enumerate(self.queue):
            if place not in places:
                self.study.enqueue_trial(point, {PLACE: place})
        for trial in trials:
            if VOID in trial.user_attrs and PLACE not in trial.user_attrs:
                draw = self.draw_of(trial)
                if draw != NO_DRAW and draw not in draws:
                    draws.add(draw)
                    whole = trial.params.keys() == self.space.axes.keys()
                    self.study.enqueue_trial(trial.params if whole else {}, {AGAIN: draw})


def is_gone(process: str) -> bool:
    """Whether another process than this one is not there to work, as far as this host knows."""
    return process == this_process() or is_abandoned(process)


def refuse_another(name: str, about: Mapping[str, Any], theirs: Mapping[str, Any]) -> None:
    """Raises ValueError where the study of this name is about something else."""
    differing = [key for key, value in about.items() if theirs.get(key) != value]
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
