"""Intervals of ratios of sums, such as the RMSE."""

import numpy as np
import pytest
from scipy.special import stdtrit

from collaborative_autoencoders.metrics.jackknife import (
    degrees_of_freedom,
    interval_of_ratios,
    paired_differences_of_ratios,
)

RANDOM = np.random.default_rng(0)
SQUARED, COUNT = RANDOM.gamma(2, 1, (50, 3)), RANDOM.integers(1, 30, 50).astype(np.float64)


def test_a_ratio_and_its_interval_by_hand():
    # ratio (1 + 4) / 2; without the first user 4, without the second 1; one degree of freedom
    low_M, high_M = interval_of_ratios(np.array([[1.0], [4.0]]), np.ones(2))
    error = np.sqrt(np.log(4 / 2.5) ** 2 + np.log(1 / 2.5) ** 2)
    half = stdtrit(1, 0.975) * error
    assert (low_M[0], high_M[0]) == pytest.approx((2.5 * np.exp(-half), 2.5 * np.exp(half)))


def test_the_interval_of_many_alike_users_is_that_of_the_t_distribution():
    values_UM = 100 + RANDOM.normal(size=(200, 2))
    low_M, high_M = interval_of_ratios(values_UM, np.ones(200))
    half_M = stdtrit(199, 0.975) * values_UM.std(axis=0, ddof=1) / np.sqrt(200)
    assert high_M - low_M == pytest.approx(2 * half_M, rel=0.01)


def test_equal_weights_have_one_degree_of_freedom_less_than_users():
    assert degrees_of_freedom(np.full(7, 3.0)) == pytest.approx(6)


def test_a_user_with_most_of_the_ratings_leaves_few_degrees_of_freedom():
    assert degrees_of_freedom(np.array([1000.0, *[1.0] * 9])) < 2


def test_degrees_of_freedom_are_those_of_the_matrix():
    share_U = COUNT / COUNT.sum()
    middle = np.diag(1 / COUNT) - 1 / COUNT.sum()
    root = np.diag(share_U / (1 - share_U))
    matrix = root @ middle @ root
    expected = np.trace(matrix) ** 2 / np.trace(matrix @ matrix)
    assert degrees_of_freedom(COUNT) == pytest.approx(expected)


@pytest.mark.parametrize("numerators", [[[2.0]], [[2.0], [2.0], [2.0]]])
def test_a_single_user_and_users_of_one_value_have_no_interval(numerators):
    ends = interval_of_ratios(np.array(numerators), np.ones(len(numerators)))
    assert np.isnan(ends).all()


@pytest.mark.parametrize(
    ("numerators", "denominators"),
    [(np.empty((0, 1)), []), ([[np.nan], [1.0]], [1, 1]), ([[1.0], [1.0]], [1, 0])],
)
def test_users_without_a_value_are_refused(numerators, denominators):
    with pytest.raises(ValueError, match="users without"):
        interval_of_ratios(np.array(numerators), np.array(denominators, dtype=np.float64))


def differences(*columns, count=COUNT, of_ratio=np.sqrt):
    numerators_UM = np.array(columns).T
    denominators_UM = np.where(np.isnan(numerators_UM), 0, count[:, None])
    return paired_differences_of_ratios(np.nan_to_num(numerators_UM), denominators_UM, of_ratio)


def test_a_difference_of_errors_is_of_the_roots_of_the_sums():
    found = differences([8.0, 1.0], [2.0, 1.0], count=np.array([2.0, 1.0]))
    assert found.difference_MM[0, 1] == pytest.approx(np.sqrt((8 + 1) / 3) - np.sqrt((2 + 1) / 3))
    assert found.low_MM[0, 1] < found.difference_MM[0, 1] < found.high_MM[0, 1]


def test_the_interval_of_a_difference_of_means_is_that_of_the_paired_t_test():
    found = differences(*SQUARED.T, count=np.ones(50), of_ratio=np.positive)
    difference_U = SQUARED[:, 0] - SQUARED[:, 1]
    # HC3 divides by 1 - 1 / U
    half = stdtrit(49, 0.975) * difference_U.std(ddof=1) / np.sqrt(50) * np.sqrt(50 / 49)
    assert found.high_MM[0, 1] - found.difference_MM[0, 1] == pytest.approx(half)


def test_swapping_two_models_mirrors_and_a_model_differs_from_itself_by_0():
    found = differences(*SQUARED.T)
    assert np.array_equal(found.difference_MM, -found.difference_MM.T)
    assert np.array_equal(found.low_MM, -found.high_MM.T)
    assert np.all(np.diag(found.high_MM) == 0)


def test_equal_models_do_not_differ_and_users_of_one_difference_have_no_interval():
    column = SQUARED[:, 0]
    found = differences(column, column, column + 1, count=np.ones(50), of_ratio=np.positive)
    assert (found.low_MM[0, 1], found.high_MM[0, 1]) == (0, 0)
    assert found.difference_MM[2, 0] == pytest.approx(1)
    assert np.isnan([found.low_MM[2, 0], found.high_MM[2, 0]]).all()


def test_a_difference_is_over_the_users_of_both():
    nan = np.nan
    found = differences(
        [1.0, nan, 3.0], [0.0, 5.0, 1.0], [nan, 1.0, nan], count=np.ones(3), of_ratio=np.positive
    )
    assert found.difference_MM[0, 1] == pytest.approx((1 + 2) / 2)
    assert found.users_MM[0].tolist() == [2, 2, 0]
    assert np.isnan([found.difference_MM[0, 2], found.low_MM[2, 0], found.high_MM[0, 2]]).all()
