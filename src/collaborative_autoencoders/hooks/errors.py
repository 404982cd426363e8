"""What a person sees of an error: its words, and the lines of this project that led to it."""

import sys
import traceback
from pathlib import Path
from types import TracebackType

import click
from kedro.framework.cli.utils import KedroCliError
from kedro.framework.hooks import hook_impl

PACKAGE = Path(__file__).parents[1]


class ErrorsHook:
    """`kedro run` shows an error without the frames of libraries; `kedro --verbose run` with all.

    Nothing changes in a notebook or where a session is made by hand.
    """

    @hook_impl
    def after_context_created(self) -> None:
        """Take the terminal's errors over, under the command line."""
        if click.get_current_context(silent=True) and not KedroCliError.VERBOSE_ERROR:
            sys.excepthook = show_error


def show_error(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    """Print the frames of this project, the innermost last, then the error."""
    ours = [
        frame
        for frame in traceback.extract_tb(trace)
        if Path(frame.filename).is_relative_to(PACKAGE)
    ]
    print("\nThe run stopped (all frames: kedro --verbose run):", file=sys.stderr)
    for frame in ours:
        place = Path(frame.filename).relative_to(PACKAGE.parent).as_posix()
        print(f"  {place}:{frame.lineno} in {frame.name}", file=sys.stderr)
    print("".join(traceback.format_exception_only(kind, error)), end="", file=sys.stderr)
