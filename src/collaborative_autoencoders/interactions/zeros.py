"""Ratings of 0 that rather stand for no rating, as in Book-Crossing.

Dimension key: N rows, V distinct ratings.
"""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from collaborative_autoencoders.columns import RATING

from .core import CoreOptions

MANY = 0.25
"""Least share of zeros among the rows."""

TIMES_THE_NEXT = 2
"""How often 0 is as frequent as any other rating, at least."""

OTHERS = 4
"""Least number of other ratings. Fewer are rather grades, such as 0 1 2 3."""

QUARTER = 0.25
"""Share of the other ratings that may be in the lower half of the scale."""


def about_zeros(ratings: pd.DataFrame, options: CoreOptions) -> str | None:
    """Return what to change if 0 rather stands for no rating; None if there is nothing to say.

    0 0 0 0 0 0 5 6 7 8 8 9  ->  no ratings         0 0 0 0 1 1 2 3  ->  counts
    """
    if RATING not in ratings or not may_hold_zeros(options):
        return None
    rating_N = ratings[RATING].to_numpy()
    if rating_N.min() < 0 or np.count_nonzero(rating_N == 0) < MANY * len(rating_N):
        return None
    return advise_zeros(*np.unique(rating_N, return_counts=True))


def may_hold_zeros(options: CoreOptions) -> bool:
    """Return whether ratings of 0 are used as ratings."""
    return not options.counts and (options.min_rating is None or options.min_rating <= 0)


def advise_zeros(rating_V: NDArray[np.floating], rows_V: NDArray[np.integer]) -> str | None:
    """Return what to change, given the distinct ratings in order and the rows with each.

    None unless 0 is the lowest rating and by far the most frequent, and most others are in the
    upper half of the scale.
    """
    if rating_V[0] != 0 or len(rating_V) <= OTHERS:
        return None
    zeros, rows, total = int(rows_V[0]), rows_V[1:], int(rows_V.sum())
    if zeros < MANY * total or zeros < TIMES_THE_NEXT * rows.max():
        return None
    if rows[rating_V[1:] < rating_V[-1] / 2].sum() > QUARTER * rows.sum():
        return None
    return (
        f"{zeros:,} of {total:,} ratings are 0, and most others are from {rating_V[-1] / 2:g} to "
        f"{rating_V[-1]:g}. If 0 stands for no rating, these rows make all predictions of ratings "
        f"too low: leave them out with --params core.min_rating={rating_V[1]:g}. If every row "
        "is a like all the same, use --params core.counts=true"
    )
