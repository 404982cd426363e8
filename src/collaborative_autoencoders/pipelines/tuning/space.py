"""The space of a search: its axes, and the options at one point of it.

model:
  hidden_size: [50, 100, 200]                 # choices
  corruption: {low: 0.1, high: 0.9}           # a range; whole numbers where both ends are
  decoder_penalty: {same_as: encoder_penalty} # goes along with another option
fitting:
  learning_rate: {low: 1e-4, high: 1e-2, log: true}
  optimizer: [adamw]                          # one choice: another value than the model's block
"""

import itertools
import json
import math
import random
from collections.abc import Callable, Iterator, Mapping
from difflib import get_close_matches
from typing import Annotated, Any, NamedTuple

from pydantic import TypeAdapter, ValidationError

from collaborative_autoencoders.models import MODELS, model_class

Point = dict[str, Any]
"""A value per axis, by dotted name."""

Check = Callable[[Any], None]

GROUPS = ("model", "fitting")
NOT_SEARCHED = {
    "model.name": "another model has a space of its own",
    "fitting.validation_metric": "trials are compared by it",
    "fitting.ensemble": "the validation is of its first member alone, whatever its size",
}
RANGE_KEYS = {"low", "high", "log"}


class Choices(NamedTuple):
    """An axis of some values, as they are stored."""

    values: tuple[Any, ...]


class Range(NamedTuple):
    """An axis of all numbers between two, whole ones where both ends are."""

    low: float
    high: float
    log: bool


Axis = Choices | Range


class Space(NamedTuple):
    """What is searched of one model."""

    axes: dict[str, Axis]
    """The options that vary, by dotted name: `model.hidden_size`."""
    fixed: Point
    """The options that have one value for all trials."""
    tied: dict[str, str]
    """The options that take the value of an axis."""

    @property
    def combinations(self) -> int | None:
        """How many points there are; None where an axis is a range."""
        sizes = [
            len(axis.values) if isinstance(axis, Choices) else 0 for axis in self.axes.values()
        ]
        return math.prod(sizes) or None

    def grid(self, seed: int) -> list[Point]:
        """Every point, in an order of the seed: what is done early is spread over the space.

        The values are as they are stored. Raises ValueError where an axis is a range.
        """
        choices: list[list[Any]] = []
        for name, axis in self.axes.items():
            if isinstance(axis, Range):
                raise ValueError(f"sampler: grid needs choices, and {name} is a range: list them")
            choices.append(list(axis.values))
        points = [
            dict(zip(self.axes, values, strict=True)) for values in itertools.product(*choices)
        ]
        random.Random(seed).shuffle(points)
        return points

    def block(self, base: Mapping[str, Any], point: Point) -> dict[str, Any]:
        """The model's block of YAML at this point; `point` has values as they are stored."""
        block = {group: dict(base[group]) for group in GROUPS}
        read = {name: from_stored(value) for name, value in point.items()}
        tied = {name: (read | self.fixed)[axis] for name, axis in self.tied.items()}
        for name, value in (self.fixed | read | tied).items():
            group, _, option = name.partition(".")
            block[group][option] = value
        return block

    def point_of(self, block: Mapping[str, Any]) -> Point | None:
        """Where a model's block lies in the space, as it is stored; None where it lies outside."""
        point: Point = {}
        for name, axis in self.axes.items():
            group, _, option = name.partition(".")
            value = to_stored(block[group][option])
            if not contains(axis, value):
                return None
            point[name] = value
        return point if self.block(block, point) == block else None

    def searched(self) -> set[str]:
        """The dotted names of all that the space decides."""
        return {*self.axes, *self.fixed, *self.tied}


def read_space(model: str, block: Any) -> Space:
    """The space that a block of YAML describes.

    Raises ValueError, with the option, for one that does not exist or cannot have a value that is
    offered, for a range without extent, and for a space that leaves nothing to choose.
    """
    from collaborative_autoencoders.learning.options import FittingOptions

    if model not in MODELS:
        raise ValueError(f"{model!r} is none of {', '.join(MODELS)}")
    classes = {"model": model_class(model).options_class, "fitting": FittingOptions}
    axes: dict[str, Axis] = {}
    fixed: Point = {}
    tied: dict[str, str] = {}
    for name, given in options_in(block):
        group, _, option = name.partition(".")
        check = value_checker(name, classes[group], option)
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
            raise ValueError(f"{name}: same_as {other}, which the space does not have")
    if not axes:
        raise ValueError("is empty: give an option a list of choices or a range {low, high}")
    return Space(axes, fixed, tied)


def options_in(block: Any) -> Iterator[tuple[str, Any]]:
    """The dotted name of each option in a block, and what it is given."""
    if not isinstance(block, dict):
        raise ValueError("is empty: give it `model` or `fitting` with options below")
    for group, options in block.items():
        if group not in GROUPS or not isinstance(options, dict):
            raise ValueError(f"{group}: a space has `model` and `fitting`, with options below")
        for option, given in options.items():
            yield f"{group}.{option}", given


def value_checker(name: str, options_class: Any, option: str) -> Check:
    """What raises ValueError for a value that this option cannot have."""
    if name in NOT_SEARCHED:
        raise ValueError(f"{name} is not searched: {NOT_SEARCHED[name]}")
    fields = options_class.model_fields
    if option not in fields:
        near = get_close_matches(option, fields, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise ValueError(f"{name}: there is no such option{hint}")
    field = fields[option]
    kind: Any = field.annotation
    adapter = TypeAdapter(Annotated[kind, *field.metadata] if field.metadata else kind)

    def check(value: Any) -> None:
        try:
            adapter.validate_python(value)
        except ValidationError as error:
            raise ValueError(f"{name}: {value!r}: {error.errors()[0]['msg']}") from None

    return check


def range_of(name: str, given: dict[str, Any], check: Check) -> Range:
    """The range that a block {low, high, log} describes."""
    if not {"low", "high"} <= set(given) <= RANGE_KEYS:
        raise ValueError(f"{name}: a range is {{low, high}}, and log: true where it is logarithmic")
    low, high, log = given["low"], given["high"], given.get("log", False)
    if not all(is_number(end) for end in (low, high)) or not isinstance(log, bool):
        raise ValueError(f"{name}: low and high are numbers, log is true or false; found {given}")
    if low >= high:
        raise ValueError(f"{name}: low {low} is not below high {high}")
    if log and low <= 0:
        raise ValueError(f"{name}: a logarithmic range begins above 0, and low is {low}")
    whole = isinstance(low, int) and isinstance(high, int)
    inside = [] if whole else [low + (high - low) / math.pi]  # no whole number, as most draws
    for value in (low, high, *inside):
        check(value)
    return Range(low, high, log) if whole else Range(float(low), float(high), log)


def choices_of(name: str, given: Any, check: Check) -> list[Any]:
    """The choices as they are stored."""
    if not isinstance(given, list) or not given:
        raise ValueError(
            f"{name}: give a list of choices or a range {{low, high}}; found {given!r}"
        )
    for choice in given:
        check(choice)
    stored = [to_stored(choice) for choice in given]
    if len({json.dumps(choice) for choice in stored}) < len(stored):
        raise ValueError(f"{name}: {given} has a choice twice")
    return stored


def to_stored(choice: Any) -> Any:
    """A choice as a study takes it: of a list, such as hidden sizes, its JSON."""
    return f"json:{json.dumps(choice)}" if isinstance(choice, list | dict) else choice


def from_stored(value: Any) -> Any:
    """The choice again."""
    is_json = isinstance(value, str) and value.startswith("json:")
    return json.loads(value[5:]) if is_json else value


def contains(axis: Axis, value: Any) -> bool:
    """Whether the axis has this value."""
    if isinstance(axis, Choices):
        return value in axis.values
    if not is_number(value) or (isinstance(axis.low, int) and not isinstance(value, int)):
        return False
    return bool(axis.low <= value <= axis.high)


def is_number(value: Any) -> bool:
    """Whether this is a finite number."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
