"""Check of all parameters before a run: every key is known and every value is valid."""

from collections.abc import Iterator, Mapping, Set
from typing import Any

from kedro.pipeline import Pipeline
from kedro.validation.type_extractor import TypeExtractor
from pydantic import BaseModel, ValidationError

from collaborative_autoencoders.config_loader import FITTING, ProjectConfigLoader
from collaborative_autoencoders.interactions.cleaning import CleaningOptions
from collaborative_autoencoders.interactions.split_options import problems_of_unread
from collaborative_autoencoders.learning.options import FittingOptions
from collaborative_autoencoders.models import MODELS
from collaborative_autoencoders.options import closest_hint
from collaborative_autoencoders.tracking.masking import mask_values
from collaborative_autoencoders.tuning.space import is_number

ON_THE_SCALE = (
    "core.min_rating",
    "core.like_threshold",
    *(f"{name}.model.fallback" for name in MODELS),
)
"""Options that are ratings. A model without a fallback has no such key."""

IS_MISSING = ": is missing"
FROM_BASE = (
    "Copy the missing keys from conf/base of this version (CHANGELOG.md, What you must change)"
)


def check_parameters(
    parameters: dict[str, Any],
    pipelines: Mapping[str, Pipeline],
    loader: ProjectConfigLoader | None = None,
) -> None:
    """Raise ValueError that lists every key that is unknown, is missing or has a wrong value.

    A key of `--params` that no pipeline reads is known if `${runtime_params:KEY}` in the
    configuration of `loader` reads it. Kedro's own validation reports wrong values of one block
    only, with an incomplete key, and does not report unknown or missing keys.
    """
    known = keys_read_by(pipelines) | {FITTING}
    unknown = parameters.keys() - known
    if loader is not None:
        unknown -= {key for key in unknown & loader.runtime_params.keys() if loader.reads(key)}
    problems = [f"{key}: unknown key{closest_hint(key, known)}" for key in unknown]
    problems += [f"{key}{IS_MISSING}" for key in known - parameters.keys()]
    shared = problems_of_block(parameters.get(FITTING, {}), FittingOptions, FITTING)
    problems += shared
    types = TypeExtractor(dict(pipelines)).extract_types_from_pipelines()
    for key, options_class in types.items():
        if key in parameters:
            found = problems_of_block(parameters[key], options_class, key)
            # a network's block has the shared values too: they are reported once
            problems += [line for line in found if line.removeprefix(f"{key}.") not in shared]
    problems += problems_with_the_scale(parameters)
    if loader is not None and not loader.reproduces:  # which gives all keys
        problems += problems_with_the_split(parameters, loader)
    if problems:
        lines, text = sorted(problems), "".join(problems)
        if IS_MISSING in text and "unknown key" not in text:
            lines.append(FROM_BASE)
        raise ValueError("\n  ".join(["parameters (conf/ or --params):", *lines]))


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
        return list(problems_of(error, key, set(options_class.model_fields), block))
    return []


def problems_with_the_scale(parameters: dict[str, Any]) -> list[str]:
    """Return one line per option that is a rating outside the scale that `cleaning` declares.

    Empty if the table has no ratings, or if the scale is null. AutoRec then compares its fallback
    with the ratings of the table.
    """
    try:
        cleaning = CleaningOptions.model_validate(parameters.get("cleaning"))
    except ValidationError:
        return []  # reported with its own key
    scale = cleaning.rating_scale
    if scale is None or cleaning.columns.rating is None:
        return []
    given = {key: value_at(parameters, key) for key in ON_THE_SCALE}
    return [
        f"{key}: {value} lies outside the scale from {scale.lowest:g} to {scale.highest:g} "
        "(cleaning.rating_scale)"
        for key, value in given.items()
        if is_number(value) and not scale.lowest <= value <= scale.highest
    ]


def problems_with_the_split(parameters: dict[str, Any], loader: ProjectConfigLoader) -> list[str]:
    """Return one line per key of the split that its kind does not read.

    Only keys that are set where the kind is set, or that override it, are reported: the environment
    in use inherits the others from base, and `--params` inherits those of the environment.
    """
    given: set[str] = set()
    for layer in loader.set_in("split"):
        given = layer.keys() | (set() if "kind" in layer else given)
    return problems_of_unread(given, str(value_at(parameters, "split.kind")))


def value_at(parameters: Any, dotted: str) -> Any:
    """Return the value of a dotted key; None if there is no such key."""
    for key in dotted.split("."):
        parameters = parameters.get(key) if isinstance(parameters, dict) else None
    return parameters


def problems_of(
    error: ValidationError, key: str = "", fields: Set[str] = frozenset(), block: Any = None
) -> Iterator[str]:
    """Yield one line per problem: the full key, the problem and the value found.

    An unknown key comes with the closest of `fields` and of the missing keys. `block` holds the
    values, if known: pydantic adds the types of a union to a key, which are no keys of the block.
    """
    missing = {str(found["loc"][-1]) for found in error.errors() if found["type"] == "missing"}
    for found in error.errors():
        loc = found["loc"]
        if block is not None and found["type"] != "missing":
            loc = keys_in(block, loc)
        where = ".".join(map(str, (key, *loc) if key else loc))
        if found["type"] == "missing":
            yield f"{where}{IS_MISSING}"
        elif found["type"] == "extra_forbidden":
            yield f"{where}: unknown key{closest_hint(str(found['loc'][-1]), missing | fields)}"
        elif found["type"] == "value_error":
            yield f"{where}: {found['msg'].removeprefix('Value error, ')}"
        else:
            yield f"{where}: {found['msg']}; found {mask_values(found['input'], where)!r}"


def keys_in(block: Any, loc: tuple[int | str, ...]) -> tuple[int | str, ...]:
    """Return the first entries of `loc` that are keys of dicts or places of lists in the block."""
    for depth, key in enumerate(loc):
        is_place = isinstance(block, list) and isinstance(key, int)
        if not is_place and not (isinstance(block, dict) and key in block):
            return loc[:depth]
        block = block[key]
    return loc
