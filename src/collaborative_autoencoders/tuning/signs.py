"""Signs of life of trials in a database server, whose process may be on a host that has gone.

The process of a trial counts up an attribute of it. An observer compares what it reads with what it
has read before, by its own clock: the clocks of hosts and the database's time zone do not matter.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread

from optuna.exceptions import StorageInternalError, UpdateFinishedTrialError
from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial

BEAT = "beat"
BEAT_SECONDS = 10.0
POLL_SECONDS = 1.0
SILENT_AFTER_SECONDS = 300.0
"""A trial is given to another process if its beat has been the same for longer."""


@contextmanager
def beating(storage: BaseStorage, trial_id: int) -> Iterator[None]:
    """Count up the attribute `beat` of a running trial during the block."""
    done = Event()

    def beat() -> None:
        beats = 0
        while not done.wait(BEAT_SECONDS):
            beats += 1
            try:
                storage.set_trial_user_attr(trial_id, BEAT, beats)
            except UpdateFinishedTrialError:  # it has finished, or another process has closed it
                break
            except StorageInternalError:  # the search itself reports a database that is off
                continue
        storage.remove_session()  # each thread has its own

    Thread(target=beat, name="beat", daemon=True).start()
    try:
        yield
    finally:
        done.set()


class Watch:
    """What this process has read of the beats of trials, and when."""

    def __init__(self) -> None:
        """Start without having read any."""
        self._first_read: dict[int, tuple[int, float]] = {}

    def is_silent(self, trial: FrozenTrial) -> bool:
        """Return whether the trial's beat has not changed for long; False if it has none."""
        if BEAT not in trial.user_attrs:
            return False
        beat, now = trial.user_attrs[BEAT], time.monotonic()
        known, since = self._first_read.get(trial.number, (None, now))
        if known != beat:
            since = now
        self._first_read[trial.number] = beat, since
        return now - since > SILENT_AFTER_SECONDS
