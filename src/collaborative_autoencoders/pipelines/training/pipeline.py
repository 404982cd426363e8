"""The picture: one node per model, in the model's namespace."""

from collections.abc import Iterable

from kedro.pipeline import Node, Pipeline

from .nodes import fit_model

PARTS = {"train_ratings", "train_likes", "validation_ratings", "validation_likes"}

SHARED = ("params:training", "params:running")


def create_pipeline(models: Iterable[str]) -> Pipeline:
    """Fit each of these models on the same parts of the same split."""
    return sum((_train(model) for model in models), Pipeline([]))


def _train(model: str) -> Pipeline:
    return Pipeline(
        [
            Node(
                fit_model,
                inputs=["params:options", *SHARED, *sorted(PARTS), "data_facts"],
                outputs={"fitted": "fitted", "history": "history", "fit_facts": "fit_facts"},
                name="fit_model",
            )
        ],
        namespace=model,
        inputs={*PARTS, "data_facts"},
        parameters={"params:options": f"params:{model}"} | {name: name for name in SHARED},
    )
