"""Throw-away Kedro projects around the package under test, run in this process or in another.

The package itself stays where it is: a project is its configuration, its data and its store, and
in git a link to the package.
"""

import filecmp
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import chdir, contextmanager
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from click.testing import CliRunner, Result
from filelock import FileLock
from kedro.framework.cli.cli import KedroCLI
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project
from kedro.runner import SequentialRunner
from mlflow import MlflowClient

import collaborative_autoencoders
from collaborative_autoencoders import config_loader  # noqa: F401 - reads the shell's variables
from collaborative_autoencoders.tracking.addresses import rehome

REPOSITORY = Path(__file__).parents[1]
SOURCES = Path(collaborative_autoencoders.__file__).parents[1]
CODE = f"src/{collaborative_autoencoders.__name__}"

STORE = "mlflow.db"
PASSWORD = "Geh31m-of-a-study"


def once(name: str, make: Callable[[Path], None]) -> Path:
    """Return a folder that the first worker makes and all workers share."""
    shared = Path(os.environ.setdefault("TESTS_SHARED", mkdtemp()))
    shared.mkdir(parents=True, exist_ok=True)
    folder, made = shared / name, shared / f"{name}.made"
    with FileLock(shared / f"{name}.lock"):
        if not made.exists():
            shutil.rmtree(folder, ignore_errors=True)  # a worker failed before it was complete
            folder.mkdir()
            make(folder)
            made.touch()
    return folder


def files_of(folder: Path) -> list[Path]:
    """Return the files in a folder and below it, but for records and locks, which are hidden."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return [path for path in files if not any(part[0] == "." for part in path.parts[1:])]


def forget_records(project: Path) -> None:
    """Delete the records of what made the files in data/, as if the files came from elsewhere."""
    for record in (project / "data").rglob(".*.made.json"):
        record.unlink()


def new_project(folder: Path) -> Path:
    """Return a project in `folder` with the repository's configuration, no data and no store."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(REPOSITORY / "pyproject.toml", folder)
    private = shutil.ignore_patterns("local")
    shutil.copytree(REPOSITORY / "conf", folder / "conf", ignore=private)
    # Kedro insists on a `local` environment, and that `source_dir` lies inside the project
    for empty in ("conf/local", "data/01_raw", "src"):
        (folder / empty).mkdir(parents=True)
    return folder


def copy_of(project: Path, folder: Path) -> Path:
    """Return a new project with the data of a finished one, to be changed; it has no store."""
    copy = new_project(folder)
    shutil.copytree(project / "data", copy / "data", dirs_exist_ok=True)
    return copy


def copy_with_store(project: Path, folder: Path) -> Path:
    """Return a copy of a whole project, with its runs, registered models and commits."""
    shutil.copytree(project, folder, symlinks=True)
    rehome(folder / STORE, project, folder)
    return folder


@contextmanager
def empty_store(project: Path) -> Iterator[None]:
    """Give a project without a store an empty one. MLflow needs a second to make its tables.

    The store is removed again if nothing was written to it.
    """
    store = project / STORE
    if os.path.lexists(store):
        yield
        return
    template = once("store", _make_tables) / STORE
    shutil.copy(template, store)
    try:
        yield
    finally:
        if store.exists() and filecmp.cmp(template, store, shallow=False):
            store.unlink()


def _make_tables(folder: Path) -> None:
    MlflowClient(tracking_uri=f"sqlite:///{folder.as_posix()}/{STORE}").search_experiments()


def run(
    project: Path,
    env: str | None = "test",
    pipelines: list[str] | None = None,
    params: dict[str, Any] | None = None,
    **session_run: Any,
) -> dict[str, Any]:
    """Do what `kedro run` does, in this process; return the outputs that are not in the catalog."""
    bootstrap_project(project)
    with (
        empty_store(project),
        KedroSession.create(project_path=project, env=env, runtime_params=params) as session,
    ):
        return session.run(pipeline_names=pipelines, **{"runner": SequentialRunner()} | session_run)


def kedro_here(project: Path, *arguments: str) -> Result:
    """Run `kedro <arguments>` in the project's folder and in this process, which saves seconds."""
    with chdir(project):
        return CliRunner().invoke(KedroCLI(project), arguments, prog_name="kedro")


def kedro(project: Path, *arguments: str, **popen: Any) -> subprocess.CompletedProcess[str]:
    """Run `kedro <arguments>` in the project's folder, in a process; its output is text."""
    return subprocess.run(
        command(*arguments), **in_project(project) | {"capture_output": True} | popen
    )


def start_kedro(project: Path, *arguments: str, **popen: Any) -> subprocess.Popen[str]:
    """Start `kedro <arguments>` in a process and do not wait for it."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    return subprocess.Popen(command(*arguments), **in_project(project) | pipes | popen)


def command(*arguments: str) -> list[str]:
    """Return the command of `kedro <arguments>` with the Python of the tests."""
    return [sys.executable, "-m", "kedro", *arguments]


def in_project(project: Path) -> dict[str, Any]:
    """Return the options of a process that works in the project, installed package or not."""
    paths = [str(project / "src"), str(SOURCES), os.environ.get("PYTHONPATH", "")]
    env = os.environ | {"DO_NOT_TRACK": "true", "PYTHONPATH": os.pathsep.join(filter(None, paths))}
    env.pop("MLFLOW_TRACKING_URI", None)  # MLflow sets it to the store of a session in this process
    return {"cwd": project, "env": env, "text": True}


def keep_in_git(project: Path) -> None:
    """Make the project a git repository with one commit of all files that are not ignored.

    The package is one of them, as a link. A process imports it from there; for this process, set
    `provenance.PACKAGE` to it.
    """
    shutil.copy(REPOSITORY / ".gitignore", project)
    (project / CODE).symlink_to(SOURCES / collaborative_autoencoders.__name__)
    author = ["-c", "user.name=tests", "-c", "user.email=tests@localhost"]
    for arguments in (["init", "-q"], ["add", "."], [*author, "commit", "-q", "-m", "start"]):
        subprocess.run(["git", *arguments], cwd=project, check=True)
