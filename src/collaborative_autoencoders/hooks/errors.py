"""Short errors on the terminal: the frames of this project and the message."""

import sys
import traceback
from pathlib import Path
from types import TracebackType

import click
from kedro.framework.cli.utils import KedroCliError
from kedro.framework.hooks import hook_impl

PACKAGE = Path(__file__).parents[1]


class ErrorsHook:
    """Hook that removes the frames of libraries from the errors of `kedro run`.

    `kedro --verbose run` shows all frames. Errors in a notebook, or in a session created in Python,
    are not changed.
    """

    @hook_impl
    def after_context_created(self) -> None:
        """Install `show_error` if Kedro's command line runs without --verbose."""
        if click.get_current_context(silent=True) and not KedroCliError.VERBOSE_ERROR:
            sys.excepthook = show_error


def show_error(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    """Print the frames of this project, innermost last, and the error."""
    own_frames = [
        frame
        for frame in traceback.extract_tb(trace)
        if Path(frame.filename).is_relative_to(PACKAGE)
    ]
    print("\nThe run stopped (for all frames: kedro --verbose run):", file=sys.stderr)
    for frame in own_frames:
        place = Path(frame.filename).relative_to(PACKAGE.parent).as_posix()
        print(f"  {place}:{frame.lineno} in {frame.name}", file=sys.stderr)
    print("".join(traceback.format_exception_only(kind, error)), end="", file=sys.stderr)
