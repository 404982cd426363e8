"""The parameters are checked whole before anything else: every key known, every value right."""

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any

from kedro.pipeline import Pipeline
from kedro.validation.type_extractor import TypeExtractor
from pydantic import BaseModel, ValidationError


def check_parameters(parameters: dict[str, Any], pipelines: Mapping[str, Pipeline]) -> None:
    """Raises ValueError that names every key nobody reads, is missing, or has a wrong value.

    Kedro would find wrong values too, a block at a time and with half of the key; what nobody
    reads and what is missing it does not look for.
    """
    read = keys_read_by(pipelines)
    problems = [
        f"{key}: nobody reads this key{near(key, read)}" for key in parameters.keys() - read
    ]
    problems += [f"{key}: is missing" for key in read - parameters.keys()]
    types = TypeExtractor(dict(pipelines)).extract_types_from_pipelines()
    for key, options_class in types.items():
        if key in parameters:
            problems += problems_of_block(parameters[key], options_class, key)
    if problems:
        raise ValueError("\n  ".join(["parameters (conf/ or --params):", *sorted(problems)]))


def keys_read_by(pipelines: Mapping[str, Pipeline]) -> set[str]:
    """The top-level parameter keys that these pipelines read."""
    inputs = {name for pipeline in pipelines.values() for name in pipeline.inputs()}
    return {name[7:].split(".")[0] for name in inputs if name.startswith("params:")}


def problems_of_block(block: Any, options_class: type[BaseModel], key: str) -> list[str]:
    """What keeps a block from being these options, a line per key; nothing where all is well."""
    try:
        options_class.model_validate(block)
    except ValidationError as error:
        return list(problems_of(error, key))
    return []


def problems_of(error: ValidationError, key: str = "") -> Iterator[str]:
    """One line per problem: the whole key, what is wrong, and what stands there."""
    missing = {str(found["loc"][-1]) for found in error.errors() if found["type"] == "missing"}
    for found in error.errors():
        where = ".".join(map(str, (key, *found["loc"]) if key else found["loc"]))
        if found["type"] == "missing":
            yield f"{where}: is missing"
        elif found["type"] == "extra_forbidden":
            yield f"{where}: nobody reads this key{near(str(found['loc'][-1]), missing)}"
        elif found["type"] == "value_error":
            yield f"{where}: {found['msg'].removeprefix('Value error, ')}"
        else:
            yield f"{where}: {found['msg']}; found {found['input']!r}"


def near(key: str, known: set[str]) -> str:
    """A hint at the known key that was probably meant."""
    meant = get_close_matches(key, sorted(known), n=1)
    return f"; did you mean {meant[0]!r}?" if meant else ""
