"""A log line per finished node."""

import logging
from typing import ClassVar

from kedro.framework.hooks import hook_impl
from kedro.pipeline import Pipeline
from kedro.pipeline.node import Node

from .workers import RunNotes

logger = logging.getLogger(__name__)


class ProgressHook:
    """Logs each finished node, with its number and the number of all nodes."""

    for_workers: ClassVar = ("notes", "nodes")

    @hook_impl
    def before_pipeline_run(self, pipeline: Pipeline) -> None:
        """Count the nodes of this run."""
        self.notes, self.nodes = RunNotes(), len(pipeline.nodes)

    @hook_impl
    def after_node_run(self, node: Node) -> None:
        """Log that the node is done."""
        logger.info("%2d of %d  %s", self.notes.finish(node.name), self.nodes, node.name)
