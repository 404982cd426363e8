"""The session of `kedro run`."""

from typing import Any

from kedro.framework.project import pipelines
from kedro.framework.session import KedroSession

from collaborative_autoencoders.pipelines.box import in_full, namespaces_of


class ProjectSession(KedroSession):
    """A session in which `--namespaces cdae` is the model, whichever box its nodes are in."""

    def run(self, *arguments: Any, **selection: Any) -> dict[str, Any]:
        """Run the selected nodes, as Kedro's session does."""
        if typed := selection.get("namespaces"):
            names = selection.get("pipeline_names") or ["__default__"]
            known = namespaces_of(
                node for name in names if name in pipelines for node in pipelines[name].nodes
            )
            full = [each for name in typed for each in in_full(name, known) or [name]]
            selection = selection | {"namespaces": full}
        return super().run(*arguments, **selection)
