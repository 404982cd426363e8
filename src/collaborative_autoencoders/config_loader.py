"""Kedro's configuration loader with the project's resolvers and shared parameters."""

import re
from pathlib import Path
from typing import Any

from kedro.config import OmegaConfigLoader
from kedro.utils import find_kedro_project
from omegaconf import OmegaConf

from .models.registry import networks

OUTPUTS = "outputs"
REPRODUCES = "reproduces"
FITTING = "fitting"
"""Name of the parameter block that all networks share, and of the same block of one network."""


class ProjectConfigLoader(OmegaConfigLoader):
    """Kedro's loader with the resolvers `project_root` and `outputs`.

    `${project_root:}` is the folder that data/ and mlflow.db are in: the project's or, without a
    project, the working directory. `${outputs:}` is the name of the environment, so that no
    environment overwrites another's files, or NAME if the run has `--params outputs=NAME`.
    `outputs` only selects folders, so it is removed from the parameters. The resolvers are not in
    a hook because `kedro viz` reads the catalog without hooks.
    `reproduces` is the run that `kedro reproduce` runs again, and None for any other run.
    """

    def __init__(
        self,
        conf_source: str,
        env: str | None = None,
        runtime_params: dict[str, Any] | None = None,
        **arguments: Any,
    ) -> None:
        """Create the loader; the arguments are those of OmegaConfigLoader.

        The project is the one that contains `conf_source`, else the one that contains the working
        directory, if any. Raises ValueError if `outputs` is not a valid folder name.
        """
        inside, here = Path(conf_source).absolute(), Path.cwd()
        self.project_root: Path = find_kedro_project(inside) or find_kedro_project(here) or here
        given = dict(runtime_params or {})
        outputs = folder_name(given.pop(OUTPUTS, env or "base"))
        self.reproduces: str | None = given.pop(REPRODUCES, None)
        self._resolvers = {
            "project_root": lambda: self.project_root.as_posix(),
            OUTPUTS: lambda: outputs,
        }
        super().__init__(conf_source, env, given, **arguments)

    def __getitem__(self, key: str) -> dict[str, Any]:
        """Return one kind of configuration; parameters with the shared `fitting` block filled in.

        Resolvers are global to the process, so they are registered again at every access.
        """
        for name, resolver in self._resolvers.items():
            OmegaConf.register_resolver(name, resolver, replace=True)
        configuration: dict[str, Any] = super().__getitem__(key)
        return with_shared_fitting(configuration) if key == "parameters" else configuration


def with_shared_fitting(parameters: dict[str, Any]) -> dict[str, Any]:
    """Return the parameters with `fitting` as defaults for the `fitting` block of every network.

        fitting: {optimizer: adam, epochs: 60}
        mf: {fitting: {epochs: 20}}             ->  mf: {fitting: {optimizer: adam, epochs: 20}}

    A network without a `fitting` block of its own gets the shared one.
    """
    shared = parameters.get(FITTING)
    if not isinstance(shared, dict):
        return parameters
    filled = dict(parameters)
    for name in networks():
        block = parameters.get(name)
        if isinstance(block, dict) and isinstance(block.get(FITTING, {}), dict):
            filled[name] = block | {FITTING: shared | block.get(FITTING, {})}
    return filled


def folder_name(outputs: Any) -> str:
    """Return `outputs` as a path of folders below each layer of data/, such as `recbole/split-1`.

    Raises ValueError if the name is invalid or would lead out of the layer.
    """
    if not re.fullmatch(r"[\w-][\w.-]*(/[\w-][\w.-]*)*", str(outputs)):
        raise ValueError(
            f"outputs: {outputs!r} is not a valid folder name. Use letters, digits, '-', '_' and "
            "'.', with '/' between folders: recbole/split-1"
        )
    return str(outputs)
