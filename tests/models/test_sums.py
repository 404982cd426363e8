"""Counts and sums of ratings: exact, and so the same in any order."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as of_numpy
from scipy.sparse import csr_array

from collaborative_autoencoders.models import sums
from collaborative_autoencoders.models.sums import Claim, Groups, HeldRows, RatingScale, Scale

STARS = st.floats(-5, 5, width=32)
SKEWED = st.sampled_from([1.0, 2, 3, 1e6, 0.1])
RATINGS = st.one_of(STARS, SKEWED)
MATRICES = of_numpy.arrays(np.float32, (5, 4), elements=RATINGS)
OBSERVED = of_numpy.arrays(bool, (5, 4)).filter(lambda observed_UI: observed_UI.any())


def matrix_of(rating_UI, observed_UI):
    user_N, item_N = np.nonzero(observed_UI)
    return csr_array((rating_UI[user_N, item_N], (user_N, item_N)), shape=rating_UI.shape)


@given(MATRICES, OBSERVED)
def test_items_have_their_counts_sums_and_squares(rating_UI, observed_UI):
    rows = HeldRows(matrix_of(rating_UI, observed_UI))
    found, lowest = rows.of_items, rating_UI[observed_UI].min()
    above_UI = np.where(observed_UI, rating_UI.astype(np.float64) - lowest, 0)
    size = above_UI.max()
    assert found.count_I.tolist() == observed_UI.sum(axis=0).tolist() == rows.count_items().tolist()
    np.testing.assert_allclose(found.total_I, above_UI.sum(axis=0), rtol=0, atol=1e-14 * size)
    squares_I = (above_UI**2).sum(axis=0)
    np.testing.assert_allclose(found.squares_I, squares_I, rtol=0, atol=1e-14 * size**2)
    mean = rating_UI[observed_UI].mean(dtype=np.float64)
    assert found.mean == pytest.approx(mean, abs=1e-14 * max(size, abs(mean)))


@given(MATRICES, OBSERVED)
def test_moments_of_items_and_of_users_are_those_of_their_deviations(rating_UI, observed_UI):
    rows = HeldRows(matrix_of(rating_UI, observed_UI))
    mean = rows.of_items.mean
    bias_I = np.linspace(-0.5, 0.5, 4, dtype=np.float32) * np.ptp(rating_UI[observed_UI])
    rest_UI = rating_UI.astype(np.float64) - mean
    size = float(max(np.abs(rest_UI[observed_UI]).max(), np.abs(bias_I).max()))
    for moments, deviation_UI, axis in (
        (rows.of_items.moments(mean), rest_UI, 0),
        (rows.of_users(mean, bias_I), rest_UI - bias_I, 1),
    ):
        deviation_UI = np.where(observed_UI, deviation_UI, 0)
        count_G = observed_UI.sum(axis=axis)
        rated_G = count_G > 0
        explained = (deviation_UI.sum(axis=axis)[rated_G] ** 2 / count_G[rated_G]).sum()
        assert moments.groups == rated_G.sum()
        assert moments.deviations == count_G.sum()
        assert moments.squared_counts == (count_G**2).sum()
        assert moments.total == pytest.approx(deviation_UI.sum(), abs=1e-12 * size)
        assert moments.squares == pytest.approx((deviation_UI**2).sum(), abs=1e-12 * size**2)
        assert moments.explained == pytest.approx(explained, abs=1e-12 * size**2)


@given(st.lists(RATINGS, min_size=1), st.randoms())
def test_sums_are_exact_and_the_same_in_any_order(values, random):
    scale = Scale.of(max(map(abs, values)))
    group_N, value_N = np.zeros(len(values), dtype=np.int64), np.array(values)
    one, other = (Groups(1, scale) for _ in range(2))
    one.add(group_N, value_N)
    shuffled = random.sample(values, len(values))
    for start in range(0, len(values), 3):
        some = np.array(shuffled[start : start + 3])
        other.add(group_N[: len(some)], some)
    assert one.moments() == other.moments()
    exact = float(sum(map(Fraction, values)))
    assert one.moments().total == pytest.approx(exact, abs=len(values) * scale.size * 2.0**-53)


def test_rows_are_read_block_by_block(monkeypatch):
    random = np.random.default_rng(0)
    ratings_UI = matrix_of(random.random((50, 20), np.float32), random.random((50, 20)) < 0.3)
    bias_I = random.random(20, np.float32)

    def found():
        rows = HeldRows(ratings_UI)
        claim = Claim.of([ratings_UI], rows.scale)
        of_items = [of_item_I.tolist() for of_item_I in rows.of_items[1:]]
        return [*of_items, rows.of_users(0.5, bias_I), claim]

    whole = found()
    monkeypatch.setattr(sums, "ROWS_AT_ONCE", 7)
    assert found() == whole


ONE = csr_array(np.array([[1, 2, 0], [3, 0, 4], [0, 5, 1]], dtype=np.float32))


@pytest.mark.parametrize(
    "other",
    [
        [[2, 1, 0], [3, 0, 4], [0, 5, 1]],  # two ratings of a user
        [[3, 2, 0], [1, 0, 4], [0, 5, 1]],  # two ratings of an item
        [[1, 0, 2], [3, 0, 4], [0, 5, 1]],  # another item
        [[0, 2, 1], [3, 0, 4], [0, 5, 1]],
        [[3, 0, 4], [1, 2, 0], [0, 5, 1]],  # two users
        [[1, 2, 0], [3, 0, 4], [0, 0, 1]],  # a row less
        [[1, 2, 0], [3, 0, 4.000001], [0, 5, 1]],
        [[2, 4, 0], [6, 0, 8], [0, 10, 2]],  # another scale
    ],
)
def test_other_rows_have_another_claim(other):
    scale = RatingScale.of([ONE])
    other_UI = csr_array(np.array(other, dtype=np.float32))
    assert Claim.of([other_UI], scale) != Claim.of([ONE], scale)


def test_the_claim_tells_small_ratings_beside_a_large_one():
    one_UI, other_UI = (csr_array(np.float32([[small, 3, 3e9]])) for small in (1, 2))
    scale = RatingScale.of([one_UI])
    assert Claim.of([one_UI], scale) != Claim.of([other_UI], scale)


def test_the_claim_of_likes_is_of_their_places_in_any_number_of_views():
    upper, lower = (csr_array(np.diag(rows) @ ONE.toarray()) for rows in ([1, 0, 1], [0, 1, 0]))
    assert Claim.of([lower, upper], None) == Claim.of([ONE], None)
    liked_UI = csr_array(2 * ONE.toarray())
    assert Claim.of([liked_UI], None) == Claim.of([ONE], None)
    assert Claim.of([upper], None) != Claim.of([lower], None)


@settings(max_examples=20)
@given(st.floats(0, 2**40, width=32), st.integers(-5, 5))
def test_a_scale_holds_every_number_up_to_the_largest(largest, fifth):
    scale, value = Scale.of(largest), largest * fifth / 5
    halves = scale.halves(np.float64(value))
    assert abs(halves.large) <= 2**sums.BITS
    assert abs(halves.small) <= 2 ** (sums.BITS - 1)
    assert scale.value(halves) == pytest.approx(value, abs=scale.size * 2.0**-53)
