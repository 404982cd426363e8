"""A log line per finished node."""

import logging

from kedro.framework.hooks import hook_impl
from kedro.pipeline import Pipeline
from kedro.pipeline.node import Node

logger = logging.getLogger(__name__)


class ProgressHook:
    """Logs each finished node, with its number and the number of all nodes."""

    @hook_impl
    def before_pipeline_run(self, pipeline: Pipeline) -> None:
        """Count the nodes of this run."""
        self.done, self.nodes = 0, len(pipeline.nodes)

    @hook_impl
    def after_node_run(self, node: Node) -> None:
        """Log that the node is done."""
        self.done += 1
        logger.info("%2d of %d  %s", self.done, self.nodes, node.name)
