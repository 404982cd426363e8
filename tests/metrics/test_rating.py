"""Errors of predicted ratings, by hand."""

from math import sqrt

import numpy as np
import pytest

from collaborative_autoencoders.metrics.rating import absolute_error, squared_error, sum_by_user
from collaborative_autoencoders.metrics.table import METRICS

USER_N = np.array([0, 0, 2])
ERROR_N = np.array([3.0, 5.0, 2.0]) - np.array([4.0, 5.0, 4.0])


def test_errors_are_summed_per_user():
    assert sum_by_user(USER_N, squared_error(ERROR_N), 3).tolist() == [1 + 0, 0, 4]
    assert sum_by_user(USER_N, absolute_error(ERROR_N), 3).tolist() == [1 + 0, 0, 2]


@pytest.mark.parametrize(
    ("name", "expected"), [("rmse", sqrt((1 + 0 + 4) / 3)), ("mae", (1 + 0 + 2) / 3)]
)
def test_a_rating_metric_is_a_function_of_the_mean_over_ratings(name, expected):
    metric = METRICS[name]
    assert metric.of_mean(metric.function(ERROR_N).mean()) == pytest.approx(expected)


def test_without_a_rating_the_sums_are_0_and_floats():
    sums_U = sum_by_user(np.empty(0, np.int64), np.empty(0), n_users=2)
    assert sums_U.tolist() == [0, 0]
    assert sums_U.dtype == np.float64
