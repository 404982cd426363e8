"""Registered models and the test part → who is champion, and why."""

from kedro.pipeline import Node, Pipeline

from .nodes import promote_models


def create_pipeline() -> Pipeline:
    """One node: it looks at every model of the last run, after they were all registered."""
    return Pipeline(
        [
            Node(
                promote_models,
                inputs=[
                    "registered_models",
                    "user_ids",
                    "item_titles",
                    "data_facts",
                    "train_ratings",
                    "train_likes",
                    "validation_ratings",
                    "validation_likes",
                    "test_ratings",
                    "test_likes",
                    "params:promotion",
                    "params:evaluation",
                ],
                outputs="promotions",
                name="promote_models",
            )
        ]
    )
