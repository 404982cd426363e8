"""Intervals over users."""

import numpy as np
import pytest

from collaborative_autoencoders.metrics import bootstrap
from collaborative_autoencoders.metrics.bootstrap import interval_of_means, interval_of_ratios

VALUES = np.random.default_rng(0).random((400, 3))


def test_the_interval_covers_the_mean():
    low_M, high_M = interval_of_means(VALUES, resamples=500, seed=1)
    assert np.all((low_M < VALUES.mean(axis=0)) & (VALUES.mean(axis=0) < high_M))


def test_the_interval_is_as_wide_as_the_standard_error_says():
    low_M, high_M = interval_of_means(VALUES, resamples=2000, seed=1)
    standard_error_M = VALUES.std(axis=0) / np.sqrt(len(VALUES))
    assert high_M - low_M == pytest.approx(2 * 1.96 * standard_error_M, rel=0.1)


def test_the_same_seed_draws_the_same_interval_and_another_seed_another():
    first, again, other = (interval_of_means(VALUES, 200, seed).low_M for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_it_is_the_percentiles_of_means_of_users_drawn_with_replacement():
    drawn_RU = np.random.default_rng(1).integers(400, size=(200, 400))
    means_R = VALUES[drawn_RU, 0].mean(axis=1)
    low_M, high_M = interval_of_means(VALUES[:, :1], resamples=200, seed=1)
    assert [low_M[0], high_M[0]] == pytest.approx(np.percentile(means_R, [2.5, 97.5]))


def test_blocks_bound_the_memory_and_not_the_result(monkeypatch):
    whole = interval_of_means(VALUES, resamples=50, seed=1)
    monkeypatch.setattr(bootstrap, "CELLS_AT_ONCE", 1000)
    assert np.allclose(interval_of_means(VALUES, resamples=50, seed=1), whole)


def test_users_alike_leave_no_doubt():
    assert np.allclose(interval_of_means(np.full((5, 1), 0.25), resamples=20, seed=0), 0.25)


def test_a_ratio_is_of_the_sums():
    # both users have 3 squared errors per rating, one over many ratings and one over few
    numerators, denominators = np.array([[30.0], [3.0]]), np.array([[10.0], [1.0]])
    assert np.allclose(interval_of_ratios(numerators, denominators, resamples=20, seed=0), 3)


@pytest.mark.parametrize("values", [np.empty((0, 1)), np.array([[np.nan], [1.0]])])
def test_users_without_a_value_are_refused(values):
    with pytest.raises(ValueError, match="leave out the users"):
        interval_of_means(values, resamples=10, seed=0)
