"""What the configuration may say of the project it stands in."""

from pathlib import Path
from typing import Any

from kedro.config import OmegaConfigLoader
from kedro.utils import find_kedro_project
from omegaconf import OmegaConf


class ProjectConfigLoader(OmegaConfigLoader):
    """Kedro's loader with two resolvers that depend on where and as what it is started.

    `${project_root:}` is the project's folder, whatever the working directory; `${outputs:}` the
    name of the environment, so that no environment writes over another's files. Here and not in
    a hook, because `kedro viz` reads the catalog without hooks.
    """

    def __init__(self, conf_source: str, env: str | None = None, **arguments: Any) -> None:
        """As OmegaConfigLoader; the project is the one around `conf_source`, else around here."""
        inside = Path(conf_source).absolute()
        project = find_kedro_project(inside) or find_kedro_project(Path.cwd()) or inside.parent
        self._resolvers = {"project_root": project.as_posix, "outputs": lambda: env or "base"}
        super().__init__(conf_source, env, **arguments)

    def __getitem__(self, key: str) -> dict[str, Any]:
        """A part of the configuration; resolvers belong to the process, so they are ours by now."""
        for name, resolver in self._resolvers.items():
            OmegaConf.register_resolver(name, resolver, replace=True)
        configuration: dict[str, Any] = super().__getitem__(key)
        return configuration
