"""Whether the configuration is right, before anything else."""

from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl

from .parameters import check_parameters


class ConfigurationHook:
    """Refuses wrong parameters before anything is done."""

    @hook_impl
    def after_context_created(self, context: KedroContext) -> None:
        """Check all parameters, those of pipelines that are not asked for too."""
        from collaborative_autoencoders.pipeline_registry import register_pipelines

        check_parameters(context.config_loader["parameters"], register_pipelines())
