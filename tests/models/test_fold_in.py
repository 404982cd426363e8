"""Users whom the fit has not seen: by hand, against a general minimiser, and in the models."""

from functools import cache

import numpy as np
import pytest
from checkerboard import checkerboard
from hypothesis import given, settings
from hypothesis import strategies as st
from model_options import RUNNING, options_of
from scipy.optimize import minimize
from scipy.sparse import csr_array
from scipy.special import expit

from collaborative_autoencoders.learning.fit_model import fit_model
from collaborative_autoencoders.models.fold_in import Curve, fold_in, gauss_newton

RANDOM = np.random.default_rng(0)
STRETCHED = Curve(lambda z: 1 + 4 * expit(z), lambda z: 4 * expit(z) * expit(-z))
WORLD = checkerboard()
BOTH = WORLD.known


def test_one_rating_and_one_number_by_hand():
    # (3 − 2w)² + 2 w² is least where w = 2 · 3 / (2 · 2 + 2)
    targets = csr_array(np.array([[3.0]]))
    assert fold_in(targets, np.array([[2.0]]), np.array([2.0])).tolist() == [[1.0]]


def test_an_empty_history_gives_zeros():
    assert fold_in(csr_array((2, 3)), np.ones((3, 2)), np.ones(2)).tolist() == [[0, 0], [0, 0]]


@pytest.mark.parametrize("n_items", [3, 12])
@pytest.mark.parametrize("curve", [None, STRETCHED])
def test_the_vector_is_where_a_general_minimiser_ends(n_items, curve):
    vectors = RANDOM.normal(size=(n_items, 5))
    targets = csr_array(RANDOM.uniform(1, 5, size=(1, n_items)))
    penalty = np.array([0.5, 0.5, 1, 2, 0.1])

    def loss(w):
        z = vectors @ w
        predicted = z if curve is None else curve.value(z)
        return ((targets.data - predicted) ** 2).sum() + (penalty * w**2).sum()

    ours = fold_in(targets, vectors, penalty, curve)[0]
    theirs = minimize(loss, np.zeros(5), tol=1e-10).x
    assert ours == pytest.approx(theirs, abs=1e-3)


def loss_of(w, vectors, targets, penalty):
    return ((targets - STRETCHED.value(vectors @ w)) ** 2).sum() + (penalty * w**2).sum()


def gradient_of(w, vectors, targets, penalty):
    z = vectors @ w
    slopes = (targets - STRETCHED.value(z)) * STRETCHED.slope(z)
    return 2 * (penalty * w - vectors.T @ slopes)


def test_where_the_curve_is_flat_the_vector_is_no_worse_than_that_of_a_general_minimiser():
    random, penalty = np.random.default_rng(0), np.array([0.1, 0.1, 0.1, 0.1, 1e-6])
    for _ in range(60):
        vectors = random.normal(0, 2, (random.integers(2, 25), 5))
        user = vectors, random.integers(1, 6, len(vectors)).astype(float), penalty
        best = minimize(loss_of, np.zeros(5), args=user, jac=gradient_of, tol=1e-10).fun
        assert loss_of(gauss_newton(*user, STRETCHED), *user) <= best * 1.001 + 1e-3


@settings(max_examples=50)
@given(st.integers(0, 10**6), st.integers(1, 12), st.sampled_from([0.1, 1.0, 10.0, 100.0]))
def test_the_vector_is_a_minimum_wherever_the_descent_has_led(seed, n_items, scale):
    random, penalty = np.random.default_rng(seed), np.array([0.01, 0.1, 1, 10])
    vectors = random.normal(0, scale, (n_items, 4))
    user = vectors, random.uniform(1, 5, n_items), penalty
    w = gauss_newton(*user, STRETCHED)
    assert loss_of(w, *user) <= loss_of(np.zeros(4), *user)
    around = [loss_of(w + step, *user) for step in 1e-3 / scale * random.normal(size=(20, 4))]
    assert loss_of(w, *user) <= min(around) * (1 + 1e-6)


def test_a_user_is_folded_in_alone_as_among_others():
    vectors, penalty = RANDOM.normal(size=(6, 4)), np.ones(4)
    targets = csr_array(RANDOM.uniform(1, 5, size=(3, 6)))
    among = fold_in(targets, vectors, penalty)
    assert np.array_equal(among[[1]], fold_in(targets[[1]], vectors, penalty))


@cache
def rating_model(name, **changes):
    options = options_of(name, **changes)
    return fit_model(options, True, RUNNING, WORLD.catalogue, **WORLD.parts).fitted.model


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("autorec", {}),
        ("autorec", {"model__target": "raw"}),
        ("autorec", {"model__target": "raw", "model__decoder_activation": "sigmoid"}),
        ("mf", {}),
        ("autorec_user", {}),
    ],
)
def test_an_unseen_user_is_predicted_as_well_as_when_known(name, changes):
    model = rating_model(name, **changes)
    users = np.arange(WORLD.catalogue.users)
    likes = users[:, None] % 2 == np.arange(WORLD.catalogue.items) % 2
    known = model.predict(BOTH.ratings, users)
    unseen = model.predict(BOTH.ratings, np.full_like(users, -1))
    assert ((unseen > 3) == likes).mean() > 0.97
    assert (
        np.abs(unseen - np.where(likes, 4.7, 1.3)).mean()
        < 0.1 + np.abs(known - np.where(likes, 4.7, 1.3)).mean()
    )


def test_the_history_of_a_known_user_moves_nothing_in_models_that_do_not_read_it():
    less = BOTH.ratings.copy()
    less.data = 6 - less.data
    for name in ("mf", "autorec"):
        model = rating_model(name)
        moved = model.score(BOTH.ratings, np.array([*range(40)])) - model.score(
            less, np.array([*range(40)])
        )
        assert not model.reads_histories
        # item-based AutoRec reads the user's bias off the history, and nothing else
        assert np.allclose(moved - moved[:, :1], 0, atol=1e-4)
