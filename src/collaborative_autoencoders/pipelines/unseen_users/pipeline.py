"""Others' ratings → fit of its own → answers for unseen users, beside the same users known."""

from collections.abc import Iterable

from kedro.pipeline import Node, Pipeline

from .nodes import (
    average_unseen_users,
    compare_unseen_users,
    hold_out_users,
    judge_unseen_users,
)

OTHERS = "_of_others"
"""How the matrices without the unseen users are called, and what is fitted on them."""

TRAIN_AND_VALIDATION = ["train_ratings", "train_likes", "validation_ratings", "validation_likes"]
SHARED = {*TRAIN_AND_VALIDATION, "test_ratings", "test_likes", "unseen_users"}
SCORES = ("unseen_user_scores", "known_user_scores")


def create_pipeline(models: Iterable[str]) -> Pipeline:
    """All but the fit, which is the training pipeline's own, on the matrices `…_of_others`."""
    names = list(models)
    judged = [
        Pipeline(
            _judge_one_model(), namespace=name, inputs=SHARED, parameters={"params:evaluation"}
        )
        for name in names
    ]
    return sum([_hold_out(), *judged, _compare(names)], Pipeline([]))


def _hold_out() -> Pipeline:
    of_others = [f"{name}{OTHERS}" for name in (*TRAIN_AND_VALIDATION, "data_facts")]
    return Pipeline(
        [
            Node(
                hold_out_users,
                inputs=["user_ids", *TRAIN_AND_VALIDATION, "data_facts", "params:unseen_users"],
                outputs={name: name for name in ("unseen_users", *of_others)},
                name="hold_out_users",
            )
        ]
    )


def _judge_one_model() -> list[Node]:
    return [
        Node(
            judge_unseen_users,
            inputs=[
                f"fitted{OTHERS}",
                "fitted",
                "unseen_users",
                *TRAIN_AND_VALIDATION,
                "test_ratings",
                "test_likes",
                "params:evaluation",
            ],
            outputs={name: name for name in SCORES},
            name="judge_unseen_users",
        ),
        Node(
            average_unseen_users,
            inputs=[*SCORES, "params:evaluation"],
            outputs="unseen_metrics",
            name="average_unseen_users",
        ),
    ]


def _compare(models: list[str]) -> Pipeline:
    scores = [f"{model}.{name}" for model in models for name in SCORES]
    return Pipeline(
        [
            Node(
                compare_unseen_users,
                inputs={"evaluation": "params:evaluation"} | {name: name for name in scores},
                outputs="unseen_comparison",
                name="compare_unseen_users",
            )
        ]
    )
