"""The project's own commands, beside Kedro's: `kedro repeat`."""

from pathlib import Path

import click
from kedro.framework.startup import ProjectMetadata


class CannotRepeat(click.ClickException):
    """Ends the command with 2: 1 says that a repeat is not the same."""

    exit_code = 2


@click.group()
def cli() -> None:
    """Commands of Collaborative Autoencoders."""


@cli.command()
@click.argument("run_id")
@click.option("--anyway", is_flag=True, help="Repeat with other code than the run's, too.")
@click.pass_obj
def repeat(project: ProjectMetadata, run_id: str, anyway: bool) -> None:
    """Repeat the MLflow run RUN_ID and compare every metric to the last digit.

    A model's run stands for the whole run it belongs to. The files go to folders of their own,
    repeat/<first 8 of the id>, and no model is registered. Ends with 0 where every metric is the
    same, with 1 where one is not, and with 2 where the run cannot be repeated.
    """
    from collaborative_autoencoders.repeating import Refused, repeat_run

    try:
        same = repeat_run(Path(project.project_path), run_id, anyway)
    except Refused as refused:
        raise CannotRepeat(str(refused)) from None
    raise SystemExit(0 if same else 1)
