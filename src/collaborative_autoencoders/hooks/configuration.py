"""What the configuration may say of the project it stands in, and whether it is right."""

from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl
from omegaconf import OmegaConf

from .parameters import check_parameters


class ConfigurationHook:
    """Gives the configuration `${project_root:}` and `${outputs:}`; refuses wrong parameters."""

    @hook_impl
    def after_context_created(self, context: KedroContext) -> None:
        """Register the resolvers of this context.

        `project_root` is the project's folder, whatever the working directory; `outputs` the name
        of the environment, so that no environment writes over another's files.
        """
        from ..pipeline_registry import register_pipelines

        root, outputs = context.project_path.as_posix(), context.env or "base"
        OmegaConf.register_resolver("project_root", lambda: root, replace=True)
        OmegaConf.register_resolver("outputs", lambda: outputs, replace=True)
        check_parameters(context.config_loader["parameters"], register_pipelines())
