"""Where a run comes from: commit, command, selection, versions, machine, process."""

import json
import os
import platform
import re
import shlex
import socket
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

COSTS = frozenset({"fit_seconds", "epoch_seconds", "peak_memory_mb"})
"""The metrics that say what a run cost: no run repeats them."""

IN_THE_MIDDLE = ("from_nodes", "from_inputs", "node_names", "namespaces", "only_missing_outputs")
"""With these a run may start from files that earlier runs have left."""

SELECTION = ("pipeline_names", "tags", "to_nodes", "to_outputs", *IN_THE_MIDDLE)
"""Which part of which pipelines runs."""

LIBRARIES = ("torch", "numpy", "scipy")


def git_state(project: Path) -> dict[str, str]:
    """The commit and whether the tree was dirty; nothing outside a git checkout."""

    def git(*arguments: str) -> str:
        done = subprocess.run(
            ["git", *arguments], cwd=project, check=True, capture_output=True, text=True
        )
        return done.stdout.strip()

    try:
        return {
            "git_commit": git("rev-parse", "HEAD"),
            "git_dirty": str(bool(git("status", "--porcelain"))).lower(),
        }
    except (OSError, subprocess.CalledProcessError):
        return {}


def command_line() -> str:
    """The command that was typed: `kedro run --env test`."""
    program = Path(sys.argv[0]).name  # unquoted: Kedro writes `python -m kedro` there
    return f"{program} {shlex.join(sys.argv[1:])}".rstrip()


def selection(run_params: dict[str, Any]) -> str:
    """What of Kedro's run parameters selects nodes, as JSON; `{}` is the whole default."""
    given = {name: run_params.get(name) for name in SELECTION}
    return json.dumps({name: value for name, value in given.items() if value}, default=list)


def versions_and_machine() -> dict[str, str]:
    """What may change the last digit of a sum while code, parameters and data stay the same."""
    return {
        "python": platform.python_version(),
        **{library: version(library) for library in LIBRARIES},
        "machine": f"{platform.system()} {platform.machine()}",
        "processor": processor(),
        "blas_threads": blas_threads(),
    }


def blas_threads() -> str:
    """The threads of NumPy's matrix products: what the shell allows, else every core."""
    limits = (os.environ.get(f"{library}_NUM_THREADS") for library in ("OPENBLAS", "OMP", "MKL"))
    return next(filter(None, limits), str(os.cpu_count()))


def processor() -> str:
    """The processor's name; where the system does not tell, its architecture."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text(encoding="utf-8") if cpuinfo.is_file() else ""
    found = re.search(r"^model name\s*: *(.+)$", lines, re.MULTILINE)
    return found[1] if found else platform.processor() or platform.machine()


def peak_memory_mb() -> float | None:
    """The most main memory that this process has held, in megabytes; Windows does not tell."""
    try:
        import resource
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10


def this_process() -> str:
    """Host and process id: tells whether a run that is still open has anybody behind it."""
    return f"{socket.gethostname()}:{os.getpid()}"


def is_abandoned(process: str) -> bool:
    """Whether this process of this host is gone; of other hosts nothing is known."""
    host, _, pid = process.rpartition(":")
    if host != socket.gethostname() or not pid.isdigit() or os.name == "nt":
        return False
    try:
        os.kill(int(pid), 0)  # asks, does not harm
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False
