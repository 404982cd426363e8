"""Check of the configuration before a run."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, cast

import click
import yaml
from kedro.config import MissingConfigException
from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl
from kedro.framework.project import configure_logging
from kedro.pipeline import Pipeline

from collaborative_autoencoders.config_loader import ProjectConfigLoader
from collaborative_autoencoders.pipelines.box import BOX, in_full, namespaces_of
from collaborative_autoencoders.tracking.masking import remember_secrets

from .environment import check_credentials, check_entries, check_files
from .parameters import check_parameters, closest_hint

LOGGING_YML = "logging.yml"


class ConfigurationHook:
    """Sets the project's folder and refuses a run with parameters that are not valid."""

    @hook_impl
    def after_context_created(self, context: KedroContext) -> None:
        """Check all parameters and entries, including those of pipelines that do not run.

        `--conf-source` may name the configuration of another project: `${project_root:}` is then
        the folder that the session works in, to which the catalog's paths are relative.
        """
        from collaborative_autoencoders.pipeline_registry import register_pipelines

        loader = cast(ProjectConfigLoader, context.config_loader)
        loader.project_root = context.project_path
        use_logging_of(Path(loader.conf_source))
        if typed := click.get_current_context(silent=True):
            refuse_unknown_namespaces(register_pipelines(), **typed.params)
        parameters = parameters_of(loader)
        remember_secrets(parameters)
        check_files(loader)
        check_parameters(parameters, register_pipelines(), loader)
        check_entries(loader, register_pipelines())
        loader["parameters"] = parameters  # Kedro and the hooks ask for them again
        loader["catalog"] = entries = loader["catalog"]
        check_credentials(loader, entries)


def refuse_unknown_namespaces(
    every: Mapping[str, Pipeline],
    pipelines: Iterable[str] | None = None,
    namespaces: Iterable[str] | None = None,
    **_: Any,
) -> None:
    """Raise ValueError, with those there are, if the typed pipelines have no such namespace."""
    names = list(pipelines or ["__default__"])
    nodes = [node for name in names if name in every for node in every[name].nodes]
    known = namespaces_of(nodes)
    typed = {name.removeprefix(f"{BOX}.") for name in known}
    for asked in namespaces or ():
        if nodes and not in_full(asked, known):
            raise ValueError(
                f"--namespaces: {' and '.join(names)} has no {asked!r}{closest_hint(asked, typed)} "
                f"(it has {', '.join(sorted(typed))})"
            )


def use_logging_of(conf_source: Path) -> None:
    """Apply the logging.yml of the configuration.

    Kedro finds it only in `conf/` of the working directory, where a packaged project and a
    notebook do not run. A file that Kedro has found, or that KEDRO_LOGGING_CONFIG names, stays.
    """
    found = "KEDRO_LOGGING_CONFIG" in os.environ or (Path("conf") / LOGGING_YML).exists()
    if not found and (conf_source / LOGGING_YML).is_file():
        configure_logging(yaml.safe_load((conf_source / LOGGING_YML).read_text(encoding="utf-8")))


def parameters_of(loader: ProjectConfigLoader) -> dict[str, Any]:
    """Return all parameters.

    Raises MissingConfigException, with the fix, if there is no conf/ or no such environment.
    """
    try:
        return loader["parameters"]
    except MissingConfigException as error:
        raise MissingConfigException(missing(loader) or str(error)) from None


def missing(loader: ProjectConfigLoader) -> str | None:
    """Return which folder of the configuration is missing, and the fix; None if there are both."""
    conf, environment = Path(loader.conf_source), loader.environment
    if not (conf / loader.base_env).is_dir():
        return (
            f"There is no configuration in {conf}. Run in a folder with conf/, or name the folder: "
            "--conf-source PATH"
        )
    if not (conf / environment).is_dir():
        environments = {folder.name for folder in conf.iterdir() if folder.is_dir()}
        hint = closest_hint(environment, environments)
        return f"There is no environment {environment!r} in {conf}{hint}"
    return None
