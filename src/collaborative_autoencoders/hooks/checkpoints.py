"""Where a fit keeps its checkpoints, and whether a run goes on from those that it finds.

They are in a hidden folder beside the model, named by what makes it: the parameters, the content of
the inputs and the code. The folder is deleted when the model is saved.
"""

import logging
import shutil
from pathlib import Path
from typing import Any, ClassVar

from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl
from kedro.io import DataCatalog
from kedro.pipeline.node import Node

from .stored import Files, lineage_of, step_of

FITS = ("fit_model", "continue_model")
"""Kinds of the nodes that fit a model from the parts of the split."""

logger = logging.getLogger(__name__)


class CheckpointsHook:
    """Gives each fit the folder of its checkpoints."""

    for_workers: ClassVar = ("project", "parameters", "resumes")

    def __init__(self) -> None:
        """Create the hook. No node has run."""
        self._folders: dict[str, Path] = {}

    @hook_impl
    def after_context_created(self, context: KedroContext) -> None:
        """Remember the project's folder and configuration."""
        self._context = context

    @hook_impl
    def before_pipeline_run(self, run_params: dict[str, Any]) -> None:
        """Remember whether the run goes on from the checkpoints that it finds."""
        self.project = self._context.project_path
        self.parameters = self._context.config_loader["parameters"]
        self.resumes = run_params["only_missing_outputs"]

    @hook_impl
    def before_node_run(self, node: Node, catalog: DataCatalog) -> None:
        """Let the node find the folder; delete checkpoints that it must not go on from."""
        if step_of(node).kind not in FITS:
            return
        from collaborative_autoencoders.learning.checkpoints import FOLDER  # with torch

        files = Files(catalog, self.project)
        fitted = files.stored(node.outputs[0])
        if fitted is None or not fitted.is_local:
            return
        fingerprint = lineage_of(files, self.parameters).fingerprint(step_of(node))
        if fingerprint is None:
            return
        model = Path(fitted.path)
        folder = model.with_name(f".{model.name}.{fingerprint[:16]}.fit")
        for found in model.parent.glob(f".{model.name}.*.fit"):
            if found != folder or not self.resumes:
                why = "other parameters, data or code" if self.resumes else "an interrupted run"
                logger.info("%s: starts anew, not from a checkpoint of %s", node.name, why)
                shutil.rmtree(found)
        self._folders[node.name] = folder
        FOLDER.set(folder)

    @hook_impl
    def after_node_run(self, node: Node) -> None:
        """Let no other fit of this thread use the folder."""
        forget_folder(node)

    @hook_impl
    def on_node_error(self, node: Node) -> None:
        """Let no other fit of this thread use the folder."""
        forget_folder(node)

    @hook_impl
    def after_dataset_saved(self, dataset_name: str, node: Node) -> None:
        """Delete the checkpoints of a node when its last output is saved."""
        if node.name in self._folders and dataset_name == node.outputs[-1]:
            shutil.rmtree(self._folders.pop(node.name), ignore_errors=True)


def forget_folder(node: Node) -> None:
    """Unset the folder that `before_node_run` has set for the node."""
    if step_of(node).kind in FITS:
        from collaborative_autoencoders.learning.checkpoints import FOLDER

        FOLDER.set(None)
