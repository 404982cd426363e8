"""Fitted models → lists and predictions → scores → leaderboard. One namespace per model."""

from collections.abc import Iterable

from kedro.pipeline import Node, Pipeline

from .nodes import (
    average_scores,
    break_down,
    compare_groups,
    compare_models,
    draw_comparison,
    draw_curves,
    evaluate_model,
    find_best,
    join_curves,
    list_registered,
    order_registration,
    register_model,
)

PARTS = {part: part for part in ("train", "validation", "test")}
EVALUATION = {"evaluation": "params:evaluation"}
RUNNING = {"running": "params:running"}
TABLES = ("ranked_items", "predicted_ratings", "user_scores")
FIGURES = ("by_activity", "by_popularity", "lorenz", "metric_by_k")


def create_pipeline(models: Iterable[str]) -> Pipeline:
    """Evaluate, compare and register these models."""
    names = list(models)
    evaluated = [
        Pipeline(
            _evaluate_one_model(),
            namespace=name,
            inputs={*PARTS, "lookup", "best_models"},
            parameters={"params:evaluation", "params:registration", "params:running"},
        )
        for name in names
    ]
    return sum([*evaluated, _compare(names)], Pipeline([]))


def _evaluate_one_model() -> list[Node]:
    return [
        Node(
            evaluate_model,
            inputs={"fitted": "fitted"} | PARTS | EVALUATION | RUNNING,
            outputs={name: name for name in TABLES},
            name="evaluate_model",
        ),
        Node(
            average_scores,
            inputs=[
                "user_scores",
                "ranked_items",
                "train",
                "test",
                "fit_facts",
                "params:evaluation",
            ],
            outputs="metrics",
            name="average_scores",
        ),
        Node(
            break_down,
            inputs={name: name for name in TABLES} | PARTS | EVALUATION,
            outputs={"breakdown": "breakdown", "group_metrics": "group_metrics"},
            name="break_down",
        ),
        Node(draw_curves, inputs="history", outputs="curves", name="draw_curves"),
        Node(
            order_registration,
            inputs={"metrics": "metrics", "best": "best_models", "options": "params:registration"},
            outputs="to_register",
            name="order_registration",
        ),
        Node(
            register_model,
            inputs={"fitted": "fitted", "order": "to_register", "lookup": "lookup"}
            | PARTS
            | {"fit_facts": "fit_facts"},
            outputs="registration",
            name="register_model",
        ),
    ]


def _compare(models: list[str]) -> Pipeline:
    return Pipeline(
        [
            Node(
                compare_models,
                inputs=EVALUATION | _of_each(models, "metrics", "fit_facts", "user_scores"),
                outputs={name: name for name in ("leaderboard", "differences")},
                name="compare_models",
            ),
            Node(
                find_best,
                inputs=EVALUATION | _of_each(models, "metrics"),
                outputs="best_models",
                name="find_best",
            ),
            Node(
                compare_groups,
                inputs=_of_each(models, "group_metrics"),
                outputs="groups",
                name="compare_groups",
            ),
            Node(
                draw_comparison,
                inputs=_of_each(models, "breakdown"),
                outputs={name: name for name in FIGURES},
                name="draw_comparison",
            ),
            Node(
                join_curves,
                inputs=_of_each(models, "curves"),
                outputs="curves",
                name="join_curves",
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
