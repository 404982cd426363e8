"""Intervals over users."""

import numpy as np
import pytest

from collaborative_autoencoders.metrics import bootstrap
from collaborative_autoencoders.metrics.bootstrap import (
    interval_of_means,
    interval_of_ratios,
    paired_differences,
)

VALUES = np.random.default_rng(0).random((400, 3))


def test_the_interval_covers_the_mean():
    low_M, high_M = interval_of_means(VALUES, resamples=500, seed=1)
    assert np.all((low_M < VALUES.mean(axis=0)) & (VALUES.mean(axis=0) < high_M))


def test_the_interval_is_about_four_standard_errors_wide():
    low_M, high_M = interval_of_means(VALUES, resamples=2000, seed=1)
    standard_error_M = VALUES.std(axis=0) / np.sqrt(len(VALUES))
    assert high_M - low_M == pytest.approx(2 * 1.96 * standard_error_M, rel=0.1)


def test_the_same_seed_draws_the_same_interval_and_another_seed_another():
    first, again, other = (interval_of_means(VALUES, 200, seed).low_M for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_the_interval_is_the_percentiles_of_means_of_users_drawn_with_replacement():
    drawn_RU = np.random.default_rng(1).integers(400, size=(200, 400))
    means_R = VALUES[drawn_RU, 0].mean(axis=1)
    low_M, high_M = interval_of_means(VALUES[:, :1], resamples=200, seed=1)
    assert [low_M[0], high_M[0]] == pytest.approx(np.percentile(means_R, [2.5, 97.5]))


def test_the_size_of_a_block_does_not_change_the_interval(monkeypatch):
    whole = interval_of_means(VALUES, resamples=50, seed=1)
    monkeypatch.setattr(bootstrap, "CELLS_AT_ONCE", 1000)
    assert np.allclose(interval_of_means(VALUES, resamples=50, seed=1), whole)


def test_equal_values_have_an_interval_of_width_zero():
    assert np.allclose(interval_of_means(np.full((5, 1), 0.25), resamples=20, seed=0), 0.25)


def test_a_ratio_is_that_of_the_sums():
    # a mean squared error of 3 for both users, one with many ratings and one with few
    numerators, denominators = np.array([[30.0], [3.0]]), np.array([[10.0], [1.0]])
    assert np.allclose(interval_of_ratios(numerators, denominators, resamples=20, seed=0), 3)


@pytest.mark.parametrize("values", [np.empty((0, 1)), np.array([[np.nan], [1.0]])])
def test_users_without_a_value_are_refused(values):
    with pytest.raises(ValueError, match="users without"):
        interval_of_means(values, resamples=10, seed=0)


def differences_of_means(*columns, seed=1):
    values_UM = np.array(columns, dtype=np.float64).T
    has_UM = ~np.isnan(values_UM)
    return paired_differences(values_UM, has_UM.astype(np.float64), resamples=200, seed=seed)


def test_a_difference_by_hand():
    found = differences_of_means([0.5, 1.0, 0.0], [0.25, 0.5, 0.0])
    assert found.difference_MM[0, 1] == pytest.approx((0.25 + 0.5 + 0.0) / 3)
    assert found.users_MM.tolist() == [[3, 3], [3, 3]]


def test_a_difference_of_errors_is_of_the_roots_of_the_sums():
    squared_UM, count_UM = np.array([[8.0, 2.0], [1.0, 1.0]]), np.array([[2.0, 2.0], [1.0, 1.0]])
    found = paired_differences(squared_UM, count_UM, resamples=20, seed=0, of_ratio=np.sqrt)
    assert found.difference_MM[0, 1] == pytest.approx(np.sqrt((8 + 1) / 3) - np.sqrt((2 + 1) / 3))


def test_the_interval_of_a_difference_is_that_of_each_users_difference():
    """The draws are the same, so it equals the interval of one column of differences."""
    found = differences_of_means(*VALUES.T)
    one = interval_of_means(VALUES[:, :1] - VALUES[:, 1:2], resamples=200, seed=1)
    assert (found.low_MM[0, 1], found.high_MM[0, 1]) == pytest.approx((*one.low_M, *one.high_M))


def test_what_is_hard_for_both_models_cancels_out():
    hard_U = VALUES[:, 0]
    found = differences_of_means(hard_U, hard_U - 0.01)
    assert [found.low_MM[0, 1], found.high_MM[0, 1]] == pytest.approx([0.01, 0.01])


def test_swapping_two_models_mirrors_and_a_model_differs_from_itself_by_0():
    found = differences_of_means(*VALUES.T)
    assert np.array_equal(found.difference_MM, -found.difference_MM.T)
    assert np.array_equal(found.low_MM, -found.high_MM.T)
    assert np.all(np.diag(found.low_MM) == 0)
    assert np.all(np.diag(found.high_MM) == 0)


def test_a_pair_does_not_depend_on_the_other_models():
    three, two = differences_of_means(*VALUES.T), differences_of_means(*VALUES.T[:2])
    assert three.low_MM[0, 1] == pytest.approx(two.low_MM[0, 1])


def test_a_difference_is_over_the_users_of_both():
    found = differences_of_means([1.0, np.nan, 3.0], [0.0, 5.0, 1.0], [np.nan, 1.0, np.nan])
    assert found.difference_MM[0, 1] == pytest.approx((1 + 2) / 2)
    assert found.users_MM[0].tolist() == [2, 2, 0]
    assert np.isnan([found.difference_MM[0, 2], found.low_MM[2, 0], found.high_MM[0, 2]]).all()


def test_a_model_without_values_has_no_difference():
    found = differences_of_means([np.nan, np.nan], [np.nan, np.nan])
    assert np.isnan(found.difference_MM).all()
    assert found.users_MM.tolist() == [[0, 0], [0, 0]]
