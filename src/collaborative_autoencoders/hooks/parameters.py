"""Check of all parameters before a run: every key is known and every value is valid."""

from collections.abc import Iterator, Mapping, Set
from difflib import get_close_matches
from typing import Any

from kedro.pipeline import Pipeline
from kedro.validation.type_extractor import TypeExtractor
from pydantic import BaseModel, ValidationError

from collaborative_autoencoders.config_loader import FITTING
from collaborative_autoencoders.learning.options import FittingOptions


def check_parameters(parameters: dict[str, Any], pipelines: Mapping[str, Pipeline]) -> None:
    """Raise ValueError that lists every key that is unknown, is missing or has a wrong value.

    Kedro's own validation reports wrong values of one block only, with an incomplete key, and does
    not report unknown or missing keys.
    """
    known = keys_read_by(pipelines) | {FITTING}
    unknown = parameters.keys() - known
    problems = [f"{key}: unknown key{closest_hint(key, known)}" for key in unknown]
    problems += [f"{key}: is missing" for key in known - parameters.keys()]
    shared = problems_of_block(parameters.get(FITTING, {}), FittingOptions, FITTING)
    problems += shared
    types = TypeExtractor(dict(pipelines)).extract_types_from_pipelines()
    for key, options_class in types.items():
        if key in parameters:
            found = problems_of_block(parameters[key], options_class, key)
            # a network's block has the shared values too: they are reported once
            problems += [line for line in found if line.removeprefix(f"{key}.") not in shared]
    if problems:
        raise ValueError("\n  ".join(["parameters (conf/ or --params):", *sorted(problems)]))


def keys_read_by(pipelines: Mapping[str, Pipeline]) -> set[str]:
    """Return the top-level parameter keys that these pipelines read."""
    inputs = {name for pipeline in pipelines.values() for name in pipeline.inputs()}
    return {
        name.removeprefix("params:").split(".")[0] for name in inputs if name.startswith("params:")
    }


def problems_of_block(block: Any, options_class: type[BaseModel], key: str) -> list[str]:
    """Return one line per key of a block that is not valid; empty if the block is valid."""
    try:
        options_class.model_validate(block)
    except ValidationError as error:
        return list(problems_of(error, key, set(options_class.model_fields)))
    return []


def problems_of(
    error: ValidationError, key: str = "", fields: Set[str] = frozenset()
) -> Iterator[str]:
    """Yield one line per problem: the full key, the problem and the value found.

    An unknown key comes with the closest of `fields` and of the missing keys.
    """
    missing = {str(found["loc"][-1]) for found in error.errors() if found["type"] == "missing"}
    for found in error.errors():
        where = ".".join(map(str, (key, *found["loc"]) if key else found["loc"]))
        if found["type"] == "missing":
            yield f"{where}: is missing"
        elif found["type"] == "extra_forbidden":
            yield f"{where}: unknown key{closest_hint(str(found['loc'][-1]), missing | fields)}"
        elif found["type"] == "value_error":
            yield f"{where}: {found['msg'].removeprefix('Value error, ')}"
        else:
            yield f"{where}: {found['msg']}; found {found['input']!r}"


def closest_hint(key: str, known: Set[str]) -> str:
    """Return a hint at the known key that is closest to this one; empty if none is close."""
    closest = get_close_matches(key, sorted(known), n=1)
    return f"; did you mean {closest[0]!r}?" if closest else ""
