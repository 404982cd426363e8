"""Hook that makes a run the reproduction of another run."""

from typing import Any, ClassVar, cast

import mlflow
from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl

from collaborative_autoencoders.config_loader import REPRODUCES, ProjectConfigLoader
from collaborative_autoencoders.tracking.masking import unmask_values

from .logged_run import LoggedRun, NotReproducible, read_run, store_of


class ReproductionHook:
    """Gives a run the parameters of the run that the runtime parameter `reproduces` names.

    The new run is tagged with the id of that run, and stops if the ratings differ. Without
    `reproduces`, the hook does nothing.
    """

    for_workers: ClassVar = ("_original",)

    def __init__(self) -> None:
        """Create the hook."""
        self._original: LoggedRun | None = None

    @hook_impl(tryfirst=True)
    def after_context_created(self, context: KedroContext) -> None:
        """Replace the parameters of conf/ by the logged ones, with `registration` disabled."""
        loader = cast(ProjectConfigLoader, context.config_loader)
        self._original = None
        if loader.reproduces is not None:
            self._original = read_run(store_of(loader), loader.reproduces)
            # passwords were masked when the parameters were logged
            parameters = unmask_values(self._original.parameters, loader["parameters"])
            unregistered = parameters.get("registration", {}) | {"enabled": False}
            loader["parameters"] = parameters | {"registration": unregistered}

    @hook_impl(trylast=True)
    def before_pipeline_run(self) -> None:
        """Tag the new run. Raises NotReproducible if MLflow does not track this pipeline."""
        if self._original is None:
            return
        if mlflow.active_run() is None:
            raise NotReproducible(
                "MLflow does not track this pipeline (mlflow.yml: tracking.disable_tracking), "
                "so there are no metrics to compare. Enable tracking for this pipeline."
            )
        mlflow.set_tag(REPRODUCES, self._original.run_id)

    @hook_impl(tryfirst=True)
    def after_dataset_saved(self, dataset_name: str, data: Any) -> None:
        """Raise NotReproducible if the checksum of the ratings differs."""
        if self._original is None or dataset_name != "data_facts":
            return
        if data["checksum"] != self._original.checksum:
            raise NotReproducible(
                f"{self._original.run_id} read other ratings: their checksum was "
                f"{self._original.checksum}, here it is {data['checksum']}. Restore the ratings "
                "that the catalog entry `ratings` named then."
            )
