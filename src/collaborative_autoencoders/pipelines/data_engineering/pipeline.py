"""Raw ratings → clean → core → ids and the three parts of the split."""

from collections.abc import Callable
from typing import Any

from kedro.pipeline import Node, Pipeline

from .nodes import (
    clean_ratings,
    describe_data,
    index_ids,
    join_ratings,
    keep_core,
    make_lookup,
    name_items,
    split_joined,
    split_ratings,
)

PARTS = ["train", "validation", "test", "split_report"]
TABLES, IDS = ["core_ratings", "other_ratings"], ["user_ids", "item_ids"]


def create_pipeline() -> Pipeline:
    """Return the pipeline. Its namespace only groups the nodes in Kedro-Viz."""
    clean = _node(clean_ratings, ["ratings", "params:cleaning"], ["clean_ratings", "data_source"])
    split = _node(split_ratings, [*TABLES, *IDS, "params:split", "params:core"], PARTS)
    return _between(clean, split)


def create_update() -> Pipeline:
    """Return the pipeline of an update, which joins newer ratings and holds out their newest."""
    read = ["ratings", "newer_ratings", "params:cleaning"]
    fractions = ["test_fraction", "validation_fraction", "validation_of"]
    join = _node(join_ratings, [*read, *_of_split(*fractions)], ["clean_ratings", "data_source"])
    order = [*_of_split("ties", "seed"), "params:core"]
    return _between(join, _node(split_joined, [*TABLES, *IDS, *order], PARTS))


def _between(clean: Node, split: Node) -> Pipeline:
    """Return the pipeline that begins and ends with these nodes."""
    reports = ["core_report", "data_source"]
    options = ["params:core", "params:cleaning", "params:evaluation.k"]
    return Pipeline(
        [
            clean,
            _node(keep_core, ["clean_ratings", "params:core"], [*TABLES, "core_report"]),
            _node(index_ids, TABLES, IDS),
            _node(name_items, ["items", "item_ids", "params:titles"], "item_titles"),
            _node(describe_data, [*TABLES, *reports, *options], "data_facts"),
            _node(make_lookup, ["user_ids", "item_titles", "data_facts", "params:core"], "lookup"),
            split,
        ],
        namespace="data_engineering",
        prefix_datasets_with_namespace=False,
    )


def _of_split(*keys: str) -> list[str]:
    return [f"params:split.{key}" for key in keys]


def _node(function: Callable[..., Any], inputs: str | list[str], outputs: str | list[str]) -> Node:
    """Return the node with the name of its function. Several outputs come as a dict by name."""
    by_name = outputs if isinstance(outputs, str) else {name: name for name in outputs}
    return Node(function, inputs=inputs, outputs=by_name, name=function.__name__)
