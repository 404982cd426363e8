"""How a cost grows with the number of ratings."""

import math
from collections.abc import Mapping

LARGEST_EXPONENT = 1.1
"""Largest exponent of a cost that is called proportional to the ratings."""


def exponent(costs: Mapping[int, float]) -> float:
    """Return x for which the cost grows like the ratings to the power of x.

    From the smallest to the largest number of ratings; 1 is proportional, 0 constant.
    """
    smallest, largest = min(costs), max(costs)
    return math.log(costs[largest] / costs[smallest]) / math.log(largest / smallest)
