"""Nodes take few inputs, and each part of the split under its own name."""

import inspect
from collections.abc import Iterator
from typing import get_type_hints

from kedro.pipeline.node import Node

from collaborative_autoencoders.interactions import Interactions
from collaborative_autoencoders.models import MODELS
from collaborative_autoencoders.pipeline_registry import register_pipelines
from collaborative_autoencoders.pipelines import new_items, unseen_users

MOST_INPUTS = 7
SUFFIXES = (new_items.SUFFIX, unseen_users.SUFFIX)
NODES = {node.name: node for pipeline in register_pipelines().values() for node in pipeline.nodes}


def n_inputs(node: Node) -> int:
    """Return the number of inputs; a result that is an input once per model counts once."""
    others = MODELS.keys() - {node.name.split(".")[0]}
    parts = ((name, *name.split(".", 1)) for name in node.inputs)
    return len({rest[-1] if rest[0] in others else name for name, *rest in parts})


def parts_under_other_names(node: Node) -> Iterator[str]:
    """Yield the parts of the split that are passed to a parameter of another name."""
    hints = get_type_hints(node.func)
    for parameter, dataset in zip(
        inspect.signature(node.func).parameters, node.inputs, strict=False
    ):
        names = {parameter, *(f"{parameter}{suffix}" for suffix in SUFFIXES)}
        if hints.get(parameter) is Interactions and dataset not in names:
            yield f"{parameter} is {dataset}"


def test_a_node_takes_at_most_seven_inputs():
    many = {name: n_inputs(node) for name, node in NODES.items() if n_inputs(node) > MOST_INPUTS}
    assert many == {}


def test_a_part_of_the_split_is_passed_to_the_parameter_of_its_name():
    swapped = {name: list(parts_under_other_names(node)) for name, node in NODES.items()}
    assert {name: found for name, found in swapped.items() if found} == {}


def test_swapped_parts_would_be_found():
    def fit(train: Interactions, validation: Interactions) -> None:
        return None

    swapped = Node(fit, inputs=["validation", "train"], outputs="fitted", name="fit")
    assert list(parts_under_other_names(swapped)) == [
        "train is validation",
        "validation is train",
    ]


def test_a_result_of_every_model_counts_once():
    results = {f"{model}.metrics": f"{model}.metrics" for model in MODELS}
    compare = Node(lambda **results: None, inputs=results, outputs="leaderboard", name="compare")
    assert (len(compare.inputs), n_inputs(compare)) == (len(MODELS), 1)
