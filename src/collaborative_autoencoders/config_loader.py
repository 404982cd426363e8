"""Kedro's configuration loader with the project's resolvers and shared parameters."""

import logging
import os
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import yaml
from kedro.config import MissingConfigException, OmegaConfigLoader
from kedro.utils import find_kedro_project
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from omegaconf.resolvers import oc

from .config_files import files_in, first_clash, first_unreadable
from .models.registry import networks
from .tracking.sqlite import sqlite_url

logger = logging.getLogger(__name__)

OUTPUTS = "outputs"
ANSWERS = "answers"
RECOMMENDATIONS = "recommendations"
ITEM_TASKS = ("similar_items", "item_vectors")
"""Tasks of inference that write files of their own names."""
REPRODUCES = "reproduces"
FITTING = "fitting"
"""Name of the parameter block that all networks share, and of the same block of one network."""
FORMER = ("mf.fitting", "mf.model.initial_scale")
"""Keys that configurations of 0.2.0 hold."""
NOT_IN_A_NAME = '\\:*?"<>|{}[]'
"""Characters that a folder cannot have on some system, or that mean something in a catalog."""

SHELL_TRACKING_URI = os.environ.get("MLFLOW_TRACKING_URI")
"""The tracking URI of the shell. MLflow sets the variable later, to the store of a session."""


class ProjectConfigLoader(OmegaConfigLoader):
    """Kedro's loader with resolvers for the places of stores and outputs.

    `${project_root:}` is the folder that data/ and mlflow.db are in: the project's or, without a
    project, the working directory. `${sqlite:optuna.db}` is the URL of a database in it, for any
    path. `${tracking_uri:}` is MLFLOW_TRACKING_URI if it is set in the shell, else the URL of
    mlflow.db in that folder. `${outputs:}` is the name of the environment, so that no
    environment overwrites another's files, or NAME if the run has `--params outputs=NAME`.
    `${answers:}` is the name of the files of inference: `recommendations`, or a task for items.
    `outputs` only selects folders, so it is removed from the parameters. `${oc.env:NAME}` is an
    environment variable, in every file, so that a password need not be in conf/. The resolvers are
    not in a hook because `kedro viz` reads the catalog without hooks.
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
        refuse_unreadable(self.project_root)
        given = dict(runtime_params or {})
        named = given.pop(OUTPUTS, None)
        self.outputs = (
            folder_name(env or "base", "environment") if named is None else folder_name(named)
        )
        self._arguments = arguments
        self.reproduces: str | None = given.pop(REPRODUCES, None)
        self._warned: set[str] = set()
        self._answers = RECOMMENDATIONS
        self._resolvers: dict[str, Callable[..., Any]] = {
            "project_root": lambda: self.project_root.as_posix(),
            "sqlite": self._sqlite,
            "tracking_uri": lambda: SHELL_TRACKING_URI or self._sqlite("mlflow.db"),
            OUTPUTS: lambda: self.outputs,
            ANSWERS: lambda: self._answers,
            "oc.env": oc.env,
        }
        super().__init__(conf_source, env, given, **arguments)

    def _sqlite(self, name: str) -> str:
        return sqlite_url(self.project_root / name)

    def __getitem__(self, key: str) -> dict[str, Any]:
        """Return one kind of configuration; parameters with the shared `fitting` block filled in.

        Parameters whose key begins with `_` are templates and are left out, as in a catalog.
        Resolvers are global to the process, so they are registered again at every access.
        Raises ValueError, with file and line, if a file is not valid YAML or has a key twice.
        """
        if key == "catalog":  # before its resolvers are registered
            self._answers = self._name_of_answers()
        for name, resolver in self._resolvers.items():
            OmegaConf.register_resolver(name, resolver, replace=True)
        configuration = self._read(key)
        if key != "parameters":
            return configuration
        shown = {name: value for name, value in configuration.items() if not is_template(name)}
        return with_shared_fitting(self._without_former(shown))

    def _read(self, key: str) -> dict[str, Any]:
        """Return what Kedro reads. Its errors name no file or key, or count lines from 0."""
        try:
            configuration: dict[str, Any] = super().__getitem__(key)
        except (yaml.YAMLError, UnicodeDecodeError, TypeError) as error:
            files = (*self.files_of(key, self.base_env), *self.files_of(key))
            if (problem := first_unreadable(files) or self._first_clash(key, files)) is None:
                raise
            raise ValueError(problem) from error
        return configuration

    def _first_clash(self, key: str, files: Iterable[Path]) -> str | None:
        """Return the first key with which these files, and `--params`, cannot be joined."""
        contents = [(file, OmegaConf.to_container(OmegaConf.load(file))) for file in files]
        params = self.runtime_params if key == "parameters" else {}
        return first_clash([*contents, ("--params", params)])

    @property
    def environment(self) -> str:
        """Name of the environment of the run."""
        name: str = self.env or self.default_run_env
        return name

    def folder_of(self, environment: str | None = None) -> Path:
        """Return the folder of an environment, or of the one of the run."""
        return Path(self.conf_source) / (environment or self.environment)

    def files_of(self, kind: str, environment: str | None = None) -> list[Path]:
        """Return the files of one kind of configuration in an environment, or that of the run."""
        return files_in(self.folder_of(environment), self.config_patterns[kind])

    def _name_of_answers(self) -> str:
        """Return the name of the files of inference, which is that of its task."""
        try:
            inference = self["parameters"].get("inference")
        except MissingConfigException:  # the environment has no parameters
            return RECOMMENDATIONS
        task = inference.get("task") if isinstance(inference, dict) else None
        return RECOMMENDATIONS if task not in ITEM_TASKS else str(task)

    def _without_former(self, parameters: dict[str, Any]) -> dict[str, Any]:
        """Return the parameters without keys that an older version read; warn of each once."""
        for former in FORMER:
            kept = without_key(parameters, *former.split("."))
            if kept is not parameters and former not in self._warned:
                logger.warning("%s is not read any more, as mf is fitted by a formula", former)
                self._warned.add(former)
            parameters = kept
        return parameters

    def set_in(self, block: str) -> list[dict[str, Any]]:
        """Return what the environment and `--params` set in a block of parameters, without base.

        The keys of `--params` are in both.
        """
        found = [layer.get(block) for layer in (self._without_base(), self.runtime_params)]
        return [layer if isinstance(layer, dict) else {} for layer in found]

    def _without_base(self) -> dict[str, Any]:
        """Return the parameters of the environment and of `--params` alone."""
        environment = self.environment
        if environment == self.base_env:
            return {}
        arguments = self._arguments | {"base_env": environment}
        alone = type(self)(str(self.conf_source), environment, self.runtime_params, **arguments)
        alone["globals"] = self["globals"]
        alone.outputs, alone.project_root = self.outputs, self.project_root
        alone._warned = self._warned
        try:
            return alone["parameters"]
        except MissingConfigException:  # the environment has no parameters
            return {}

    def reads(self, key: str) -> bool:
        """Return whether `${runtime_params:KEY}` is in the catalog, the parameters or mlflow.yml.

        The configuration is resolved a second time with another value of the key, and compared.
        """
        given: dict[str, Any] = self.runtime_params
        changed = given | {key: other_than(given[key])}
        other = type(self)(str(self.conf_source), self.env, changed, **self._arguments)
        other.outputs, other.project_root = self.outputs, self.project_root
        kinds = self.config_patterns.keys() - {"globals"}  # the resolver is not allowed there
        try:
            return any(without(key, self, kind) != without(key, other, kind) for kind in kinds)
        except OmegaConfBaseException:  # the other value names nothing, so it was read
            return True


def without(key: str, loader: ProjectConfigLoader, kind: str) -> dict[str, Any]:
    """Return one kind of configuration without a key; empty if there is no file of this kind."""
    try:
        return {name: value for name, value in loader[kind].items() if name != key}
    except MissingConfigException:
        return {}


def without_key(block: Any, key: str, *inner: str) -> Any:
    """Return a block without a key, or without an inner one; the block itself if it has none."""
    if not isinstance(block, dict) or key not in block:
        return block
    if not inner:
        return {name: value for name, value in block.items() if name != key}
    kept = without_key(block[key], *inner)
    return block if kept is block[key] else block | {key: kept}


def other_than(value: Any) -> Any:
    """Return a value in which every leaf differs."""
    if isinstance(value, dict):
        return {name: other_than(inner) for name, inner in value.items()}
    return f"not {value}"


def refuse_unreadable(folder: Path) -> None:
    """Raise ValueError if the name of a folder cannot be decoded in the locale of the shell."""
    try:
        str(folder).encode("utf-8")
    except UnicodeEncodeError:
        name = os.fsencode(folder).decode("utf-8", "replace")
        raise ValueError(
            f"the name of the folder {name!a} cannot be read in the locale of this shell: "
            "type `export LC_ALL=C.UTF-8 PYTHONUTF8=1` first, or move the project to a folder of "
            "plain letters"
        ) from None


def is_template(key: Any) -> bool:
    """Return whether a top-level key only holds values for other keys of the same file."""
    return str(key).startswith("_")


def with_shared_fitting(parameters: dict[str, Any]) -> dict[str, Any]:
    """Return the parameters with `fitting` as defaults for the `fitting` block of every network.

        fitting: {optimizer: adam, epochs: 60}
        cdae: {fitting: {epochs: 20}}           ->  cdae: {fitting: {optimizer: adam, epochs: 20}}

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


def folder_name(name: Any, what: str = OUTPUTS) -> str:
    """Return `name` as a path of folders below each layer of data/, such as `recbole/split-1`.

    Raises ValueError if the name would lead out of the layer, or is no folder's name on some
    system.
    """
    character = rf"[^/{re.escape(NOT_IN_A_NAME)}\x00-\x1f\x7f]"
    part = rf"(?![\s.]){character}+(?<![\s.])"
    if not re.fullmatch(f"{part}(/{part})*", str(name)):
        raise ValueError(
            f"{what}: {name!r} is not a valid folder name. Use none of {' '.join(NOT_IN_A_NAME)}, "
            "and no dot or blank at the beginning or end. '/' separates folders: recbole/split-1"
        )
    return str(name)
