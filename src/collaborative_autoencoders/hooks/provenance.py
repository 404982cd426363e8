"""Where a run comes from: commit, command, process."""

import os
import shlex
import socket
import subprocess
import sys
from pathlib import Path


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
