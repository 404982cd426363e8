"""How similar items are, by hand: weights of EASE and ItemKNN, cosines of item vectors."""

import numpy as np
import pytest
from model_options import options_of
from scipy.sparse import csr_array

from collaborative_autoencoders.models.ease import EASE
from collaborative_autoencoders.models.ensemble import Ensemble
from collaborative_autoencoders.models.itemknn import ItemKNN
from collaborative_autoencoders.models.model import Catalogue
from collaborative_autoencoders.models.similarity import similarities_of, to_unit, unit_vectors

LIKES = csr_array((np.random.default_rng(0).random((12, 6)) < 0.4).astype(np.float32))
MIXED = np.array([4, 0, 4])


def ease_of(likes_UI, **changes):
    options = options_of("ease", model__penalty=3.0, **changes).model
    model = EASE(options, Catalogue(*likes_UI.shape, None, None))
    model.fit(likes_UI)
    return model


def test_those_of_ease_are_its_weights_from_an_item():
    weight_II = ease_of(LIKES).weight_II
    assert not np.allclose(weight_II, weight_II.T, atol=1e-3)
    assert similarities_of(ease_of(LIKES))(MIXED) == pytest.approx(weight_II[MIXED], abs=1e-6)


def test_those_of_the_dual_form_of_ease_are_the_same_weights():
    few_users = LIKES.T.tocsr()[:4]
    inverse = ease_of(few_users)
    assert inverse.inverse is not None
    scores_UI = inverse.score(few_users, np.arange(4))
    weight_II = similarities_of(inverse)(np.arange(12))
    assert few_users @ weight_II == pytest.approx(scores_UI, abs=1e-5)


def test_those_of_itemknn_are_the_neighbours_of_an_item():
    """D is liked with A alone, and A is liked more often with B: D is no neighbour of A."""
    #                 A  B  C  D
    likes = csr_array([[1, 1, 1, 0], [1, 1, 0, 0], [1, 1, 0, 0], [1, 0, 0, 1]], dtype=np.float32)
    changes = {"model__neighbours": 1, "model__shrinkage": 0, "model__user_exponent": 0}
    options = options_of("itemknn", **changes).model
    model = ItemKNN(options, Catalogue(4, 4, None, None))
    model.fit(likes)
    of_a, of_d = similarities_of(model)(np.array([0, 3]))
    assert of_a == pytest.approx([0, 3 / np.sqrt(4 * 3), 0, 0])
    assert of_d == pytest.approx([1 / np.sqrt(4 * 1), 0, 0, 0])


class Vectors:
    """A model that is nothing but its item vectors."""

    options = catalogue = learns_from = reads_histories = None

    def __init__(self, *vectors):
        self.vectors_ID = np.array(vectors, dtype=np.float32)

    def item_vectors(self):
        return self.vectors_ID


def test_those_of_vectors_are_their_cosines_and_zeros_are_like_nothing():
    model = Vectors([3, 4], [6, 8], [-4, 3], [0, 0])
    assert unit_vectors(model) == pytest.approx(
        np.array([[0.6, 0.8], [0.6, 0.8], [-0.8, 0.6], [0, 0]])
    )
    assert similarities_of(model)(np.array([1])) == pytest.approx(np.array([[1, 1, 0, 0]]))


def test_those_of_an_ensemble_are_the_mean_of_its_members():
    members = Vectors([1, 0], [1, 1], [0, 2]), Vectors([5, 0, 0], [0, 1, 0], [3, 0, 4])
    every_item = np.arange(3)
    each = [similarities_of(member)(every_item) for member in members]
    mean = similarities_of(Ensemble([*members]))(every_item)
    assert mean == pytest.approx(np.mean(each, axis=0), abs=1e-6)
    assert to_unit(mean).dtype == np.float32
