"""Fitted models → ranked lists → scores → leaderboard: one shape, a namespace per model."""

from collections.abc import Iterable

from kedro.pipeline import Node, Pipeline

from .nodes import (
    average_scores,
    break_down,
    compare_models,
    draw_comparison,
    draw_curves,
    predict_ratings,
    rank_items,
    score_lists,
)
from .registration import list_registered, register_model

TRAIN_AND_VALIDATION = ["train_ratings", "train_likes", "validation_ratings", "validation_likes"]
SHARED = {
    *TRAIN_AND_VALIDATION,
    "test_ratings",
    "test_likes",
    "user_ids",
    "item_titles",
    "data_facts",
}
PARAMETERS = {"params:evaluation", "params:core", "params:registration"}

FIGURES = ("by_activity", "by_popularity", "lorenz", "metric_by_k")


def create_pipeline(models: Iterable[str]) -> Pipeline:
    """The evaluation of these models, side by side."""
    names = list(models)
    judged = [
        Pipeline(
            [*_judge_one_model(), *_show_and_register_it()],
            namespace=name,
            inputs=SHARED,
            parameters=PARAMETERS,
        )
        for name in names
    ]
    return sum([*judged, _compare(names)], Pipeline([]))


def _judge_one_model() -> list[Node]:
    return [
        Node(
            rank_items,
            inputs=["fitted", *TRAIN_AND_VALIDATION, "params:evaluation"],
            outputs="ranked_items",
            name="rank_items",
        ),
        Node(
            predict_ratings,
            inputs=["fitted", *TRAIN_AND_VALIDATION, "test_ratings", "params:evaluation"],
            outputs="predicted_ratings",
            name="predict_ratings",
        ),
        Node(
            score_lists,
            inputs=[
                "ranked_items",
                "predicted_ratings",
                "test_likes",
                "train_ratings",
                "validation_ratings",
                "params:evaluation",
            ],
            outputs="user_scores",
            name="score_lists",
        ),
        Node(
            average_scores,
            inputs=[
                "user_scores",
                "ranked_items",
                "train_ratings",
                "fit_facts",
                "params:evaluation",
            ],
            outputs="metrics",
            name="average_scores",
        ),
        Node(
            break_down,
            inputs=[
                "user_scores",
                "ranked_items",
                "predicted_ratings",
                "test_likes",
                "train_ratings",
                "validation_ratings",
                "params:evaluation",
            ],
            outputs={"breakdown": "breakdown", "group_metrics": "group_metrics"},
            name="break_down",
        ),
    ]


def _show_and_register_it() -> list[Node]:
    return [
        Node(draw_curves, inputs="history", outputs="curves", name="draw_curves"),
        Node(
            register_model,
            inputs=[
                "fitted",
                "metrics",
                "user_ids",
                "item_titles",
                *TRAIN_AND_VALIDATION,
                "data_facts",
                "params:core",
                "params:registration",
            ],
            outputs="registration",
            name="register_model",
        ),
    ]


def _compare(models: list[str]) -> Pipeline:
    results = _of_each(models, "metrics", "fit_facts", "user_scores")
    return Pipeline(
        [
            Node(
                compare_models,
                inputs={"evaluation": "params:evaluation"} | results,
                outputs={name: name for name in ("leaderboard", "differences")},
                name="compare_models",
            ),
            Node(
                draw_comparison,
                inputs=_of_each(models, "breakdown"),
                outputs={name: name for name in FIGURES},
                name="draw_comparison",
            ),
            Node(
                list_registered,
                inputs=_of_each(models, "registration"),
                outputs="registered_models",
                name="list_registered",
            ),
        ]
    )


def _of_each(models: list[str], *results: str) -> dict[str, str]:
    names = [f"{model}.{result}" for model in models for result in results]
    return {name: name for name in names}
