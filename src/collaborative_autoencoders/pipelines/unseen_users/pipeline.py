"""Models fitted without some users → scores of these users, as unseen and as known."""

from collections.abc import Iterable

from kedro.pipeline import Node, Pipeline

from .nodes import (
    average_unseen_users,
    compare_unseen_users,
    evaluate_unseen_users,
    hold_out_users,
)

SUFFIX = "_without_unseen"
"""Suffix of the parts without the unseen users, and of the models fitted on them."""

PARTS = {part: part for part in ("train", "validation", "test")}
EVALUATION = {"evaluation": "params:evaluation"}
SCORES = "unseen_user_scores"


def create_pipeline(models: Iterable[str]) -> Pipeline:
    """Hold out users, evaluate these models on them and compare.

    The training pipeline fits the models, on the parts `…_without_unseen`.
    """
    names = list(models)
    evaluated = [
        Pipeline(
            _evaluate_one_model(),
            namespace=name,
            inputs={*PARTS, "unseen_users"},
            parameters={"params:evaluation"},
        )
        for name in names
    ]
    return sum([_hold_out(), *evaluated, _compare(names)], Pipeline([]))


def _hold_out() -> Pipeline:
    inputs = {name: name for name in ("user_ids", "train", "validation", "data_facts")}
    remaining = [f"{name}{SUFFIX}" for name in ("train", "validation", "data_facts")]
    return Pipeline(
        [
            Node(
                hold_out_users,
                inputs=inputs | {"options": "params:unseen_users"},
                outputs={name: name for name in ("unseen_users", *remaining)},
                name="hold_out_users",
            )
        ]
    )


def _evaluate_one_model() -> list[Node]:
    inputs = {name: name for name in (f"fitted{SUFFIX}", "fitted", "unseen_users")}
    return [
        Node(
            evaluate_unseen_users,
            inputs=inputs | PARTS | EVALUATION,
            outputs=SCORES,
            name="evaluate_unseen_users",
        ),
        Node(
            average_unseen_users,
            inputs=[SCORES, "params:evaluation"],
            outputs="unseen_metrics",
            name="average_unseen_users",
        ),
    ]


def _compare(models: list[str]) -> Pipeline:
    scores = [f"{model}.{SCORES}" for model in models]
    return Pipeline(
        [
            Node(
                compare_unseen_users,
                inputs=EVALUATION | {name: name for name in scores},
                outputs="unseen_comparison",
                name="compare_unseen_users",
            )
        ]
    )
