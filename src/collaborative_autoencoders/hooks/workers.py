"""What the threads and processes of one run share.

`ThreadRunner` runs nodes in other threads, in which no MLflow run is active. `ParallelRunner` runs
them in other processes: forked ones, or new ones (`KEDRO_MP_CONTEXT=spawn`, macOS, Windows) in
which no hook has seen the start of the run.
"""

import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from tempfile import mkdtemp
from threading import Lock
from typing import Any
from weakref import finalize

from filelock import FileLock
from kedro.framework.hooks import hook_impl
from kedro.framework.project import LOGGING, configure_project, settings
from kedro.io import DataCatalog

PROJECT = __name__.partition(".")[0]


class RunNotes:
    """Finished work and the MLflow runs of models, in a folder for all workers of a run.

    The folder is made when it is first used, and removed with the notes that made it.
    """

    def __init__(self, folder: Path | None = None) -> None:
        """Create notes, or read those in `folder`, which another process has made."""
        self._folder = folder
        self._making = Lock()

    def __reduce__(self) -> tuple[Any, ...]:
        """Return what reads the same notes in another process."""
        return RunNotes, (self.folder,)

    @property
    def folder(self) -> Path:
        """The folder, made if necessary."""
        with self._making:
            if self._folder is None:
                self._folder = Path(mkdtemp(prefix="kedro-run-"))
                finalize(self, remove, self._folder, os.getpid())
            return self._folder

    def finish(self, work: str) -> int:
        """Note that this piece of work is finished; return the number of all finished ones."""
        with self._alone():
            self._append("finished", work)
            return len(self._lines("finished"))

    def finished(self) -> Counter[str]:
        """Return how often each piece of work was finished."""
        return Counter(self._lines("finished"))

    def run_of(self, model: str, start: Callable[[], str]) -> str:
        """Return the id of the model's MLflow run; the first worker that asks starts it."""
        with self._alone():
            if model not in self.runs():
                self._append("runs", f"{model} {start()}")
            return self.runs()[model]

    def runs(self) -> dict[str, str]:
        """Return the id of each model's MLflow run."""
        return dict(line.split(" ") for line in self._lines("runs"))

    def _alone(self) -> FileLock:
        return FileLock(self.folder / "alone", poll_interval=0.005)

    def _append(self, name: str, line: str) -> None:
        with (self.folder / name).open("a", encoding="utf-8") as file:
            file.write(f"{line}\n")

    def _lines(self, name: str) -> list[str]:
        file = self.folder / name
        return file.read_text(encoding="utf-8").splitlines() if file.exists() else []


def remove(folder: Path, owner: int) -> None:
    """Remove the folder if this process has made it: a forked one has a copy of the notes."""
    if os.getpid() == owner:
        shutil.rmtree(folder, ignore_errors=True)


class WorkersHook:
    """Hands the state of the other hooks to the processes of ParallelRunner.

    A hook states what its methods for nodes and datasets read in a class attribute `for_workers`:
    names of attributes with values that can be pickled.
    """

    @hook_impl(trylast=True)
    def before_pipeline_run(self, catalog: DataCatalog) -> None:
        """Attach the state to the catalog, which Kedro sends to every process with each node."""
        vars(catalog)["hooks"] = HooksForWorkers()


class HooksForWorkers:
    """The state of the hooks. Unpickling it sets the state in the process that unpickles."""

    def __reduce__(self) -> tuple[Any, ...]:
        """Return the state of now, by class and attribute."""
        states = {
            type(hook).__name__: {name: getattr(hook, name) for name in names_for_workers(hook)}
            for hook in settings.HOOKS
        }
        return set_state, (states, quiet(dict(LOGGING.data)))


def names_for_workers(hook: Any) -> Iterable[str]:
    """Return the names of the attributes that a worker needs."""
    names: Iterable[str] = getattr(hook, "for_workers", ())
    return names


def quiet(logging: dict[str, Any]) -> dict[str, Any]:
    """Return the configuration without the warnings of kedro-viz, which has no state in workers."""
    return logging | {"loggers": logging.get("loggers", {}) | {"kedro_viz": {"level": "ERROR"}}}


def set_state(states: dict[str, dict[str, Any]], logging: dict[str, Any]) -> HooksForWorkers:
    """Set the state of the hooks in this process. A new process loads the project first."""
    # Kedro 1.7 configures the logging of a new process with LOGGING itself, which then contains
    # itself: the second node of the process would end in a RecursionError.
    LOGGING.data = logging
    configure_project(PROJECT)
    for hook in settings.HOOKS:
        for name, value in states.get(type(hook).__name__, {}).items():
            setattr(hook, name, value)
    return HooksForWorkers()
