"""The study of a search: a plan of trials in a storage that several processes may share.

Every position of the plan has one point: in a grid one of its combinations; otherwise first the
model's own options, then draws, each with a seed made of the study's seed and the position. So
the points of random and grid depend neither on the number of processes nor on interruptions.

A process claims the first free position by creating a trial with position, point and process in
one write, and then checks that no trial with a lower number has the position. If one has, it drops
its own trial and claims the next position. This needs no lock, on one host or on several. A trial
whose process has died is closed as interrupted, and its position becomes free again.
"""

import hashlib
import json
import logging
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from filelock import FileLock
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.exceptions import UpdateFinishedTrialError
from optuna.pruners import BasePruner, MedianPruner, NopPruner
from optuna.samplers import BaseSampler, RandomSampler, TPESampler
from optuna.storages import BaseStorage, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial, Trial, TrialState, create_trial

from collaborative_autoencoders.processes import this_process
from collaborative_autoencoders.state.code import code_version
from collaborative_autoencoders.tracking.files import lock_beside
from collaborative_autoencoders.tracking.life import has_ended
from collaborative_autoencoders.tracking.masking import mask, mask_uri
from collaborative_autoencoders.tracking.sqlite import sqlite_file

from .options import Search, TuningOptions
from .space import Axis, Choices, Point

COMPLETE, PRUNED, FAILED, INTERRUPTED = "complete", "pruned", "failed", "interrupted"
STATES = {COMPLETE: TrialState.COMPLETE, PRUNED: TrialState.PRUNED, FAILED: TrialState.FAIL}
IDENTITY, POSITION, PROCESS, CODE = "identity", "position", "process", "code"
JOURNAL = "journal:///"
SQLITE_TIMEOUT_SECONDS = 60
MAX_JOURNAL_LINE_BYTES = 2**20

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
        return [trial for trial in self.all_trials() if INTERRUPTED not in trial.user_attrs]

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
            taken = {trial.user_attrs[POSITION] for trial in self.trials()}
            position = next((place for place in range(self.size) if place not in taken), None)
            if position is None:
                return None
            template = create_trial(
                state=TrialState.RUNNING,
                params=self.point_at(position),
                distributions=self.distributions,
                user_attrs={POSITION: position, PROCESS: self.process, CODE: code_version()},
            )
            trial_id = self.storage.create_new_trial(self._id, template)
            trial = Trial(self._study, trial_id)
            if trial.number == self._first_at(position):
                return trial
            self.interrupt(trial.number, "another process claimed the position first")

    def finish(self, trial: Trial, state: str, value: float | None) -> None:
        """Record the final state of a trial. A pruned trial keeps its last validation."""
        self._study.tell(trial, value if state == COMPLETE else None, state=STATES[state])

    def interrupt(self, number: int, reason: str = INTERRUPTED) -> bool:
        """Free the position of this trial. Return False if the trial has finished."""
        trial_id = self.storage.get_trial_id_from_study_id_trial_number(self._id, number)
        try:
            self.storage.set_trial_user_attr(trial_id, INTERRUPTED, reason)
            self.storage.set_trial_state_values(trial_id, state=TrialState.FAIL)
        except UpdateFinishedTrialError:
            return False
        return True

    def _first_at(self, position: int) -> int:
        trials = self.trials()
        return min(trial.number for trial in trials if trial.user_attrs[POSITION] == position)

    def _close_abandoned(self) -> None:
        """Interrupt the running trials whose process has ended, or is this one.

        This process has one trial at a time, so one that is still running was left by a search
        that stopped before.
        """
        for trial in self._study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            process = trial.user_attrs[PROCESS]
            if process == self.process or has_ended(process, self.file):
                self.interrupt(trial.number)


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


def open_storage(url: str) -> BaseStorage:
    """Return the storage at this URL, created if it does not exist.

    Raises OSError, with the URL and the fix, if it cannot be opened. A file of another kind is
    left unchanged.
    """
    try:
        with creation_lock(url):
            if url.startswith(JOURNAL):
                return open_journal(Path(url.removeprefix(JOURNAL)))
            timeout = {"connect_args": {"timeout": SQLITE_TIMEOUT_SECONDS}}
            return RDBStorage(url, engine_kwargs=timeout if url.startswith("sqlite") else {})
    except Exception as error:  # from SQLAlchemy, the database's driver, optuna or the disk
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise OSError(
            f"tuning.storage: {mask_uri(url)} cannot be opened: {mask(reason)}\n"
            "Name a writable place (sqlite:///file, journal:///file, or the URL of a database "
            "whose driver is installed), or move the file away to start a new one."
        ) from None


def creation_lock(url: str) -> FileLock:
    """Return a lock for opening. Without it, two processes that create the tables corrupt them."""
    if file := study_file(url):
        return lock_beside(file)
    digest = hashlib.sha256(url.encode()).hexdigest()
    return lock_beside(Path(tempfile.gettempdir()) / f"study-{digest[:16]}")


def study_file(url: str) -> Path | None:
    """Return the file of a storage, or None if it is a database server."""
    return Path(url.removeprefix(JOURNAL)) if url.startswith(JOURNAL) else sqlite_file(url)


def open_journal(file: Path) -> BaseStorage:
    """Return the journal in this file.

    Raises ValueError if the file is not a journal: optuna would append to it.
    """
    if file.exists():
        with file.open("rb") as lines:
            first = lines.readline(MAX_JOURNAL_LINE_BYTES)
        if first and "op_code" not in json.loads(first):
            raise ValueError("the file is not a journal")
    return JournalStorage(JournalFileBackend(str(file)))
