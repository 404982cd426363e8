"""One box for all models in Kedro-Viz, around the box of each model."""

from collections.abc import Iterable

from kedro.pipeline import Node, Pipeline

BOX = "models"


class NodeInBox(Node):
    """A node in the box, with the name that it has outside: `cdae.fit_model`.

    Kedro-Viz draws boxes from namespaces alone, and what passes between two boxes outside of both.
    Without a box around the models, the results of ten models were a row of 60. Kedro puts the
    whole namespace before a node's name; this class leaves the outer box out, so that
    `--from-nodes cdae.fit_model`, error messages and the records of files do not depend on it.
    """

    @classmethod
    def of(cls, node: Node) -> Node:
        """Return a copy of the node, of this class."""
        copy = node.tag(())
        copy.__class__ = cls
        return copy

    @property
    def name(self) -> str:
        """Return the name without the outer box."""
        return super().name.removeprefix(f"{BOX}.")

    def tag(self, tags: str | Iterable[str]) -> Node:
        """Return a copy with more tags, in the box too."""
        return self.of(super().tag(tags))


def in_box(pipeline: Pipeline) -> Pipeline:
    """Return the pipeline in the namespace `models`; names of nodes and datasets do not change."""
    boxed = Pipeline(pipeline, namespace=BOX, prefix_datasets_with_namespace=False)
    return Pipeline([NodeInBox.of(node) for node in boxed.nodes])


def namespaces_of(nodes: Iterable[Node]) -> set[str]:
    """Return the namespaces of the nodes, outer ones too."""
    return {namespace for node in nodes for namespace in node.namespace_prefixes if namespace}


def in_full(typed: str, known: set[str]) -> list[str]:
    """Return the known namespaces of this name, in the box and outside: `cdae` is `models.cdae`."""
    return [name for name in (typed, f"{BOX}.{typed}") if name in known]
