"""Run a search: one trial after another, until the study is complete or the time is up."""

import gc
import logging
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count

from collaborative_autoencoders.interactions.sample import log_sample
from collaborative_autoencoders.learning.ladder import quiet_models
from collaborative_autoencoders.learning.validation import validation_of
from collaborative_autoencoders.tracking.interruptions import uninterrupted
from collaborative_autoencoders.tracking.life import sign_of_life
from collaborative_autoencoders.tracking.logged import active_run_id

from .options import Search
from .storage import study_file
from .study import Study
from .trial import TrialRuns, run_trial

TRIALS_BEFORE_ESTIMATE = 3

logger = logging.getLogger(__name__)


def run_search(search: Search) -> Study:
    """Run the trials that the study lacks, here or on workers, and return the study.

    Raises ValueError if there is no validation metric, if the validation part is empty, if a grid
    has more combinations than `n_trials`, or if a study of this name belongs to another search.
    Raises OSError if the storage cannot be opened. With `tuning.workers` > 1, raises ValueError if
    workers cannot reach the storage or MLflow's store, RuntimeError without a Spark session.
    """
    check_validation(search)
    check_grid(search)
    parent = active_run_id()
    run_all: Callable[[Search, Study, TrialRuns], None] = run_trials
    if search.tuning.workers > 1:
        from .on_workers import trials_on_workers  # pyspark is not in every installation

        run_all = trials_on_workers(search, parent)
    with opened(search, parent) as (study, runs):
        log_sample(search.model, "validated", search.validation, search.running.validation_users)
        log_progress(search, study)
        try:
            run_all(search, study, runs)
        finally:
            with uninterrupted():
                runs.adopt_all()
    return study


@contextmanager
def opened(search: Search, parent: str | None) -> Iterator[tuple[Study, TrialRuns]]:
    """Yield the study, and the runs of its trials below the run of this id, for this process."""
    with sign_of_life(study_file(search.tuning.storage)), quiet_models():  # a line per trial
        with uninterrupted():
            study = Study(search)
            runs = TrialRuns(search, study, parent)
        yield study, runs


def check_validation(search: Search) -> None:
    """Raise ValueError if there is no validation metric, or it cannot be computed."""
    validation_of(search.metric, option=search.metric_option, **search.parts)


def check_grid(search: Search) -> None:
    """Raise ValueError if a grid has more combinations than `n_trials`, or infinitely many."""
    if search.sampler != "grid":
        return
    combinations = search.space.combinations
    if combinations is None:
        search.space.grid(search.tuning.seed)  # raises, with the name of the range
    elif combinations > search.tuning.n_trials:
        raise ValueError(
            f"tuning.n_trials: the grid of {search.model} in the space `{search.tuning.space}` has "
            f"{combinations} combinations, more than {search.tuning.n_trials}: raise n_trials to "
            f"{combinations}, list fewer choices, or set sampler: random"
        )


def run_trials(search: Search, study: Study, runs: TrialRuns) -> None:
    """Run trials until none is left or the time budget is spent."""
    started, budget = time.monotonic(), search.tuning.time_budget_seconds or math.inf
    gc.freeze()  # the collections between trials skip the objects that exist already
    try:
        for finished in count():
            spent = time.monotonic() - started
            if finished == TRIALS_BEFORE_ESTIMATE:
                log_estimate(search, study, spent / finished, max(0.0, budget - spent))
            if spent >= budget:
                logger.info("%s: the time is up; the same command resumes the search", search.model)
                break
            if not run_trial(search, study, runs) and not study.given_back():
                break
            gc.collect()
    except (KeyboardInterrupt, SystemExit):
        logger.warning("%s: interrupted; the same command resumes the search", search.model)
        raise
    finally:
        gc.unfreeze()


def log_progress(search: Search, study: Study) -> None:
    """Log how many trials the study has before this run."""
    combinations = search.space.combinations
    grid = "" if combinations is None else f" ({combinations} combinations)"
    words = (search.model, study.name, len(study.trials()), study.size, grid)
    logger.info("%s: study %s has %d of %d trials%s", *words)


def log_estimate(search: Search, study: Study, seconds_each: float, seconds_left: float) -> None:
    """Log how long the remaining trials take. Warn if the time budget is too short."""
    left = study.size - len(study.trials())
    if left <= 0:
        return
    needed = left * seconds_each
    estimate = f"{seconds_each:.1f} s per trial, about {duration(needed)} for the {left} left"
    if needed <= seconds_left:
        logger.info("%s: %s", search.model, estimate)
        return
    logger.warning(
        "%s: %s; time_budget_seconds leaves %s, enough for about %d. The same command resumes the "
        "search.",
        *(search.model, estimate, duration(seconds_left), int(seconds_left / seconds_each)),
    )


def duration(seconds: float) -> str:
    """Return a duration in seconds if it is below two minutes, else in minutes."""
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
