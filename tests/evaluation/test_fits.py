"""Several fits of one configuration: their mean, and the luck of the fit."""

import numpy as np
import pandas as pd
import pytest

from collaborative_autoencoders.evaluation.fits import (
    half_width_of_fits,
    mean_of_fits,
    widened,
)
from collaborative_autoencoders.metrics.table import measure

NDCG = measure("ndcg_at_2")


def fits(*means):
    """One table per fit, of two users whose mean is the given one."""
    return [
        pd.DataFrame({"user_index": [0, 1], "ndcg_at_2": [mean - 0.1, mean + 0.1]})
        for mean in means
    ]


def test_the_mean_of_fits_is_that_of_each_user():
    mean = mean_of_fits(fits(0.2, 0.4, 0.6))
    assert mean["ndcg_at_2"].tolist() == pytest.approx([0.3, 0.5])
    assert mean["user_index"].tolist() == [0, 1]


def test_the_luck_of_the_fit_is_that_of_welchs_test():
    first, second = [0.31, 0.35, 0.32], [0.30, 0.28, 0.29, 0.33]
    found = half_width_of_fits(fits(*first), fits(*second), NDCG)
    from scipy.stats import ttest_ind  # takes 0.6 s, and every worker imports this file

    interval = ttest_ind(first, second, equal_var=False).confidence_interval(0.95)
    assert found == pytest.approx((interval.high - interval.low) / 2)


def test_single_fits_say_nothing_about_their_luck():
    assert half_width_of_fits(fits(0.3), fits(0.4), NDCG) == 0


def test_distances_are_added_in_squares():
    assert widened(0.5, 0.2, 0.8, 0.4) == pytest.approx((0.5 - 0.5, 0.5 + 0.5))
    assert widened(0.5, 0.2, 0.7, 0.0) == pytest.approx((0.2, 0.7))
    assert np.isnan(widened(0.5, np.nan, np.nan, 0.1)).all()
