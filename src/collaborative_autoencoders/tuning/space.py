"""Search spaces: their axes, and the model's block at a point.

model:
  hidden_size: [50, 100, 200]                 # choices
  corruption: {low: 0.1, high: 0.9}           # a range; of integers if both ends are integers
  decoder_penalty: {same_as: encoder_penalty} # always equal to another option
fitting:
  learning_rate: {low: 1e-4, high: 1e-2, log: true}
  optimizer: [sgd]                            # one choice replaces the value in the model's block
"""

import itertools
import json
import math
import random
from collections.abc import Callable, Iterator, Mapping
from difflib import get_close_matches
from typing import Annotated, Any, NamedTuple

from pydantic import TypeAdapter, ValidationError

from collaborative_autoencoders.models import model_class
from collaborative_autoencoders.models.registry import is_formula, single_models
from collaborative_autoencoders.options import whole

Point = dict[str, Any]
"""A value per axis by dotted name. Lists are in the form that a study stores (`to_stored`)."""

Check = Callable[[Any], None]

ANY_NETWORK = "any_network"
"""Key of the block for the networks that have no block of their own."""

MOST_POINTS = 1_000_000
"""Maximum number of points of a grid, which are all in memory."""

NOT_SEARCHED = {
    "fitting.validation_metric": "trials are compared by it",
    "fitting.ensemble": "a trial fits only the first member, whatever the size",
}
RANGE_KEYS = {"low", "high", "log"}


class Choices(NamedTuple):
    """An axis of listed values, in the form that a study stores."""

    values: tuple[Any, ...]


class Range(NamedTuple):
    """An axis of all numbers from `low` to `high`; of all integers if both ends are integers."""

    low: float
    high: float
    log: bool


Axis = Choices | Range


class Space(NamedTuple):
    """The search space of one model."""

    axes: dict[str, Axis]
    """The options that vary, by dotted name, such as `model.hidden_size`."""
    fixed: Point
    """The options that have the same value in all trials."""
    tied: dict[str, str]
    """The options that take the value of another option."""

    @property
    def combinations(self) -> int | None:
        """The number of points; None if an axis is a range."""
        sizes = [
            len(axis.values) if isinstance(axis, Choices) else 0 for axis in self.axes.values()
        ]
        return math.prod(sizes) or None

    def grid(self, seed: int) -> list[Point]:
        """Return every point once, shuffled, so that a part of the grid is spread over the space.

        Raises ValueError if an axis is a range.
        """
        choices: list[list[Any]] = []
        for name, axis in self.axes.items():
            if isinstance(axis, Range):
                raise ValueError(f"sampler: grid needs choices, but {name} is a range: list values")
            choices.append(list(axis.values))
        if math.prod(map(len, choices)) > MOST_POINTS:
            raise ValueError(
                f"sampler: the grid has {math.prod(map(len, choices)):,} points, more than "
                f"{MOST_POINTS:,}: list fewer choices, or set sampler: random"
            )
        points = [
            dict(zip(self.axes, values, strict=True)) for values in itertools.product(*choices)
        ]
        random.Random(seed).shuffle(points)
        return points

    def block(self, base: Mapping[str, Any], point: Point) -> dict[str, Any]:
        """Return the model's block `base` with the values of this point."""
        block = {group: dict(options) for group, options in base.items()}
        values = self.fixed | {name: from_stored(value) for name, value in point.items()}
        tied = {name: values[other] for name, other in self.tied.items()}
        for name, value in (values | tied).items():
            group, _, option = name.partition(".")
            block[group][option] = value
        return block

    def point_of(self, block: Mapping[str, Any]) -> Point | None:
        """Return the point of a model's block; None if the space does not contain it."""
        point: Point = {}
        for name, axis in self.axes.items():
            group, _, option = name.partition(".")
            value = to_stored(block[group][option])
            if not contains(axis, value):
                return None
            point[name] = value
        return point if self.block(block, point) == block else None

    @property
    def searched(self) -> set[str]:
        """The dotted names of all options that the space sets."""
        return {*self.axes, *self.fixed, *self.tied}


def read_space(model: str, block: Any) -> Space:
    """Return the space that a block of YAML describes, for a model or for `any_network`.

    Raises ValueError, with the option, for an unknown option, a value that the option does not
    allow, an empty range, and a space without an axis.
    """
    classes = option_classes(model)
    axes: dict[str, Axis] = {}
    fixed: Point = {}
    tied: dict[str, str] = {}
    for name, given in options_in(block, list(classes)):
        group, _, option = name.partition(".")
        check = value_check(name, classes[group], option)
        if isinstance(given, dict) and set(given) == {"same_as"}:
            tied[name] = f"{group}.{given['same_as']}"
        elif isinstance(given, dict):
            axes[name] = range_of(name, given, check)
        else:
            choices = choices_of(name, given, check)
            if len(choices) == 1:
                fixed[name] = given[0]
            else:
                axes[name] = Choices(tuple(choices))
    for name, other in tied.items():
        if other not in axes and other not in fixed:
            raise ValueError(f"{name}: same_as {other}, which is not in the space: add it")
    if not axes:
        raise ValueError("is empty: give an option a list of choices or a range {low, high}")
    return Space(axes, fixed, tied)


def option_classes(model: str) -> dict[str, Any]:
    """Return the options class of each group: of a formula only `model`, of `any_network` only
    `fitting`.

    Raises ValueError for an unknown model.
    """
    from collaborative_autoencoders.learning.options import FittingOptions

    if model == ANY_NETWORK:
        return {"fitting": FittingOptions}
    if model not in single_models():
        raise ValueError(f"{model!r} is none of {', '.join(single_models())}, {ANY_NETWORK}")
    own = {"model": model_class(model).options_class}
    return own if is_formula(model) else own | {"fitting": FittingOptions}


def options_in(block: Any, groups: list[str]) -> Iterator[tuple[str, Any]]:
    """Yield the dotted name and the YAML value of each option."""
    expected = " and ".join(f"`{group}`" for group in groups)
    if not isinstance(block, dict):
        raise ValueError(f"is empty or no block: give it {expected} with options below")
    for group, options in block.items():
        if group not in groups or not isinstance(options, dict):
            raise ValueError(f"{group}: a space has {expected} here, with options below")
        for option, given in options.items():
            yield f"{group}.{option}", given


def value_check(name: str, options_class: Any, option: str) -> Check:
    """Return a function that raises ValueError for a value that this option does not allow."""
    if name in NOT_SEARCHED:
        raise ValueError(f"{name} cannot be searched: {NOT_SEARCHED[name]}")
    fields = options_class.model_fields
    if option not in fields:
        similar = get_close_matches(option, fields, n=1)
        hint = f"; did you mean {similar[0]!r}?" if similar else ""
        raise ValueError(f"{name}: unknown option{hint}")
    info = fields[option]
    kind: Any = info.annotation
    constrained: Any = Annotated[kind, *info.metadata] if info.metadata else kind
    adapter: TypeAdapter[Any] = TypeAdapter(constrained, config=options_class.model_config)

    def check(value: Any) -> None:
        try:
            adapter.validate_python(whole(value))
        except ValidationError as error:
            raise ValueError(f"{name}: {value!r}: {error.errors()[0]['msg']}") from None

    return check


def range_of(name: str, given: dict[str, Any], check: Check) -> Range:
    """Return the range that a block {low, high, log} describes."""
    if not {"low", "high"} <= set(given) <= RANGE_KEYS:
        raise ValueError(
            f"{name}: a range is {{low, high}}, with log: true if it is logarithmic; found {given}"
        )
    low, high, log = given["low"], given["high"], given.get("log", False)
    if not all(is_number(end) for end in (low, high)) or not isinstance(log, bool):
        raise ValueError(f"{name}: low and high are numbers, log is true or false; found {given}")
    if low >= high:
        raise ValueError(f"{name}: low {low} is not below high {high}")
    if log and low <= 0:
        raise ValueError(f"{name}: the low end of a logarithmic range must be above 0; found {low}")
    of_integers = isinstance(low, int) and isinstance(high, int)
    inside = [] if of_integers else [low + (high - low) / math.pi]  # a draw is rarely an integer
    for value in (low, high, *inside):
        check(value)
    return Range(low, high, log) if of_integers else Range(float(low), float(high), log)


def choices_of(name: str, given: Any, check: Check) -> list[Any]:
    """Return the choices in the form that a study stores."""
    if not isinstance(given, list) or not given:
        raise ValueError(
            f"{name}: give a list of choices or a range {{low, high}}; found {given!r}"
        )
    for choice in given:
        check(choice)
    stored = [to_stored(choice) for choice in given]
    if len({json.dumps(choice) for choice in stored}) < len(stored):
        raise ValueError(f"{name}: {given} has a duplicate choice")
    return stored


def to_stored(choice: Any) -> Any:
    """Return a choice as a study stores it. A list, such as hidden sizes, becomes JSON text."""
    return f"json:{json.dumps(choice)}" if isinstance(choice, list | dict) else choice


def from_stored(value: Any) -> Any:
    """Return the choice for a stored value. The inverse of `to_stored`."""
    is_json = isinstance(value, str) and value.startswith("json:")
    return json.loads(value[5:]) if is_json else value


def contains(axis: Axis, value: Any) -> bool:
    """Return whether the axis contains this value, given as a study stores it."""
    if isinstance(axis, Choices):
        return value in axis.values
    if not is_number(value) or (isinstance(axis.low, int) and not isinstance(value, int)):
        return False
    return bool(axis.low <= value <= axis.high)


def is_number(value: Any) -> bool:
    """Return whether the value is a finite number."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
