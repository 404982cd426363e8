"""A search whose trials are run by workers of Spark, each with one trial at a time.

Every worker opens the study, and claims trials as a process in another shell does. So pruning, and
trials of a worker that is lost, are as they are there. MLflow's `MlflowSparkStudy` is not used: it
keeps trials in MLflow alone, where no position of a plan can be claimed.
"""

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass

import mlflow

from collaborative_autoencoders import cluster

from .options import Search
from .results import STATE_NAMES
from .search import opened, run_trials
from .study import Study
from .trial import TrialRuns

SECONDS_BETWEEN_LINES = 5

logger = logging.getLogger(__name__)


def trials_on_workers(
    search: Search, parent: str | None
) -> Callable[[Search, Study, TrialRuns], None]:
    """Return what runs the trials of a search, below the MLflow run of this id, on workers.

    Raises ValueError if the session has too few cores, or if the storage or MLflow's store is a
    file while workers may be on other machines; RuntimeError without a session.
    """
    share = Share(search, parent, mlflow.get_tracking_uri())
    cluster.refuse_more_than_cores("tuning.workers", search.tuning.workers)
    cluster.refuse_own_file("tuning.storage", search.tuning.storage)
    if parent is not None:
        cluster.refuse_own_file("mlflow_tracking_uri", share.tracking_uri)

    def run(search: Search, study: Study, runs: TrialRuns) -> None:
        seen = {trial.number for trial in study.trials()}
        with ThreadPoolExecutor(1) as pool:
            job = pool.submit(share.run_by, search.tuning.workers)
            while not job.done():
                wait([job], timeout=SECONDS_BETWEEN_LINES)
                seen |= log_new(search, study, seen)
            job.result()

    return run


@dataclass(frozen=True)
class Share:
    """What each worker is given."""

    search: Search
    parent: str | None
    """Id of the MLflow run of the search."""
    tracking_uri: str

    def run_by(self, workers: int) -> None:
        """Let so many workers run trials, all at once, until none is left."""
        _ = self.search.provenance, self.search.identity  # read here: git, and all rows
        for _ in cluster.call_on_workers(self.run, range(workers)):
            pass

    def run(self, worker: int) -> None:
        """Run trials in this process."""
        mlflow.set_tracking_uri(self.tracking_uri)
        with opened(self.search, self.parent) as (study, runs):
            run_trials(self.search, study, runs)


def log_new(search: Search, study: Study, seen: set[int]) -> set[int]:
    """Log the trials that have finished since, and return their numbers."""
    new = set()
    for trial in study.trials():
        if trial.number not in seen and trial.state.is_finished():
            value = "" if trial.value is None else f", {search.metric} {trial.value:.4f}"
            words = (search.model, trial.number, STATE_NAMES[trial.state], value)
            logger.info("%s: trial %d %s%s", *words)
            new.add(trial.number)
    return new
