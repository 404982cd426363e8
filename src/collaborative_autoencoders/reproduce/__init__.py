"""Run a logged run again and compare all metrics."""

from pathlib import Path

from rich.console import Console

from .comparison import compare_runs, comparison_table, verdict
from .logged_run import (
    NotReproducible,
    other_code,
    project_loader,
    read_run,
    refuse_unreproducible,
    store_of,
)
from .rerun import rerun

__all__ = ["NotReproducible", "reproduce_run"]


def reproduce_run(project: Path, run_id: str, anyway: bool = False) -> bool:
    """Run a run again and return whether all metrics are the same to the last digit.

    Prints the comparison. Raises NotReproducible if the run cannot be reproduced or, without
    `anyway`, if its code differs from the code here.
    """
    client, console = store_of(project_loader(project)), Console(markup=False)
    original = read_run(client, run_id)
    refuse_unreproducible(original, project)
    if note := note_on_code(other_code(original, project), anyway):
        console.print(note, soft_wrap=True)
    reproduction = rerun(project, original)
    compared = compare_runs(client, original.run, reproduction)
    console.print(comparison_table(compared, original.run_id, reproduction.info.run_id))
    console.print(verdict(compared, original.run, reproduction), soft_wrap=True)
    return all(run.same for run in compared)


def note_on_code(difference: str | None, anyway: bool) -> str | None:
    """Return a note if the code differs. Raises NotReproducible without `anyway`."""
    if difference and not anyway:
        raise NotReproducible(f"{difference}, or continue with --anyway.")
    return f"Continuing anyway: {difference}." if difference else None
