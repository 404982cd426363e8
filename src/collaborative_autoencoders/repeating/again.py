"""The same selection with the same parameters once more, into files of its own."""

from pathlib import Path
from typing import Any

import mlflow
from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl
from kedro.framework.session import KedroSession

from .original import Original, Refused

REPEATS = "repeats"


class RepeatHook:
    """What makes a run a repeat: the parameters of then, the tag, the same ratings or none."""

    def __init__(self, original: Original) -> None:
        """A repeat of this run."""
        self._original = original
        self.run_id = ""

    @hook_impl(tryfirst=True)
    def after_context_created(self, context: KedroContext) -> None:
        """The logged parameters in place of all that conf/ says now, but no model is registered."""
        parameters = self._original.parameters
        unregistered = parameters.get("registration", {}) | {"enabled": False}
        context.config_loader["parameters"] = parameters | {"registration": unregistered}

    @hook_impl(trylast=True)
    def before_pipeline_run(self) -> None:
        """Say in the new run which run it repeats."""
        run = mlflow.active_run()
        if run is None:
            raise Refused(
                "MLflow does not follow this pipeline (mlflow.yml: tracking.disable_tracking), "
                "so there would be nothing to compare."
            )
        self.run_id = run.info.run_id
        mlflow.set_tag(REPEATS, self._original.run_id)

    @hook_impl(tryfirst=True)
    def after_dataset_saved(self, dataset_name: str, data: Any) -> None:
        """Raises Refused where the ratings are others, as soon as their checksum is known."""
        if dataset_name != "data_facts" or data["checksum"] == self._original.checksum:
            return
        raise Refused(
            f"{self._original.run_id} read other ratings: their checksum was "
            f"{self._original.checksum}, here it is {data['checksum']}. Bring the ratings back "
            "that the catalog entry `ratings` named then."
        )


def run_again(project: Path, original: Original) -> str:
    """The id of the new run, which is finished. Raises Refused where the ratings are others."""
    environment = None if original.environment == "base" else original.environment
    outputs = f"repeat/{original.run_id[:8]}"
    session = KedroSession.create(project, env=environment, runtime_params={"outputs": outputs})
    hook = RepeatHook(original)
    session._hook_manager.register(hook)  # in settings it would hold for every run
    with session:
        session.run(**original.selection)
    return hook.run_id
