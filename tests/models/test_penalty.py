"""Options that fit the data: the laws of automatic penalties, batches and standardised ratings."""

import math

import numpy as np
import pytest
import torch
from checkerboard import checkerboard
from hypothesis import given
from hypothesis import strategies as st
from model_options import RUNNING, options_of
from pydantic import ValidationError
from scipy.sparse import csr_array, vstack

from collaborative_autoencoders.interactions import Interactions
from collaborative_autoencoders.learning.fit_model import fit_model
from collaborative_autoencoders.models.cdae import CDAE
from collaborative_autoencoders.models.model import Catalogue
from collaborative_autoencoders.models.penalty import item_noise, noise_of

#                  three items have ratings, 4 ratings in all: n̄ = 4 / 3
LIKES = csr_array(np.array([[1, 1, 0, 0], [1, 0, 1, 0], [0, 0, 0, 0]], dtype=np.float32))
AUTO = {f"model__{name}_penalty": "auto" for name in ("encoder", "user", "decoder")}
WORLD = checkerboard()


def penalty_groups(likes_UI, **changes):
    network = CDAE(options_of("cdae", **AUTO | changes).model, Catalogue(*likes_UI.shape, 1, 5))
    network.start(likes_UI, torch.Generator())
    return list(network.penalties(users_with_likes(likes_UI)))


def strengths_of(likes_UI, **changes):
    groups = penalty_groups(likes_UI, **changes)[:3]
    return [group.strength * users_with_likes(likes_UI) for group in groups]


def users_with_likes(likes_UI):
    return np.count_nonzero(np.diff(likes_UI.indptr))


def test_automatic_penalties_by_hand():
    assert noise_of(LIKES) == pytest.approx((4 / 3) ** 0.5)
    wanted = np.array([0.64, 2.87, 41]) * (4 / 3) ** 0.5
    assert strengths_of(LIKES) == pytest.approx(wanted)
    assert strengths_of(LIKES, model__penalty_factor=3.0) == pytest.approx(3 * wanted)


def test_a_number_is_a_number_whatever_the_data():
    assert strengths_of(LIKES, model__decoder_penalty=0.5, model__penalty_factor=3.0)[
        2
    ] == pytest.approx(0.5 * 2)  # two users have likes


def test_twice_as_many_users_have_a_penalty_on_the_sum_of_root_two():
    twice = csr_array(vstack([LIKES, LIKES]))
    assert strengths_of(twice) == pytest.approx(2**0.5 * np.array(strengths_of(LIKES)))


def test_the_noise_of_items_by_hand():
    likes = np.array([0, 1, 4])  # of 7 users; the mean of the items that have any is 2.5
    share = np.array([0.5, 1, 4]) / 8
    assert item_noise(likes, 7) == pytest.approx([(7 * p * (1 - p) / 2.5) ** 0.5 for p in share])


@given(st.lists(st.integers(1, 50), min_size=1))
def test_the_noise_of_rare_items_is_the_root_of_their_likes(likes):
    found = item_noise(np.array(likes), 10**7)
    assert found == pytest.approx(np.sqrt(likes / np.mean(likes)), rel=1e-3)


def test_an_automatic_penalty_of_the_decoder_follows_the_noise_of_each_item():
    *others, decoder, biases = penalty_groups(LIKES)
    assert decoder.factor.tolist() == pytest.approx(item_noise(np.array([2, 1, 1, 0]), 2).tolist())
    assert all(group.factor is None for group in (*others, biases))
    assert penalty_groups(LIKES, model__decoder_penalty=0.5)[2].factor is None


@given(st.integers(1, 10**6))
def test_an_automatic_batch_is_an_eighth_of_the_rows_and_no_larger_than_its_limit(n_rows):
    fitting = options_of("cdae", fitting__batch_size="auto").fitting
    assert fitting.n_batches(n_rows) == min(8, n_rows)
    n_batches = fitting.n_batches(n_rows, 4096)
    sizes = [len(rows) for rows in torch.arange(n_rows).tensor_split(n_batches)]
    assert sum(sizes) == n_rows
    assert min(sizes) > 0 and max(sizes) <= 4096 and max(sizes) - min(sizes) <= 1
    assert len(sizes) == min(8, n_rows) or max(sizes) > 3400


@pytest.mark.parametrize(
    ("changes", "most"),
    [
        ({}, None),
        ({"model__hidden_size": 4096}, 4096),
        ({"model__loss": "multinomial"}, 4096),
        ({"model__output_activation": "sigmoid"}, 4096),
    ],
)
def test_a_batch_of_cdae_has_a_limit_only_if_a_step_computes_all_outputs(changes, most):
    square = {"model__loss": "square", "model__output_activation": "identity"}
    options = options_of("cdae", **square | changes).model
    assert CDAE(options, Catalogue(2, 5000, None, None)).most_rows() == most


@pytest.mark.parametrize("name", ["cdae", "autorec"])
def test_the_size_of_an_automatic_batch_is_told(name):
    options = options_of(name, fitting__batch_size="auto", fitting__epochs=1)
    n_rows = {"cdae": WORLD.catalogue.users, "autorec": WORLD.catalogue.items}[name]
    chosen = fit_model(options, False, RUNNING, WORLD.catalogue, **WORLD.parts).chosen
    assert chosen["batch_size"] == math.ceil(n_rows / 8)


@given(st.integers(1, 10**5), st.integers(1, 10**4))
def test_batches_of_a_given_size_are_no_larger_and_equal(n_rows, batch_size):
    fitting = options_of("cdae", fitting__batch_size=batch_size).fitting
    sizes = [len(rows) for rows in torch.arange(n_rows).tensor_split(fitting.n_batches(n_rows))]
    assert max(sizes) <= batch_size and max(sizes) - min(sizes) <= 1


@pytest.mark.parametrize("changes", [{}, {"model__target": "raw"}, {"model__penalty": "auto"}])
@pytest.mark.parametrize("name", ["autorec", "autorec_user"])
def test_another_scale_of_the_ratings_changes_only_the_unit_of_a_prediction(name, changes):
    predicted = {}
    for factor, shift in ((1, 0), (20, -7)):
        parts = {
            part: Interactions.from_rows(
                *value.ratings.nonzero(),
                value.shape,
                ratings=value.ratings.data * factor + shift,
                times=None,
                like_threshold=4 * factor + shift,
            )
            for part, value in WORLD.parts.items()
        }
        catalogue = Catalogue(*WORLD.train.shape, factor + shift, 5 * factor + shift)
        # without validation, whose best epoch may turn on a rounded digit
        options = options_of(
            name, fitting__validation_metric=None, fitting__patience=None, **changes
        )
        model = fit_model(options, True, RUNNING, catalogue, **parts).fitted.model
        known = parts["train"].joined(parts["validation"]).ratings
        for kind, users in (("known", np.arange(40)), ("unseen", np.full(40, -1))):
            back = (model.predict(known, users) - shift) / factor
            predicted.setdefault(kind, []).append(back)
    for one, other in predicted.values():
        assert np.abs(one - other).max() < 0.02
        assert one.std() > 0.3


def test_an_automatic_penalty_needs_standardised_ratings():
    with pytest.raises(ValidationError, match="penalty: auto needs standardize: true"):
        options_of("autorec", model__penalty="auto", model__standardize=False)


def test_what_an_automatic_penalty_was_is_told():
    chosen = fit_model(
        options_of("autorec", model__penalty="auto"), False, RUNNING, WORLD.catalogue, **WORLD.parts
    ).chosen
    assert chosen["penalty"] == pytest.approx(50 * noise_of(WORLD.train.ratings))
    assert fit_model(options_of("mf"), False, RUNNING, WORLD.catalogue, **WORLD.parts).chosen == {}
