"""Intervals of means of bounded values."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from peak import peak_of
from scipy.special import betaincinv

from collaborative_autoencoders.metrics import bootstrap
from collaborative_autoencoders.metrics.bootstrap import (
    interval_of_means,
    paired_differences_of_means,
)
from collaborative_autoencoders.metrics.intervals import Bounds
from collaborative_autoencoders.threads import blas_threads

SHARE = Bounds(0, 1)
VALUES = np.random.default_rng(0).random((400, 3))


def interval(values_UM, resamples=500, seed=1):
    return interval_of_means(values_UM, resamples, seed, SHARE)


def test_the_interval_covers_the_mean():
    low_M, high_M = interval(VALUES)
    assert np.all((low_M < VALUES.mean(axis=0)) & (VALUES.mean(axis=0) < high_M))


def test_the_interval_of_many_users_is_about_four_standard_errors_wide():
    low_M, high_M = interval(VALUES, resamples=2000)
    standard_error_M = VALUES.std(axis=0) / np.sqrt(len(VALUES))
    assert high_M - low_M == pytest.approx(2 * 1.96 * standard_error_M, rel=0.1)


@pytest.mark.parametrize(("hits", "users"), [(0, 5), (1, 5), (3, 10), (30, 30)])
def test_the_interval_of_a_share_is_that_of_clopper_and_pearson(hits, users):
    values_U1 = (np.arange(users) < hits).astype(np.float64)[:, None]
    low_M, high_M = interval(values_U1, resamples=40_000)
    exact = (
        betaincinv(hits, users - hits + 1, 0.025) if hits else 0,
        betaincinv(hits + 1, users - hits, 0.975) if hits < users else 1,
    )
    assert (low_M[0], high_M[0]) == pytest.approx(exact, abs=0.01)


def test_five_users_without_a_hit_do_not_show_that_nobody_has_one():
    low_M, high_M = interval(np.zeros((5, 1)))
    assert low_M[0] == 0
    assert 0.4 < high_M[0] < 0.6


def test_the_ends_are_resamples_so_that_a_share_of_two_and_a_half_percent_lies_outside(monkeypatch):
    # one user with the value 1 beside one of 0 (lower end): the mean is that user's weight
    drawn_R = np.arange(1, 80, dtype=np.float32) / 80
    weights_RU = np.stack([1 - drawn_R, drawn_R], axis=1)
    monkeypatch.setattr(
        bootstrap,
        "_resample",
        lambda *_: bootstrap.Resamples(weights_RU[:, 1:].repeat(2, axis=1), weights_RU[:, :1]),
    )
    low_M, high_M = interval(np.ones((1, 1)), resamples=79)
    assert low_M[0] == drawn_R[1]  # the second of 79: 2 / (79 + 1) = 0.025
    assert high_M[0] == 1


def test_too_few_resamples_have_no_share_to_leave_out():
    low_M, high_M = interval(VALUES, resamples=38)
    assert (low_M.tolist(), high_M.tolist()) == ([0] * 3, [1] * 3)


def test_the_same_seed_draws_the_same_interval_and_another_seed_another():
    first, again, other = (interval(VALUES, seed=seed).low_M for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_the_size_of_a_block_does_not_change_the_interval(monkeypatch):
    whole = interval(VALUES, resamples=50)
    monkeypatch.setattr(bootstrap, "CELLS_AT_ONCE", 1000)
    assert np.allclose(interval(VALUES, resamples=50), whole)


@pytest.mark.parametrize("values", [np.empty((0, 1)), np.array([[np.nan], [1.0]])])
def test_users_without_a_value_are_refused(values):
    with pytest.raises(ValueError, match="users without"):
        interval(values)


def test_a_value_outside_the_bounds_is_refused():
    with pytest.raises(ValueError, match=r"value 1\.5, outside the metric's bounds 0 to 1"):
        interval(np.array([[0.5], [1.5]]))


def differences(*columns, seed=1, resamples=200):
    values_UM = np.array(columns, dtype=np.float64).T
    return paired_differences_of_means(values_UM, resamples, seed, SHARE)


def test_a_difference_by_hand():
    found = differences([0.5, 1.0, 0.0], [0.25, 0.5, 0.0])
    assert found.difference_MM[0, 1] == pytest.approx((0.25 + 0.5 + 0.0) / 3)
    assert found.users_MM.tolist() == [[3, 3], [3, 3]]


def test_the_interval_of_a_difference_is_that_of_each_users_difference():
    """The draws are the same, so it equals the interval of one column of differences."""
    found = differences(*VALUES.T)
    one = interval_of_means(VALUES[:, :1] - VALUES[:, 1:2], 200, 1, Bounds(-1, 1))
    assert (found.low_MM[0, 1], found.high_MM[0, 1]) == pytest.approx((*one.low_M, *one.high_M))


def test_what_is_hard_for_both_models_cancels_out():
    hard_U = 0.05 + 0.9 * VALUES[:, 0]
    found = differences(hard_U, hard_U - 0.04, resamples=1000)
    # without pairing, the ends would be 0.05 away; the one added user moves them by 4 in 400
    assert 0.025 < found.low_MM[0, 1] < 0.04 < found.high_MM[0, 1] < 0.055


def test_swapping_two_models_mirrors_and_a_model_differs_from_itself_by_0():
    found = differences(*VALUES.T)
    assert np.array_equal(found.difference_MM, -found.difference_MM.T)
    assert np.array_equal(found.low_MM, -found.high_MM.T)
    assert np.all(np.diag(found.low_MM) == 0)
    assert np.all(np.diag(found.high_MM) == 0)


def test_a_pair_does_not_depend_on_the_other_models():
    three, two = differences(*VALUES.T), differences(*VALUES.T[:2])
    assert three.low_MM[0, 1] == pytest.approx(two.low_MM[0, 1], abs=1e-6)


def test_a_difference_is_over_the_users_of_both():
    found = differences([1.0, np.nan, 0.75], [0.0, 0.5, 0.25], [np.nan, 1.0, np.nan])
    assert found.difference_MM[0, 1] == pytest.approx((1 + 0.5) / 2)
    assert found.users_MM[0].tolist() == [2, 2, 0]
    assert np.isnan([found.difference_MM[0, 2], found.low_MM[2, 0], found.high_MM[0, 2]]).all()


def test_a_model_without_values_has_no_difference():
    found = differences([np.nan, np.nan], [np.nan, np.nan])
    assert np.isnan(found.difference_MM).all()
    assert found.users_MM.tolist() == [[0, 0], [0, 0]]


def test_fewer_than_six_users_cannot_show_a_difference_and_six_can():
    best, worst = np.ones(6), np.zeros(6)
    assert differences(best, worst, resamples=20_000).low_MM[0, 1] > 0
    assert differences(best[:5], worst[:5], resamples=20_000).low_MM[0, 1] < 0


@settings(max_examples=50)
@given(arrays(np.float64, (7, 2), elements=st.floats(0, 1)))
def test_the_mean_lies_in_the_interval_and_the_interval_in_the_bounds(values_UM):
    low_M, high_M = interval(values_UM, resamples=400)
    mean_M = values_UM.mean(axis=0)
    assert np.all((low_M >= 0) & (low_M <= mean_M + 1e-6))
    assert np.all((high_M <= 1 + 1e-6) & (high_M >= mean_M - 1e-6))


def test_an_interval_does_not_depend_on_the_threads_of_products():
    values_UM = np.random.default_rng(0).random((6040, 15))
    ends = []
    for number in (1, 2):
        with blas_threads(number):
            ends.append(np.stack(interval(values_UM, resamples=200)))
    assert np.array_equal(*ends)


def test_many_users_are_resampled_some_at_a_time_with_the_same_intervals(monkeypatch):
    whole = np.stack(interval(VALUES))
    monkeypatch.setattr(bootstrap, "CELLS_AT_ONCE", 1)
    assert np.stack(interval(VALUES)) == pytest.approx(whole, rel=1e-6)


def test_the_pairs_of_nine_models_are_compared_in_the_memory_of_their_columns(monkeypatch):
    """36 differences and 36 marks of each user in float32, and as much again for the resamples."""
    monkeypatch.setattr(bootstrap, "CELLS_AT_ONCE", 1)
    values_UM = np.random.default_rng(0).random((10_000, 9))
    peak = peak_of(lambda: paired_differences_of_means(values_UM, 40, 0, SHARE))
    assert peak < 2 * 10_000 * 72 * 4
