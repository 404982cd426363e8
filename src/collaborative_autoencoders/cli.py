"""The commands that this project adds to Kedro's: `reproduce`, `serve` and `try`.

Kedro's `run` takes `--params` as they are typed.
"""

import os
import re
from copy import copy
from pathlib import Path
from typing import Any

import click
from kedro.framework.cli.project import run as kedro_run
from kedro.framework.cli.utils import split_string
from kedro.framework.startup import ProjectMetadata

OTHER_BASE = re.compile(r"[-+]?(0[0-7_]*[0-7][0-7_]*|[1-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?)")
"""What YAML 1.1 reads as an octal number, 010, or one of base 60, 12:30."""


class CannotReproduce(click.ClickException):
    """Error that ends the command with status 2. Status 1 means that a metric differs."""

    exit_code = 2


class UnusableStore(click.ClickException):
    """Error for a store of MLflow that cannot be used."""


def use_stores_of(project: ProjectMetadata, env: str | None = None) -> str:
    """Let MLflow use the stores of the project, and return the URI of the tracking store.

    Raises UnusableStore, with the reason and a fix.
    """
    from collaborative_autoencoders.hooks.store import use_stores
    from collaborative_autoencoders.reproduce.logged_run import project_loader

    try:
        folder = Path(project.project_path)
        return use_stores(project_loader(folder, env)["mlflow"], folder)
    except (OSError, ValueError) as reason:
        raise UnusableStore(str(reason)) from None


@click.group()
def cli() -> None:
    """Commands of Collaborative Autoencoders."""


def as_typed(context: click.Context, option: click.Parameter, value: Any) -> dict[str, Any]:
    """Return the parameters that Kedro reads in `--params`; `outputs`, a folder's name, as typed.

    YAML would read 2024_01 as 202401 and 1e3 as 1000.0. Raises click.BadParameter for a number that
    is not the decimal it looks like.
    """
    parameters: dict[str, Any] = PARAMS.callback(context, option, value)
    for item in [] if isinstance(value, dict) else split_string(context, option, value):
        key, _, text = (part.strip() for part in item.partition("="))
        if key == "outputs" and isinstance(parameters[key], (int, float)):
            parameters[key] = text
        elif key != "outputs" and OTHER_BASE.fullmatch(text):
            raise click.BadParameter(
                f"{key}={text} would be read as a number of base "
                f"{60 if ':' in text else 8}. Type a decimal number without leading zeros, or a "
                f"text in two kinds of quotes: {key}='\"{text}\"'"
            )
    return parameters


PARAMS: Any = next(option for option in kedro_run.params if option.name == "params")
run = copy(kedro_run)
run.params = [copy(option) for option in kedro_run.params]
run.params[kedro_run.params.index(PARAMS)].callback = as_typed
cli.add_command(run)


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
        use_stores_of(project)
        same = reproduce_run(Path(project.project_path), run_id, anyway)
    except (NotReproducible, UnusableStore) as reason:
        raise CannotReproduce(str(reason)) from None
    raise SystemExit(0 if same else 1)


@cli.command()
@click.argument("model", default="cdae")
@click.option("--port", "-p", type=click.IntRange(1, 65535), default=5002, show_default=True)
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option(
    "--env", "-e", help="Environment whose mlflow.yml names the registry.  [default: base]"
)
@click.option(
    "--workers",
    "-w",
    type=click.IntRange(1),
    help="Number of processes.  [default: 2 if the machine has the cores and the memory, else 1]",
)
@click.pass_obj
def serve(
    project: ProjectMetadata,
    model: str,
    port: int,
    host: str,
    env: str | None,
    workers: int | None,
) -> None:
    """Serve the champion of MODEL (cdae) with `mlflow models serve`."""
    from mlflow.exceptions import MlflowException

    from collaborative_autoencoders.hooks.masking import mask_process
    from collaborative_autoencoders.memory import machine_memory
    from collaborative_autoencoders.models.registry import MODELS
    from collaborative_autoencoders.serving.model_versions import NOT_IN_THE_REGISTRY, no_champion
    from collaborative_autoencoders.serving.workers import (
        bytes_of,
        is_free,
        serve_command,
        serve_environment,
        workers_for,
    )

    if model not in MODELS:
        raise click.ClickException(f"unknown model {model!r}: known are {', '.join(MODELS)}")
    if not is_free(host, port):
        raise click.ClickException(f"{host}:{port} is taken. Choose another: --port {port + 1}")
    mask_process()
    store = use_stores_of(project, env)
    uri, cores = f"models:/{model}@champion", os.cpu_count() or 1
    try:
        size = bytes_of(uri)
    except MlflowException as error:
        if error.error_code not in NOT_IN_THE_REGISTRY:
            raise click.ClickException(error.message) from None
        raise click.ClickException(f"{error.message}\n{no_champion(model)}") from None
    workers = workers or workers_for(size, machine_memory(), cores)
    command = serve_command(uri, workers, port=port, host=host)
    os.execve(command[0], command, serve_environment(os.environ, store, workers, cores))


@cli.command("try")
@click.argument("model", required=False)
@click.option("--port", "-p", type=click.IntRange(1, 65535), default=5003, show_default=True)
@click.pass_obj
def try_(project: ProjectMetadata, model: str | None, port: int) -> None:
    """Show a local page with what each champion recommends, the champion of MODEL first.

    On it, you pick titles or a known user. Only this machine can reach it.
    """
    import uvicorn

    from collaborative_autoencoders.hooks.masking import mask_process
    from collaborative_autoencoders.models.registry import MODELS
    from collaborative_autoencoders.page.app import LOOPBACK, make_app
    from collaborative_autoencoders.page.champions import Champions
    from collaborative_autoencoders.serving.model_versions import no_champion
    from collaborative_autoencoders.serving.workers import is_free

    if model is not None and model not in MODELS:
        raise click.ClickException(f"unknown model {model!r}: known are {', '.join(MODELS)}")
    if not is_free(LOOPBACK, port):
        raise click.ClickException(f"{LOOPBACK}:{port} is taken. Choose another: --port {port + 1}")
    mask_process()
    use_stores_of(project)
    champions = Champions(model)
    if model is not None and model not in [each.name for each in champions.all()]:
        raise click.ClickException(no_champion(model))
    click.echo(f"Open http://{LOOPBACK}:{port} in a browser. Ctrl+C ends the page.")
    uvicorn.run(make_app(champions), host=LOOPBACK, port=port, log_level="warning")
