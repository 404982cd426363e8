"""Train and validation → trials → reports and a proposal; one namespace per model."""

from collections.abc import Iterable

from kedro.pipeline import Node, Pipeline

from collaborative_autoencoders.learning.options import NodeOfModel

from .nodes import draw_search, propose_parameters, search_options, summarise_search

PARTS = {part: part for part in ("train", "validation", "data_facts")}
SHARED = {name: f"params:{name}" for name in ("tuning", "search_spaces", "running")}
SUMMARY = ("trials", "best", "search_metrics")
FIGURES = ("search_history", "parallel_coordinates", "importances")


def create_pipeline(models: Iterable[str]) -> Pipeline:
    """Return a search for each of these models. The test part is not an input."""
    return sum((_tune(model) for model in models), Pipeline([]))


def _tune(model: str) -> Pipeline:
    return Pipeline(
        [
            Node(
                NodeOfModel(search_options, model),
                inputs={"options": "params:options"} | SHARED | PARTS,
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
        inputs=set(PARTS),
        parameters={"params:options": f"params:{model}"} | {name: name for name in SHARED.values()},
    )
