"""Errors of predicted ratings, summed per user."""

from math import sqrt

import numpy as np
import pytest

from collaborative_autoencoders.metrics.rating import mae, rmse, sum_errors


def test_errors_by_hand():
    errors = sum_errors(
        user_N=np.array([0, 0, 2]),
        predicted_N=np.array([3.0, 5.0, 2.0]),
        actual_N=np.array([4.0, 5.0, 4.0]),
        n_users=3,
    )
    assert errors.squared_U.tolist() == [1 + 0, 0, 4]
    assert errors.absolute_U.tolist() == [1 + 0, 0, 2]
    assert errors.count_U.tolist() == [2, 0, 1]
    assert rmse(errors) == pytest.approx(sqrt((1 + 0 + 4) / 3))
    assert mae(errors) == pytest.approx((1 + 0 + 2) / 3)


def test_every_rating_weighs_the_same_whoever_gave_it():
    # a mean of users' RMSEs would be (0 + 2) / 2
    errors = sum_errors(np.array([0, 0, 0, 1]), np.array([1.0, 1, 1, 3]), np.ones(4), n_users=2)
    assert rmse(errors) == pytest.approx(sqrt(4 / 4))


def test_without_a_rating_there_is_no_error_to_tell():
    errors = sum_errors(np.empty(0, np.int64), np.empty(0), np.empty(0), n_users=2)
    assert np.isnan(rmse(errors))
    assert np.isnan(mae(errors))
