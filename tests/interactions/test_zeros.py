"""Zeros that stand for no rating are named, and honest ones are not."""

import numpy as np
import pandas as pd
import pytest

from collaborative_autoencoders.interactions.core import CoreOptions, keep_core
from collaborative_autoencoders.interactions.zeros import about_zeros

BOOKS = [0] * 60 + [10] * 6 + [9] * 7 + [8] * 10 + [7] * 8 + [6] * 4 + [5] * 5
STARS = [0] * 50 + [1] * 3 + [2] * 5 + [3] * 13 + [4] * 17 + [5] * 12


def make_options(**changed) -> CoreOptions:
    given = {"min_rating": None, "counts": False, "like_threshold": 2, "k": 0}
    given |= {"user_k": None, "item_k": None, "ratings": "all"}
    return CoreOptions.model_validate(given | changed)


def make_table(ratings) -> pd.DataFrame:
    return pd.DataFrame({"user_id": 1, "item_id": range(len(ratings)), "rating": ratings})


@pytest.mark.parametrize(
    ("ratings", "zeros", "lowest"), [(BOOKS, 60, 5), (STARS, 50, 1), (np.array(STARS) / 2, 50, 0.5)]
)
def test_zeros_are_named_with_a_fix_that_leaves_them_out(ratings, zeros, lowest):
    said = about_zeros(make_table(ratings), make_options())

    assert said.startswith(f"{zeros} of 100 ratings are 0, ")
    assert f"--params core.min_rating={lowest:g}." in said
    fixed = make_options(min_rating=lowest)
    assert about_zeros(make_table(ratings), fixed) is None
    core, others, _ = keep_core(make_table(ratings), fixed)
    assert len(core) + len(others) == 100 - zeros
    assert about_zeros(make_table(ratings), make_options(counts=True)) is None


@pytest.mark.parametrize(
    "ratings",
    [
        [0] * 60 + [1] * 40,
        [0] * 60 + [1] * 10 + [2] * 10 + [3] * 20,  # grades of relevance
        [0] * 60 + [1] * 20 + [2] * 9 + [3] * 5 + [7] * 3 + [60] * 3,  # counts
        [0] * 10 + [0.5] * 9 + [1] * 10 + [2] * 20 + [3] * 30 + [4] * 20 + [5] * 20,
        [0] * 40 + [7] * 10 + [8] * 10 + [9] * 10 + [10] * 30,  # for and against
        [0] * 10 + [6] * 4 + [7] * 4 + [8] * 4 + [9] * 4 + list(range(10, 101)),
        [-1] + [0] * 60 + [6, 7, 8, 9, 10] * 6,
        [1, 2, 3, 4, 5],
        [0] * 5,
    ],
)
def test_honest_zeros_are_not_named(ratings):
    assert about_zeros(make_table(ratings), make_options()) is None
    assert about_zeros(make_table(ratings).drop(columns="rating"), make_options()) is None
