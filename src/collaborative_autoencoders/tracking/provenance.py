"""Where a run comes from: commit, command, selection, versions and machine."""

import json
import platform
import re
import shlex
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

from collaborative_autoencoders.memory import peak_memory
from collaborative_autoencoders.state.code import PACKAGE

from .masking import mask, mask_uri

COSTS = frozenset({"fit_seconds", "epoch_seconds", "peak_memory_mb"})
"""Metrics of the cost of a run, which differ between equal runs, as all of the group `cost` do."""

BEST_MODEL = "best_model"
"""The tag of a parent run with the model whose headline figures it has."""

IN_THE_MIDDLE = ("from_nodes", "from_inputs", "node_names", "namespaces", "only_missing_outputs")
"""Run options with which a run may start from files of earlier runs."""

SELECTION = ("pipeline_names", "tags", "to_nodes", "to_outputs", "load_versions", *IN_THE_MIDDLE)
"""Run options that select nodes, and the versions of what they read."""

CHECKSUM = "data_facts.checksum"
"""The parameter of a run with the SHA-256 of its ratings."""

RUNTIME_PARAMS = "runtime_params"
"""The tag with the `--params` of a run, as JSON."""

LIBRARIES = ("torch", "numpy", "scipy")


def git_state(project: Path) -> dict[str, str]:
    """Return the commit of the code, and whether it has changed.

    Nothing outside a git checkout, and in one that does not have this package: the folder of a job
    may be in a repository of other files, also if the package is installed below that folder.
    """
    try:
        git(project, "ls-files", "--error-unmatch", str(PACKAGE))
        changes = git(project, "status", "--porcelain", "--", *code_of(project))
        return {
            "git_commit": git(project, "rev-parse", "HEAD"),
            "git_dirty": str(bool(changes)).lower(),
        }
    except (OSError, subprocess.CalledProcessError):
        return {}


def code_of(project: Path) -> list[str]:
    """Return git's paths of the code: all but notebooks and the environments of a user."""
    own = [f"conf/{name}" for name in own_environments(project)]
    return [":/", *(f":!{path}" for path in ("notebooks", *own))]


def own_environments(project: Path) -> list[str]:
    """Return the folders of conf/ without a file in git, whose parameters MLflow has.

    Raises OSError without git, CalledProcessError outside a checkout.
    """
    tracked = git(project, "ls-files", "-z", "conf").split("\0")
    known = {file.split("/")[1] for file in tracked if file}
    return sorted({folder.name for folder in project.glob("conf/*/")} - known)


def git(project: Path, *arguments: str) -> str:
    """Return what git prints in this folder.

    Raises OSError without git, CalledProcessError outside a checkout.
    """
    done = subprocess.run(
        ["git", *arguments],
        cwd=project,
        check=True,
        capture_output=True,
        text=True,
        errors="replace",  # a path in git's output may be in another encoding
    )
    return done.stdout.strip()


def command_line() -> str:
    """The command that was typed, without passwords: `kedro run --env test`."""
    file = Path(sys.argv[0])  # Kedro replaces it with `python -m kedro`, so it is not quoted
    program = f"python -m {file.parent.name}" if file.name == "__main__.py" else file.name
    return mask(f"{program} {shlex.join(map(mask_uri, sys.argv[1:]))}").rstrip()


def selection(run_params: dict[str, Any]) -> str:
    """Return the run options that select nodes, as JSON; `{}` is the whole default pipeline."""
    given = {name: run_params.get(name) for name in SELECTION}
    return json.dumps({name: value for name, value in given.items() if value}, default=list)


def versions_and_machine() -> dict[str, str]:
    """Return what may change the last digit of a sum for the same code, parameters and data."""
    return {
        "python": platform.python_version(),
        **{library: version(library) for library in LIBRARIES},
        "machine": f"{platform.system()} {platform.machine()}",
        "processor": processor(),
    }


def processor() -> str:
    """Return the name of the processor, or its architecture if the name is unknown."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text(encoding="utf-8") if cpuinfo.is_file() else ""
    found = re.search(r"^model name\s*: *(.+)$", lines, re.MULTILINE)
    return found[1] if found else platform.processor() or platform.machine()


def peak_memory_mb() -> float | None:
    """Return the peak main memory of this process in megabytes; None on Windows."""
    peak = peak_memory()
    return None if peak is None else peak / 2**20
