"""Limits of a served model: the size of a request, of its answer, and of what waits.

A served model has no other configuration than its process's environment variables.
"""

import sys
from collections.abc import Mapping
from typing import NamedTuple

PREFIX = "RECOMMENDER_"
MEGABYTE = 2**20


class Limits(NamedTuple):
    """The limits of a server. Each is the environment variable RECOMMENDER_<NAME>."""

    max_body_mb: int = 8
    """Megabytes of the body of a request."""
    max_rows: int = 10_000
    """Rows of a request."""
    max_history: int = 20_000
    """Items in the history of a row."""
    max_lines: int = 100_000
    """Lines of an answer. They take about a kilobyte each until they are sent as JSON."""
    at_once: int = 4
    """Requests that are answered at once, one of them of a few rows. Others wait in the order of
    their arrival."""
    max_waiting_mb: int = 64
    """Megabytes of the bodies of all requests that are answered or wait."""

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> "Limits":
        """Return the limits with the values of the environment variables that are set.

        Raises ValueError for a value that is not a positive integer.
        """
        names = {variable_of(name): name for name in cls._fields}
        given = {names[key]: text for key, text in environment.items() if key in names}
        for name, text in given.items():
            if not (text.isascii() and text.isdigit() and int(text)):
                raise ValueError(
                    f"{variable_of(name)} is {text!r}: set it to a positive integer, or unset it "
                    f"for its default, {cls._field_defaults[name]}"
                )
        return cls(**{name: int(text) for name, text in given.items()})


IN_PROCESS = Limits(max_rows=sys.maxsize, max_history=sys.maxsize, max_lines=5_000_000)
"""The limits of `predict` in Python and of inference, which make no JSON."""


def variable_of(name: str) -> str:
    """Return the environment variable of a limit: `RECOMMENDER_MAX_ROWS` for `max_rows`."""
    return PREFIX + name.upper()


def passed(what: str, name: str, limits: Limits, fix: str) -> str:
    """Return the message for a request that passes a limit: the value, the limit, how to fix it."""
    raised = "" if limits == IN_PROCESS else f", or raise {variable_of(name)} of the server"
    unit = " MB" if name.endswith("_mb") else ""
    return f"{what}, and the limit is {getattr(limits, name):,}{unit}: {fix}{raised}"
