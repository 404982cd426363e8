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
FIXES_OF_SPARK = {
    "PARQUET_TYPE_ILLEGAL": (
        "Spark does not read times in nanoseconds, as pandas writes them. Write the file again: "
        "`table.to_parquet(path, coerce_timestamps='us', allow_truncated_timestamps=True)`"
    ),
    "PARQUET_COLUMN_DATA_TYPE_MISMATCH": (
        "The files of the folder have different types in one column. Write them with one type, "
        "or read them with pandas: `partitions.PartitionedDataset` on one machine"
    ),
    "MALFORMED_RECORD_IN_PARSING": (
        "A row of a CSV file has more or fewer values than the header. Correct it, or quote a "
        "value that has the separator in it"
    ),
    "CSV header does not conform to the schema": (
        "The files of the folder have different columns, or in another order. Write all with the "
        "columns of the first"
    ),
}
"""What to do about errors of Spark that name none, by a part of their text."""


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
    text += "".join(f"{fix}.\n" for said, fix in FIXES_OF_SPARK.items() if said in text)
    print(mask(text.removeprefix(f"{kind.__module__}.")), end="", file=sys.stderr)
