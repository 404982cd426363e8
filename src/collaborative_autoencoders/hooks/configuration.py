"""Check of the configuration before a run."""

from typing import cast

from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl

from collaborative_autoencoders.config_loader import ProjectConfigLoader

from .parameters import check_parameters


class ConfigurationHook:
    """Sets the project's folder and refuses a run with parameters that are not valid."""

    @hook_impl
    def after_context_created(self, context: KedroContext) -> None:
        """Check all parameters, including those of pipelines that do not run.

        `--conf-source` may name the configuration of another project: `${project_root:}` is then
        the folder that the session works in, to which the catalog's paths are relative.
        """
        from collaborative_autoencoders.pipeline_registry import register_pipelines

        loader = cast(ProjectConfigLoader, context.config_loader)
        loader.project_root = context.project_path
        check_parameters(loader["parameters"], register_pipelines())
