"""A run is repeated from what MLflow knows of it, and compared with itself."""

from pathlib import Path

from mlflow import MlflowClient
from rich.console import Console

from .again import run_again
from .comparison import compare_runs, comparison_table, verdict
from .original import Refused, other_code, read_run, refuse_unrepeatable, store_of

__all__ = ["Refused", "repeat_run"]


def repeat_run(project: Path, run_id: str, anyway: bool = False) -> bool:
    """Whether the run, repeated here and now, has the same metrics to the last digit.

    Prints the comparison. Raises Refused for a run that cannot be repeated, or not without
    `anyway`: then the code is another.
    """
    client, console = MlflowClient(store_of(project)), Console(markup=False)
    original = read_run(client, run_id)
    refuse_unrepeatable(original, project)
    if note := unless_anyway(other_code(original, project), anyway):
        console.print(note, soft_wrap=True)
    repeat = client.get_run(run_again(project, original))
    compared = compare_runs(client, original.run, repeat)
    console.print(comparison_table(compared, original.run_id, repeat.info.run_id))
    console.print(verdict(compared, original.run, repeat), soft_wrap=True)
    return all(run.same for run in compared)


def unless_anyway(other: str | None, anyway: bool) -> str | None:
    """What to say where the code is another. Raises Refused where that is not meant."""
    if other and not anyway:
        raise Refused(f"{other}, or go on with --anyway.")
    return f"Going on anyway: {other}." if other else None
