"""Short errors on the terminal: the frames of this project and the message."""

import os
import sys
import traceback
from pathlib import Path
from types import TracebackType

import click
from kedro.framework.hooks import hook_impl

from collaborative_autoencoders.tracking.masking import mask

PACKAGE = Path(__file__).parents[1]
ALL_FRAMES = "KEDRO_ALL_FRAMES"


class ErrorsHook:
    """Hook that removes the frames of libraries from the errors of `kedro run`.

    With the environment variable `KEDRO_ALL_FRAMES` all frames are shown. Errors in a notebook, or
    in a session created in Python, are not changed.
    """

    @hook_impl
    def after_context_created(self) -> None:
        """Install `show_error` if Kedro's command line runs and not all frames are asked for."""
        if click.get_current_context(silent=True) and not os.environ.get(ALL_FRAMES):
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
    print(f"\nThe run stopped (for all frames: {ALL_FRAMES}=1 kedro run):", file=sys.stderr)
    for frame in own_frames:
        place = Path(frame.filename).relative_to(PACKAGE.parent).as_posix()
        print(f"  {place}:{frame.lineno} in {frame.name}", file=sys.stderr)
    text = "".join(traceback.format_exception_only(kind, error))
    print(mask(text.removeprefix(f"{kind.__module__}.")), end="", file=sys.stderr)
