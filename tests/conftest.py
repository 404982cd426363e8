"""What every test starts with, and finished runs for the tests that only read."""

import os
import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest

os.environ["DO_NOT_TRACK"] = "true"


@pytest.fixture(scope="session")
def finished_world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project after one whole default run on the fabricated world; for tests that only read."""
    import projects  # Kedro is not for the tests that need none of it

    project = projects.new_project(tmp_path_factory.mktemp("finished") / "world")
    projects.run(project)
    return project


class Typed(NamedTuple):
    """A run as a person types it."""

    project: Path
    done: subprocess.CompletedProcess[str]


@pytest.fixture(scope="session")
def typed_world(tmp_path_factory: pytest.TempPathFactory) -> Typed:
    """The same run by `kedro run`, typed in the notebooks of a project that git keeps."""
    import projects

    project = projects.new_project(tmp_path_factory.mktemp("typed") / "world")
    projects.keep_in_git(project)
    (project / "notebooks").mkdir()
    typed = ("run", "--env", "test")
    return Typed(project, projects.kedro(project, *typed, cwd=project / "notebooks"))
