"""The bias model: what its automatic damping is."""

import numpy as np
import pytest
from model_options import parameters_of
from scipy.sparse import csr_array, random_array

from collaborative_autoencoders.models.bias import (
    UNKNOWN_DAMPING,
    Bias,
    BiasOptions,
    noise_by_spread,
)
from collaborative_autoencoders.models.model import Catalogue
from collaborative_autoencoders.models.sums import Groups, Scale

AUTO = BiasOptions(damping="auto")


def fitted(ratings_UI, options=AUTO):
    scale = float(ratings_UI.data.min()), float(ratings_UI.data.max())
    model = Bias(options, Catalogue(*ratings_UI.shape, *scale))
    model.fit(ratings_UI)
    return model


def drawn(users=400, items=300, density=0.1, noise=1.0, of_items=0.5, of_users=0.25, seed=0):
    """Ratings of users and items with normal biases of these standard deviations, and noise."""
    random = np.random.default_rng(seed)
    ratings_UI = random_array((users, items), density=density, rng=random, dtype=np.float32)
    ratings_UI = ratings_UI.tocsr()
    user_N, item_N = ratings_UI.nonzero()
    bias_N = random.normal(0, of_items, items)[item_N] + random.normal(0, of_users, users)[user_N]
    rating_N = (3 + bias_N + random.normal(0, noise, len(user_N))).astype(np.float32)
    return csr_array((rating_N, (user_N, item_N)), shape=(users, items))


def moments(deviation_N, group_N):
    groups = Groups(8, Scale.of(4))
    groups.add(np.array(group_N), np.array(deviation_N))
    return groups.moments()


def test_noise_by_spread_by_hand():
    deviation_N, group_N = [-3.0, -1, 1, 3], [0, 0, 7, 7]
    within = (1 + 1 + 1 + 1) / (4 - 2)
    between = (2 * 2**2 + 2 * 2**2 - (2 - 1) * within) / (4 - (2**2 + 2**2) / 4)
    assert noise_by_spread(moments(deviation_N, group_N)) == pytest.approx(within / between)


@pytest.mark.parametrize(
    ("deviation_N", "group_N", "expected"),
    [
        ([1.0, -1.0, 0.5], [0, 1, 2], UNKNOWN_DAMPING),  # no group has two
        ([2.0, 2.0, -2.0, -2.0], [0, 0, 1, 1], 0),  # no noise
        ([0.0, 0.0, 0.0], [0, 0, 1], 0),  # nothing at all
        ([1.0, -1.0, 1.0, -1.0], [0, 0, 1, 1], 4),  # no bias: the number of ratings
        ([1.0, -1.0, 1.0, -1.0], [0, 0, 0, 0], 4),  # one group
    ],
)
def test_noise_by_spread_at_the_edges(deviation_N, group_N, expected):
    assert noise_by_spread(moments(deviation_N, group_N)) == pytest.approx(expected)


@pytest.mark.parametrize("size", [{}, {"density": 0.02}, {"users": 100}, {"items": 80}])
def test_the_dampings_are_the_variance_of_the_noise_over_those_of_the_biases(size):
    chosen = fitted(drawn(**size)).chosen
    of_items = (1 + 0.25**2) / 0.5**2  # an item's ratings differ by their users too
    assert chosen["damping_of_items"] == pytest.approx(of_items, rel=0.35)
    assert chosen["damping_of_users"] == pytest.approx(1 / 0.25**2, rel=0.35)


@pytest.mark.parametrize(("factor", "shift"), [(20, 0), (1, 7), (-3, 2)])
def test_another_scale_changes_only_the_unit_of_the_predictions(factor, shift):
    ratings_UI = drawn(users=60, items=40)
    scaled_UI = csr_array(
        (factor * ratings_UI.data + shift, ratings_UI.indices, ratings_UI.indptr), ratings_UI.shape
    )
    one, other = fitted(ratings_UI), fitted(scaled_UI)
    assert other.chosen == pytest.approx(one.chosen, rel=1e-3)
    users_U = np.arange(60)
    expected_UI = factor * one.score(ratings_UI, users_U) + shift
    np.testing.assert_allclose(other.score(scaled_UI, users_U), expected_UI, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("giant", [1e4, 1e8])
def test_one_rating_far_from_all_others_leaves_the_damping_of_users(giant):
    rating_UI = drawn().toarray()
    giant_UI = np.zeros((400, 1), dtype=np.float32)
    giant_UI[0] = giant
    expected = fitted(csr_array(rating_UI)).chosen["damping_of_users"]
    found = fitted(csr_array(np.hstack([rating_UI, giant_UI]))).chosen["damping_of_users"]
    assert found == pytest.approx(expected, rel=0.01)


def test_a_number_damps_users_and_items_and_its_stored_model_is_as_before():
    ratings_UI = drawn(users=60, items=40)
    model = fitted(ratings_UI, BiasOptions(damping=5))
    assert model.chosen == {}
    assert set(model.state()) == {"mean", "item_bias_I"}
    history_UI = csr_array(([5.0], ([0], [0])), shape=(1, 40))
    rest = 5 - model.mean - model.item_bias_I[0]
    expected_I = model.mean + rest / (1 + 5) + model.item_bias_I
    np.testing.assert_allclose(model.score(history_UI, np.array([-1]))[0], expected_I, rtol=1e-6)


def test_the_damping_of_users_is_stored_and_must_not_be_negative():
    ratings_UI = drawn(users=60, items=40)
    model = fitted(ratings_UI)
    again = Bias(AUTO, model.catalogue)
    again.load_state(model.state())
    assert (again.score(ratings_UI, np.arange(60)) == model.score(ratings_UI, np.arange(60))).all()
    with pytest.raises(ValueError, match="damping of users is below 0"):
        again.load_state(model.state() | {"user_damping": np.float32(-1)[()].reshape(())})


@pytest.mark.parametrize("env", ["autorec", "d2l"])
def test_published_protocols_keep_the_damping_of_their_page(env):
    assert parameters_of(env)["bias"]["model"] == {"damping": 5}
