"""What is said to a person whose run must wait, or would mix results of different runs."""

import json
import shlex
from collections.abc import Iterable, Mapping
from typing import Any

from .lineage import Kind, Problem
from .running import Claim

SHOWN = 5
"""Problems that a message lists; more are counted."""


def busy(holder: Claim, again: str) -> str:
    """Return who writes the files that a run needs, and two ways on."""
    return (
        f"Another run reads or writes the same files in data/: process {holder.pid} on "
        f"{holder.host}, since {holder.since}: {holder.command}\n"
        f"Wait until it has ended, or write to other folders: {again}"
    )


def replaced(name: str, again: str) -> str:
    """Return which file is not the one of this run any more, and two ways on."""
    return (
        f"{name} has been replaced since this run saved or read it, as by a run of another project "
        "or machine with the same files: the figures would be of two runs.\n"
        f"Run again when the other has ended, or write to other folders: {again}"
    )


def mixture(problems: list[Problem], command: str) -> str:
    """Return which stored results do not belong together, why, and the ways to correct it."""
    lines = ["This run would mix results that do not belong together:", *listed(problems)]
    lines.append(f"Make them again: {command}")
    was = made_with(problems)
    if was is not None:
        lines.append(
            f"or give this run the parameters that they were made with: --params {shlex.quote(was)}"
        )
    return "\n".join(lines)


def listed(problems: list[Problem]) -> list[str]:
    """Return a line per cause; datasets with the same cause share a line."""
    by_reason: dict[str, list[str]] = {}
    for problem in problems:
        by_reason.setdefault(problem.reason, []).append(problem.dataset)
    lines = [f"  {several(names)}: {reason}" for reason, names in by_reason.items()]
    more = len(lines) - SHOWN
    return [*lines[:SHOWN], *([f"  and {more} more"] if more > 0 else [])]


def several(names: list[str]) -> str:
    """Return up to three names, and the number of further ones."""
    shown = ", ".join(names[:3])
    return shown if len(names) <= 3 else f"{shown} and {len(names) - 3} more"


def made_with(problems: Iterable[Problem]) -> str | None:
    """Return the value of --params that repeats the former values; None if that is not enough."""
    values: dict[str, Any] = {}
    for problem in problems:
        if problem.kind is not Kind.OTHER_PARAMETERS or not problem.was:
            return None
        values |= problem.was
    simple = all(isinstance(value, bool | int | float | str) for value in values.values())
    return as_params(values) if simple and values else None


def as_params(values: Mapping[str, Any]) -> str:
    """Return values under dotted names as the argument of `--params`."""
    return ",".join(f"{name}={_text(value)}" for name, value in values.items())


def _text(value: Any) -> str:
    return json.dumps(value) if value is None or isinstance(value, bool) else str(value)
