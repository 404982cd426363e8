"""Mutations of every parameter, and fits with parameters that no machine can hold."""

from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any

from kedro.framework.project import pipelines
from kedro.validation.type_extractor import TypeExtractor

from collaborative_autoencoders.hooks.parameters import check_parameters
from collaborative_autoencoders.learning.options import TrainingOptions
from collaborative_autoencoders.pipelines.training.nodes import fit_model

from .finished import Finished

NUMBERS = (-1, 0, 2.5, 10**9, 10**30, 1e300, float("inf"), float("nan"))
OTHERS: tuple[Any, ...] = (True, False, "3", "", None, [], {}, [True], ["3"])
SEARCHED = "search_spaces"

FITS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("cdae", {"model.hidden_size": 1_000_000, "fitting.ensemble": 1000}),
    ("mf", {"model.factors": 1_000_000}),
    ("autorec", {"model.hidden_sizes": [1_000_000] * 3}),
    ("autorec_user", {"model.fallback": -1}),
    ("ease", {"model.penalty": 1e-30}),
    ("itemknn", {"model.neighbours": 2**31 - 1}),
    ("cdae", {"fitting.batch_size": 2**31 - 1, "fitting.epochs": 1}),
    ("cdae", {"model.input_scale": 3e38, "fitting.epochs": 1}),
    ("autorec", {"model.penalty": 3e38, "fitting.epochs": 1}),
    ("cdae", {"model.temperature": 1e-37, "fitting.epochs": 1}),
)
"""Values that the options allow: a fit is refused by name, or has finite weights."""


def leaves(block: dict[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield the keys of every value and every block."""
    for key, value in block.items():
        yield (*path, key)
        if isinstance(value, dict) and key != SEARCHED:
            yield from leaves(value, (*path, key))


def mutated(parameters: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any], Any]]:
    """Yield kind, dotted key, all parameters with one changed, and its value."""
    for path in leaves(parameters):
        for kind, values in (("parameter, number", NUMBERS), ("parameter, other type", OTHERS)):
            for value in values:
                yield kind, ".".join(path), with_value(parameters, path, value), value


def with_value(parameters: dict[str, Any], path: tuple[str, ...], value: Any) -> dict[str, Any]:
    """Return a copy of the parameters with another value of one key."""
    changed = deepcopy(parameters)
    block = changed
    for key in path[:-1]:
        block = block[key]
    block[path[-1]] = value
    return changed


class Parameters:
    """Validates parameters as a run does."""

    def __init__(self) -> None:
        """Find the options class of every block."""
        self.types = TypeExtractor(dict(pipelines)).extract_types_from_pipelines()

    def taken_as_written(self, parameters: dict[str, Any], key: str, value: Any) -> bool:
        """Return whether a key has the value that was given. Raises ValueError if it is refused."""
        check_parameters(parameters, pipelines)
        top, *below = key.split(".")
        if top not in self.types or top == SEARCHED:
            return True
        taken = self.types[top].model_validate(parameters[top]).model_dump(mode="json")
        for name in below:
            taken = taken[name]
        return isinstance(value, dict) or (_kind(taken) == _kind(value) and _equal(taken, value))


def _equal(taken: Any, value: Any) -> bool:
    # 10^30 is stored as the nearest float
    return bool(taken == value or (isinstance(taken, float) and taken == float(value)))


def _kind(value: Any) -> tuple[bool, bool]:
    return isinstance(value, bool), isinstance(value, str)


def fit(world: Finished, model: str, changes: dict[str, Any]) -> Callable[[], bool]:
    """Return a function that fits a model with changed options."""
    block = world.catalog.load(f"params:{model}")
    raw = block.model_dump(mode="json") if isinstance(block, TrainingOptions) else block
    if raw.get("fitting") is None:
        raw = {"model": raw["model"]}
    for key, value in changes.items():
        group, name = key.split(".")
        raw = raw | {group: raw[group] | {name: value}}
    given = ("params:training", "params:running", "train", "validation", "data_facts")

    def fitted() -> bool:
        options = TrainingOptions.of(model).model_validate(raw)
        fit_model(options, *(world.catalog.load(name) for name in given))
        return True

    return fitted
