"""Raw ratings → clean → core → ids and the three parts of the split."""

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
    return Pipeline(
        [
            Node(
                clean_ratings,
                inputs=["ratings", "params:cleaning"],
                outputs={"clean_ratings": "clean_ratings", "data_source": "data_source"},
                name="clean_ratings",
            ),
            Node(
                keep_core,
                inputs=["clean_ratings", "params:core"],
                outputs={name: name for name in ("core_ratings", "other_ratings", "core_report")},
                name="keep_core",
            ),
            Node(
                index_ids,
                inputs=["core_ratings", "other_ratings"],
                outputs={"user_ids": "user_ids", "item_ids": "item_ids"},
                name="index_ids",
            ),
            Node(
                name_items,
                inputs=["items", "item_ids", "params:titles"],
                outputs="item_titles",
                name="name_items",
            ),
            Node(
                describe_data,
                inputs=[
                    "core_ratings",
                    "other_ratings",
                    "core_report",
                    "data_source",
                    "params:core",
                    "params:cleaning",
                    "params:evaluation.k",
                ],
                outputs="data_facts",
                name="describe_data",
            ),
            Node(
                make_lookup,
                inputs=["user_ids", "item_titles", "data_facts", "params:core"],
                outputs="lookup",
                name="make_lookup",
            ),
            Node(
                split_ratings,
                inputs=[
                    *("core_ratings", "other_ratings", "user_ids", "item_ids"),
                    *("params:split", "params:core"),
                ],
                outputs={name: name for name in ("train", "validation", "test", "split_report")},
                name="split_ratings",
            ),
        ],
        namespace="data_engineering",
        prefix_datasets_with_namespace=False,
    )
