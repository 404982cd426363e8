"""Parts of the split → fitted model: one node per model, in the model's namespace."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from kedro.pipeline import Node, Pipeline

from collaborative_autoencoders.learning.options import NodeOfModel
from collaborative_autoencoders.models import MODELS

from .nodes import add_models, continue_model, fit_model

PARTS = ("train", "validation", "data_facts")
RESULTS = ("fitted", "history", "fit_facts")
ON_TRAIN = "fitted_on_train"
SHARED = ("training", "running")


def create_pipeline(models: Iterable[str], suffix: str = "") -> Pipeline:
    """Fit each of these models on the same parts of the same split.

    `suffix` is added to the names of parts, results and nodes. A pipeline that makes its own parts
    needs it.
    """
    return sum(
        (_add(name, suffix) if MODELS[name].members else _train(name, suffix) for name in models),
        Pipeline([]),
    )


def create_update(models: Iterable[str]) -> Pipeline:
    """Fit each of these models, the networks from the weights of their champions."""
    return sum((_update(name) for name in models), Pipeline([]))


def _update(model: str) -> Pipeline:
    if MODELS[model].is_network:
        return _train(model, "", continue_model, (*PARTS, "lookup"))
    return create_pipeline([model])


def _train(
    model: str,
    suffix: str,
    fit: Callable[..., Any] = fit_model,
    data: tuple[str, ...] = PARTS,
) -> Pipeline:
    parts = {name: f"{name}{suffix}" for name in data}
    shared = {name: f"params:{name}" for name in SHARED}
    results = (*RESULTS, ON_TRAIN) if MODELS[model].is_network else RESULTS
    return Pipeline(
        [
            Node(
                NodeOfModel(fit, model),
                inputs={"options": "params:options"} | shared | parts,
                outputs={name: f"{name}{suffix}" for name in results},
                name=f"{fit.__name__}{suffix}",
            )
        ],
        namespace=model,
        inputs=set(parts.values()),
        parameters={"params:options": f"params:{model}"} | {name: name for name in shared.values()},
    )


def _add(model: str, suffix: str) -> Pipeline:
    """Add models that this pipeline fits too, as one more model."""
    parts = {name: f"{name}{suffix}" for name in PARTS if name != "data_facts"}
    members = {f"{of}.{name}": f"{of}.{name}{suffix}" for of, name in results_of_members(model)}
    return Pipeline(
        [
            Node(
                NodeOfModel(add_models, model),
                inputs={"options": "params:options", "running": "params:running"} | parts | members,
                outputs={name: f"{name}{suffix}" for name in RESULTS},
                name=f"fit_model{suffix}",
            )
        ],
        namespace=model,
        inputs={*parts.values(), *members.values()},
        parameters={"params:options": f"params:{model}", "params:running": "params:running"},
    )


def results_of_members(model: str) -> Iterator[tuple[str, str]]:
    """Yield the member and the name of each result that a stack reads."""
    for member in MODELS[model].members:
        names = ("fitted", "fit_facts", ON_TRAIN)
        yield from ((member, name) for name in names[: 2 + MODELS[member].is_network])
