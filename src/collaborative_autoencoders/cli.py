"""The command `kedro reproduce`, which this project adds to Kedro's commands."""

from pathlib import Path

import click
from kedro.framework.startup import ProjectMetadata


class CannotReproduce(click.ClickException):
    """Error that ends the command with status 2. Status 1 means that a metric differs."""

    exit_code = 2


@click.group()
def cli() -> None:
    """Commands of Collaborative Autoencoders."""


@cli.command()
@click.argument("run_id")
@click.option("--anyway", is_flag=True, help="Reproduce even if the code here is not the run's.")
@click.pass_obj
def reproduce(project: ProjectMetadata, run_id: str, anyway: bool) -> None:
    """Run the MLflow run RUN_ID again and compare all metrics to the last digit.

    For the id of a model's run, the whole run that contains it is reproduced. Outputs are written
    to separate folders, reproduce/<first 8 characters of the id>, and no model is registered. The
    exit status is 0 if all metrics are the same, 1 if a metric differs, and 2 if the run cannot be
    reproduced.
    """
    from collaborative_autoencoders.hooks.masking import mask_process
    from collaborative_autoencoders.reproduce import NotReproducible, reproduce_run

    mask_process()
    try:
        same = reproduce_run(Path(project.project_path), run_id, anyway)
    except NotReproducible as reason:
        raise CannotReproduce(str(reason)) from None
    raise SystemExit(0 if same else 1)
