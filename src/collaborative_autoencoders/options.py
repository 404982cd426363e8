"""The base class of all options. Each options class is defined beside its component."""

import math
from collections.abc import Set
from difflib import get_close_matches
from typing import Annotated, Any, TypeVar

from annotated_types import Gt, Le
from pydantic import BaseModel, ConfigDict, ValidationError, ValidationInfo, field_validator

MOST = 2**31 - 1
"""Largest count: users, items and places of a list are stored as int32."""

LARGEST, SMALLEST = 3.4e38, 1.2e-38
"""Largest and smallest size of a number that is not 0: models compute in float32."""

Count = Annotated[int, Gt(0), Le(MOST)]
"""A number of rows, items or trials."""


class Options(BaseModel):
    """Validated, immutable options of one component. Unknown keys are errors.

    Nothing is converted: `true` and `'3'` are not numbers, and 1 is not `true`. A whole number is
    one however it is written: 3 for a fraction, and 20.0 or 1e3 for a count.
    Subclasses declare fields with constraints but without defaults: values are set in YAML only.
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, strict=True, use_attribute_docstrings=True
    )

    @field_validator("*", mode="before")
    @classmethod
    def _in_single_precision(cls, raw: Any) -> Any:
        is_number = isinstance(raw, int | float) and not isinstance(raw, bool)
        if is_number and 0 != abs(raw) < math.inf and not SMALLEST <= abs(raw) <= LARGEST:
            raise ValueError(f"{str(raw)[:20]} is not between {SMALLEST} and {LARGEST}, as float32")
        return raw

    @field_validator("*", mode="before")
    @classmethod
    def _whole_floats_are_integers(cls, raw: Any, info: ValidationInfo) -> Any:
        is_float = cls.model_fields[str(info.field_name)].annotation is float
        return raw if is_float else whole(raw)


Some = TypeVar("Some", bound=Options)


def read_options(options_class: type[Some], raw: Any) -> Some:
    """Return stored options or facts. Raises ValueError with the first problem and its key."""
    try:
        return options_class.model_validate(raw)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        found = "" if first["type"] == "value_error" else f"; found {str(first['input'])[:100]!r}"
        problem = first["msg"].removeprefix("Value error, ")
        raise ValueError(f"{where}: {problem}{found}".removeprefix(": ")) from None


def whole(raw: Any) -> Any:
    """Return 20.0 as 20, also in a list; anything else unchanged."""
    if isinstance(raw, list):
        return [whole(value) for value in raw]
    return int(raw) if isinstance(raw, float) and raw.is_integer() else raw


def closest_hint(key: str, known: Set[str]) -> str:
    """Return a hint at the known key that is closest to this one; empty if none is close."""
    closest = get_close_matches(key, sorted(known), n=1)
    return f"; did you mean {closest[0]!r}?" if closest else ""
