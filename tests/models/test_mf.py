"""Matrix factorisation: each half of an iteration is a ridge regression, and the scale is free."""

import numpy as np
import pytest
from checkerboard import checkerboard
from hypothesis import given, settings
from hypothesis import strategies as st
from model_options import options_of
from scipy.sparse import csr_array

from collaborative_autoencoders.models import mf
from collaborative_autoencoders.models.mf import MF
from collaborative_autoencoders.models.model import Catalogue

WORLD = checkerboard()


def new(catalogue, **changes):
    return MF(options_of("mf", **changes).model, catalogue)


def random_ratings(seed, users, items):
    random = np.random.default_rng(seed)
    cells = random.random((users, items)) < 0.5
    return csr_array(np.where(cells, random.integers(1, 6, (users, items)), 0).astype(np.float32))


@settings(max_examples=30)
@given(st.integers(0, 10**6), st.sampled_from(["auto", 3.0]))
def test_a_row_is_the_ridge_regression_on_its_columns(seed, penalty):
    ratings = random_ratings(seed, 6, 7).astype(np.float64)
    vectors = np.random.default_rng(seed).normal(size=(7, 4))
    solved = new(Catalogue(6, 7, 1, 5), model__penalty=penalty)._solved(ratings, vectors)
    for row in range(6):
        rated = ratings[[row]].indices
        if not len(rated):
            assert (solved[row] == 0).all()
            continue
        x = np.hstack([vectors[rated, :-1], np.ones((len(rated), 1))])
        target = ratings[[row]].data - vectors[rated, -1]
        strength = 1.2 * len(rated) ** 0.5 if penalty == "auto" else 3.0
        wanted = np.linalg.solve(x.T @ x + strength * np.eye(4), x.T @ target)
        assert solved[row] == pytest.approx(wanted, abs=1e-8)


def test_blocks_change_nothing(monkeypatch):
    ratings, vectors = random_ratings(0, 30, 20), np.random.default_rng(0).normal(size=(20, 5))
    model = new(Catalogue(30, 20, 1, 5))
    together = model._solved(ratings, vectors)
    monkeypatch.setattr(mf, "CELLS_AT_ONCE", 100)
    assert model._solved(ratings, vectors) == pytest.approx(together, abs=1e-10)


@pytest.mark.parametrize(("factor", "shift"), [(20, 0), (0.1, 3), (1, -7)])
def test_another_scale_of_the_ratings_changes_only_the_unit_of_a_prediction(factor, shift):
    users, ratings = np.arange(WORLD.catalogue.users), WORLD.known.ratings
    scaled = ratings.copy()
    scaled.data = ratings.data * np.float32(factor) + np.float32(shift)
    one, other = new(WORLD.catalogue), new(WORLD.catalogue)
    one.fit(ratings)
    other.fit(scaled)
    for asked in (users, np.full_like(users, -1)):
        predicted = (other.score(scaled, asked) - shift) / factor
        assert predicted == pytest.approx(one.score(ratings, asked), abs=1e-3)


def test_a_table_of_equal_ratings_is_predicted():
    equal = csr_array(np.full((3, 4), 2, dtype=np.float32))
    model = new(Catalogue(3, 4, 2, 2))
    model.fit(equal)
    assert model.predict(equal, np.arange(3)) == pytest.approx(np.full((3, 4), 2.0))


def test_factors_that_no_machine_can_hold_are_refused():
    with pytest.raises(ValueError, match=r"mf\.model\.factors: 1,000,000 factors of 40 users"):
        new(Catalogue(40, 30, 1, 5), model__factors=1_000_000).fit(random_ratings(0, 40, 30))
