"""The layers of a network, for its picture."""

from typing import NamedTuple


class Layer(NamedTuple):
    """One layer, from the input to the output."""

    shows: str
    """What its units stand for."""

    units: int
    activation: str = ""
