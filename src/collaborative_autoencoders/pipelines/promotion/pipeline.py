"""Registered models and the test part → which version is champion, and why."""

from collections.abc import Callable
from typing import Any

from kedro.pipeline import Node, Pipeline

from .nodes import promote_models, promote_updates

DATA = ("registered_models", "lookup", "train", "validation", "test")
OPTIONS = ("promotion", "evaluation")


def create_pipeline() -> Pipeline:
    """Compare the challenger of every model of the last run, after all were registered."""
    return _promote(promote_models)


def create_update() -> Pipeline:
    """Compare the versions of an update, whose champions were fitted on older ratings."""
    return _promote(promote_updates)


def _promote(function: Callable[..., Any]) -> Pipeline:
    return Pipeline(
        [
            Node(
                function,
                inputs={name: name for name in DATA} | {name: f"params:{name}" for name in OPTIONS},
                outputs="promotions",
                name=function.__name__,
            )
        ]
    )
