"""Gives memory that a node does not use any more back to the system."""

import sys

from kedro.framework.hooks import hook_impl
from kedro.pipeline.node import Node

from collaborative_autoencoders.memory import give_back_free_memory


class MemoryHook:
    """Gives memory back before each node: before its datasets are loaded, and before it runs.

    What is freed stays with the process otherwise, as pyarrow and glibc keep it for themselves: at
    30 million ratings it is more than a gigabyte, of every node so far.
    """

    def __init__(self) -> None:
        """Create the hook."""
        self._node = ""

    @hook_impl
    def before_dataset_loaded(self, node: Node) -> None:
        """Give back what the last node has freed."""
        if node.name != self._node:
            self._node = node.name
            self._give_back()

    @hook_impl
    def before_node_run(self) -> None:
        """Give back what reading its datasets has freed."""
        self._give_back()

    def _give_back(self) -> None:
        if pyarrow := sys.modules.get("pyarrow"):
            pyarrow.default_memory_pool().release_unused()
        give_back_free_memory()
