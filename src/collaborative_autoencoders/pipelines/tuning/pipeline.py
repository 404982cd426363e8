"""Train and validation → trials → what mattered, and what is proposed; a namespace per network."""

from collections.abc import Iterable

from kedro.pipeline import Node, Pipeline

from .nodes import draw_search, propose_parameters, search_options, summarise_search

PARTS = ("train_likes", "train_ratings", "validation_likes", "validation_ratings")
SHARED = ("params:tuning", "params:search_spaces", "params:running")
SUMMARY = ("trials", "best", "search_metrics")
FIGURES = ("search_history", "parallel_coordinates", "importances")


def create_pipeline(models: Iterable[str]) -> Pipeline:
    """A search for each of these networks; the test part is not asked for."""
    return sum((_tune(model) for model in models), Pipeline([]))


def _tune(model: str) -> Pipeline:
    return Pipeline(
        [
            Node(
                search_options,
                inputs=["params:options", *SHARED, *PARTS, "data_facts"],
                outputs="search",
                name="search_options",
            ),
            Node(
                summarise_search,
                inputs="search",
                outputs={name: name for name in SUMMARY},
                name="summarise_search",
            ),
            Node(
                draw_search,
                inputs="search",
                outputs={name: name for name in FIGURES},
                name="draw_search",
            ),
            Node(
                propose_parameters,
                inputs="search",
                outputs="proposed_parameters",
                name="propose_parameters",
            ),
        ],
        namespace=model,
        inputs={*PARTS, "data_facts"},
        parameters={"params:options": f"params:{model}"} | {name: name for name in SHARED},
    )
