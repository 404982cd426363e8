"""Registered models and the test part → which version is champion, and why."""

from kedro.pipeline import Node, Pipeline

from .nodes import promote_models

DATA = ("registered_models", "lookup", "train", "validation", "test")
OPTIONS = ("promotion", "evaluation")


def create_pipeline() -> Pipeline:
    """Compare the versions of every model of the last run, after all were registered."""
    return Pipeline(
        [
            Node(
                promote_models,
                inputs={name: name for name in DATA} | {name: f"params:{name}" for name in OPTIONS},
                outputs="promotions",
                name="promote_models",
            )
        ]
    )
