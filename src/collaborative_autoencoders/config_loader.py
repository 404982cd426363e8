"""What the configuration may say of the project it stands in."""

import re
from pathlib import Path
from typing import Any

from kedro.config import OmegaConfigLoader
from kedro.utils import find_kedro_project
from omegaconf import OmegaConf

OUTPUTS = "outputs"


class ProjectConfigLoader(OmegaConfigLoader):
    """Kedro's loader with two resolvers that depend on where and as what it is started.

    `${project_root:}` is the project's folder, whatever the working directory; `${outputs:}` the
    name of the environment, so that no environment writes over another's files, or what
    `--params outputs=NAME` says: it is about where files go, so it is no parameter. Here and not
    in a hook, because `kedro viz` reads the catalog without hooks.
    """

    def __init__(
        self,
        conf_source: str,
        env: str | None = None,
        runtime_params: dict[str, Any] | None = None,
        **arguments: Any,
    ) -> None:
        """As OmegaConfigLoader; the project is the one around `conf_source`, else around here."""
        inside = Path(conf_source).absolute()
        project = find_kedro_project(inside) or find_kedro_project(Path.cwd()) or inside.parent
        given = dict(runtime_params or {})
        outputs = folder_name(given.pop(OUTPUTS, env or "base"))
        self._resolvers = {"project_root": project.as_posix, OUTPUTS: lambda: outputs}
        super().__init__(conf_source, env, given, **arguments)

    def __getitem__(self, key: str) -> dict[str, Any]:
        """A part of the configuration; resolvers belong to the process, so they are ours by now."""
        for name, resolver in self._resolvers.items():
            OmegaConf.register_resolver(name, resolver, replace=True)
        configuration: dict[str, Any] = super().__getitem__(key)
        return configuration


def folder_name(outputs: Any) -> str:
    """The name as a folder below each layer of data/: `seed/split-1`.

    Raises ValueError for a name that would lead out of there.
    """
    if not re.fullmatch(r"[\w-][\w.-]*(/[\w-][\w.-]*)*", str(outputs)):
        raise ValueError(
            f"outputs: {outputs!r} is no name for folders: letters, digits, - and _ (a/b: in a)"
        )
    return str(outputs)
