"""A run is repeated from what MLflow knows of it, and compared with itself."""

from pathlib import Path

from mlflow import MlflowClient
from rich.console import Console

from .again import run_again
from .comparison import compare_runs, comparison_table, reasons_to_differ
from .original import Refused, other_code, read_run, refuse_unrepeatable, store_of

__all__ = ["Refused", "repeat_run"]


def repeat_run(project: Path, run_id: str, anyway: bool = False) -> bool:
    """Whether the run, repeated here and now, has the same metrics to the last digit.

    Prints the comparison. Raises Refused for a run that cannot be repeated, or not without
    `anyway`: then the code is another.
    """
    client, console = MlflowClient(store_of(project)), Console()
    original = read_run(client, run_id)
    refuse_unrepeatable(original, project)
    other = other_code(original, project)
    if other and not anyway:
        raise Refused(f"{other}, or go on with --anyway.")
    if other:
        console.print(f"Going on anyway: {other}.", soft_wrap=True)
    repeat = client.get_run(run_again(project, original))
    compared = compare_runs(client, original.run, repeat)
    console.print(comparison_table(compared, original.run_id, repeat.info.run_id))
    if all(run.same for run in compared):
        return True
    console.print(reasons_to_differ(original.run, repeat), soft_wrap=True)
    return False
