"""Axes of a drawn figure: where a value is, and which values are labelled."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

MOST_TICKS = 6
ROOM = 0.05
"""Share of the axis that stays free at an end that is not given."""


@dataclass(frozen=True)
class Axis:
    """An axis from `low` to `high`; the first category is at 0, the second at 1."""

    low: float
    high: float
    categories: tuple[str, ...] = ()
    form: str = "g"
    """How a label is formatted, as in `format`."""

    labels: tuple[tuple[float, str], ...] = ()
    """Values with labels of their own, in place of round numbers."""

    def place(self, value: Any, shift: float = 0.0) -> float:
        """Return where a value is, from 0 to 1; `shift` is added in the unit of the axis."""
        number = self.categories.index(str(value)) if self.categories else float(value)
        return (number + shift - self.low) / (self.high - self.low)

    def ticks(self) -> list[tuple[float, str]]:
        """Return place and label of each tick: categories, given labels, or round numbers."""
        if self.categories:
            return [(self.place(name), name) for name in self.categories]
        if self.labels:
            return [(self.place(value), label) for value, label in self.labels]
        step = round_step(self.high - self.low)
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        values = [round(number * step, 12) for number in range(first, last + 1)]
        return [(self.place(value), format(value, self.form)) for value in values]


def round_step(span: float) -> float:
    """Return the smallest of 1, 2, 2.5 and 5 times a power of ten with at most six ticks."""
    power = 10.0 ** math.floor(math.log10(span / MOST_TICKS))
    return next(n * power for n in (1, 2, 2.5, 5, 10) if span / (n * power) < MOST_TICKS)


def axis_of(values: Iterable[Any], asked: Any) -> Axis:
    """Return the axis of these values; `asked` is plotly's layout of the axis."""
    shown = [value for value in values if is_shown(value)]
    if any(isinstance(value, str) for value in shown):
        names = tuple(dict.fromkeys(map(str, shown)))
        return Axis(-0.5, len(names) - 0.5, names)
    form = ".0%" if "%" in str(asked.tickformat) else "g"
    low, high = asked.range or limits([*map(float, shown)], asked.rangemode == "tozero")
    labels = zip(asked.tickvals or (), asked.ticktext or (), strict=False)
    return Axis(low, high, form=form, labels=tuple(labels))


def limits(numbers: Sequence[float], from_zero: bool) -> tuple[float, float]:
    """Return the ends of an axis: the ends of the numbers with room, or 0."""
    low, high = min(numbers, default=0.0), max(numbers, default=1.0)
    if from_zero:
        low, high = min(low, 0.0), max(high, 0.0)
    room = ROOM * (high - low) or 0.5
    return (0.0 if from_zero and low == 0 else low - room), high + room


def is_shown(value: Any) -> bool:
    """Return whether a value is drawn: it is neither None nor NaN."""
    return value is not None and value == value
