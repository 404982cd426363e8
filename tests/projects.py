"""Throw-away Kedro projects around the package under test, run in this process or in another.

The package itself stays where it is: a project is its configuration, its data and its store.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project
from kedro.runner import SequentialRunner

import collaborative_autoencoders

REPOSITORY = Path(__file__).parents[1]
SOURCES = Path(collaborative_autoencoders.__file__).parents[1]


def new_project(folder: Path) -> Path:
    """A project in `folder` with the repository's configuration, no data and no store."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(REPOSITORY / "pyproject.toml", folder)
    private = shutil.ignore_patterns("local")
    shutil.copytree(REPOSITORY / "conf", folder / "conf", ignore=private)
    # Kedro insists on a `local` environment, and that `source_dir` lies inside the project
    for empty in ("conf/local", "data/01_raw", "src"):
        (folder / empty).mkdir(parents=True)
    return folder


def copy_of(project: Path, folder: Path) -> Path:
    """A new project with the data of a finished one, to be spoilt; its store is new."""
    copy = new_project(folder)
    shutil.copytree(project / "data", copy / "data", dirs_exist_ok=True)
    return copy


def run(
    project: Path,
    env: str | None = "test",
    pipelines: list[str] | None = None,
    params: dict[str, Any] | None = None,
    **session_run: Any,
) -> dict[str, Any]:
    """What `kedro run` does, in this process: the outputs that no dataset keeps."""
    bootstrap_project(project)
    with KedroSession.create(project_path=project, env=env, runtime_params=params) as session:
        return session.run(pipeline_names=pipelines, **{"runner": SequentialRunner()} | session_run)


def kedro(project: Path, *arguments: str, **popen: Any) -> subprocess.CompletedProcess[str]:
    """`kedro <arguments>` typed in the project's folder, to its end; its output as text."""
    return subprocess.run(
        command(*arguments), **in_project(project) | {"capture_output": True} | popen
    )


def start_kedro(project: Path, *arguments: str, **popen: Any) -> subprocess.Popen[str]:
    """The same, not waited for."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    return subprocess.Popen(command(*arguments), **in_project(project) | pipes | popen)


def command(*arguments: str) -> list[str]:
    """The words of `kedro <arguments>` for the Python that runs the tests."""
    return [sys.executable, "-m", "kedro", *arguments]


def in_project(project: Path) -> dict[str, Any]:
    """What a process needs to work in the project, whether the package is installed or not."""
    paths = [str(SOURCES), os.environ.get("PYTHONPATH", "")]
    env = os.environ | {"DO_NOT_TRACK": "true", "PYTHONPATH": os.pathsep.join(filter(None, paths))}
    return {"cwd": project, "env": env, "text": True}


def keep_in_git(project: Path) -> None:
    """One commit of all that is not ignored."""
    shutil.copy(REPOSITORY / ".gitignore", project)
    nobody = ["-c", "user.name=nobody", "-c", "user.email=nobody@localhost"]
    for arguments in (["init", "-q"], ["add", "."], [*nobody, "commit", "-q", "-m", "start"]):
        subprocess.run(["git", *arguments], cwd=project, check=True)
