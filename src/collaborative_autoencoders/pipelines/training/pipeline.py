"""The picture: one node per model, in the model's namespace."""

from collections.abc import Iterable

from kedro.pipeline import Node, Pipeline

from .nodes import fit_model

PARTS = ("train_likes", "train_ratings", "validation_likes", "validation_ratings")
RESULTS = ("fitted", "history", "fit_facts")
SHARED = ("params:training", "params:running")


def create_pipeline(models: Iterable[str], of: str = "") -> Pipeline:
    """Fit each of these models on the same parts of the same split.

    `of` is what the names of parts, results and nodes end in, where another pipeline has made
    parts of its own.
    """
    return sum((_train(model, of) for model in models), Pipeline([]))


def _train(model: str, of: str) -> Pipeline:
    parts = [f"{name}{of}" for name in (*PARTS, "data_facts")]
    return Pipeline(
        [
            Node(
                fit_model,
                inputs=["params:options", *SHARED, *parts],
                outputs={name: f"{name}{of}" for name in RESULTS},
                name=f"fit_model{of}",
            )
        ],
        namespace=model,
        inputs=set(parts),
        parameters={"params:options": f"params:{model}"} | {name: name for name in SHARED},
    )
