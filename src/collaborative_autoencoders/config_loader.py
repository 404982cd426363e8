"""What the configuration may say of the project it stands in."""

from pathlib import Path
from typing import Any

from kedro.config import OmegaConfigLoader
from kedro.utils import find_kedro_project


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
        resolvers = {"project_root": project.as_posix, "outputs": lambda: env or "base"}
        super().__init__(conf_source, env, custom_resolvers=resolvers, **arguments)
