"""Items and their features → how well new items are ranked by them, and lists of new items."""

from kedro.pipeline import Node, Pipeline

from .nodes import (
    compare_new_items,
    describe_items,
    evaluate_new_items,
    hold_out_items,
    list_new_items,
)

MODEL = "ease"
"""The model whose scores are carried over to new items. It is fitted in seconds."""

SUFFIX = "_without_new"
"""Suffix of the parts without the held-out items, and of the model fitted on them."""

PARTS = ("train", "validation")


def create_pipeline() -> Pipeline:
    """Hold out items, evaluate how their features rank them, and list items without ratings.

    The training pipeline fits the model, on the parts `…_without_new`.
    """
    options = "params:new_items"
    held_out = ["held_out_items", *(f"{part}{SUFFIX}" for part in PARTS)]
    scores = ["new_items_facts", "new_items_user_scores"]
    return Pipeline(
        [
            Node(
                describe_items,
                inputs=["items", "item_ids", "params:titles", f"{options}.features"],
                outputs="described_items",
                name="describe_items",
            ),
            Node(
                hold_out_items,
                inputs=["described_items", *PARTS, options],
                outputs={name: name for name in held_out},
                name="hold_out_items",
            ),
            Node(
                evaluate_new_items,
                inputs=[
                    *(f"{MODEL}.fitted{SUFFIX}", "described_items", "held_out_items"),
                    *(*PARTS, "test", options),
                ],
                outputs={name: name for name in scores},
                name="evaluate_new_items",
            ),
            Node(
                compare_new_items,
                inputs=[*reversed(scores), "params:evaluation"],
                outputs="new_items_comparison",
                name="compare_new_items",
            ),
            Node(
                list_new_items,
                inputs=[
                    *(f"{MODEL}.fitted", "described_items", "user_ids"),
                    *(*PARTS, "test", "new_items_facts"),
                ],
                outputs="new_item_lists",
                name="list_new_items",
            ),
        ]
    )
