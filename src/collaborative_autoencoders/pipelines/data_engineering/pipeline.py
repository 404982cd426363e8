"""Raw ratings → clean → core → ids and the three parts of the split."""

from collections.abc import Callable
from typing import Any

from kedro.pipeline import Node, Pipeline

from .nodes import (
    clean_ratings,
    describe_data,
    index_ids,
    keep_core,
    make_lookup,
    name_items,
    split_ratings,
)


def create_pipeline(**_: object) -> Pipeline:
    """Return the pipeline. Its namespace only groups the nodes in Kedro-Viz."""
    reports = ["core_report", "data_source"]
    options = ["params:core", "params:cleaning", "params:evaluation.k"]
    tables, ids = ["core_ratings", "other_ratings"], ["user_ids", "item_ids"]
    return Pipeline(
        [
            _node(clean_ratings, ["ratings", "params:cleaning"], ["clean_ratings", "data_source"]),
            _node(keep_core, ["clean_ratings", "params:core"], [*tables, "core_report"]),
            _node(index_ids, tables, ids),
            _node(name_items, ["items", "item_ids", "params:titles"], "item_titles"),
            _node(describe_data, [*tables, *reports, *options], "data_facts"),
            _node(make_lookup, ["user_ids", "item_titles", "data_facts", "params:core"], "lookup"),
            _node(
                split_ratings,
                [*tables, *ids, "params:split", "params:core"],
                ["train", "validation", "test", "split_report"],
            ),
        ],
        namespace="data_engineering",
        prefix_datasets_with_namespace=False,
    )


def _node(function: Callable[..., Any], inputs: str | list[str], outputs: str | list[str]) -> Node:
    """Return the node with the name of its function. Several outputs come as a dict by name."""
    by_name = outputs if isinstance(outputs, str) else {name: name for name in outputs}
    return Node(function, inputs=inputs, outputs=by_name, name=function.__name__)
