"""Parts of the split → fitted model: one node per model, in the model's namespace."""

from collections.abc import Iterable

from kedro.pipeline import Node, Pipeline

from collaborative_autoencoders.learning.options import for_model

from .nodes import fit_model

PARTS = ("train", "validation", "data_facts")
RESULTS = ("fitted", "history", "fit_facts")
SHARED = ("training", "running")


def create_pipeline(models: Iterable[str], suffix: str = "") -> Pipeline:
    """Fit each of these models on the same parts of the same split.

    `suffix` is added to the names of parts, results and nodes. A pipeline that makes its own parts
    needs it.
    """
    return sum((_train(model, suffix) for model in models), Pipeline([]))


def _train(model: str, suffix: str) -> Pipeline:
    parts = {name: f"{name}{suffix}" for name in PARTS}
    shared = {name: f"params:{name}" for name in SHARED}
    return Pipeline(
        [
            Node(
                for_model(fit_model, model),
                inputs={"options": "params:options"} | shared | parts,
                outputs={name: f"{name}{suffix}" for name in RESULTS},
                name=f"fit_model{suffix}",
            )
        ],
        namespace=model,
        inputs=set(parts.values()),
        parameters={"params:options": f"params:{model}"} | {name: name for name in shared.values()},
    )
