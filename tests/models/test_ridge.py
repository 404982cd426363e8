"""The inverse of EASE is in float32 where, and only where, its measured error is harmless.

Dimension key: U users, I items.
"""

import numpy as np
import pytest
from scipy.linalg import LinAlgError
from scipy.sparse import csr_array

from collaborative_autoencoders.models import ridge
from collaborative_autoencoders.models.ridge import error_of_weights, over_items, over_users

FORMS = {"items": over_items, "users": over_users}


def scaled(users=300, items=40, seed=0):
    """Likes with weights, of items that differ in popularity."""
    rng = np.random.default_rng(seed)
    has_UI = rng.random((users, items)) < np.linspace(0.9, 0.02, items)
    return csr_array(has_UI * rng.uniform(0.5, 2, size=(users, 1)))


def inverse_from(form, found, scaled_UI, penalty):
    """P of a form, in float64."""
    found = found.astype(np.float64)
    if form == "items":
        return found
    dense_UI = scaled_UI.toarray()
    return (np.eye(dense_UI.shape[1]) - dense_UI.T @ found @ dense_UI) / penalty


def exact(scaled_UI, penalty):
    dense_UI = scaled_UI.toarray()
    return np.linalg.inv(dense_UI.T @ dense_UI + penalty * np.eye(dense_UI.shape[1]))


def true_error(inverse_II, scaled_UI, penalty):
    """The largest error of a weight or, relative, of the diagonal, as a share of the largest."""
    right_II = exact(scaled_UI, penalty)
    own_I, right_I = np.diag(inverse_II), np.diag(right_II)
    error_II = np.abs(inverse_II / own_I - right_II / right_I)
    weight_II = np.abs(right_II / right_I)
    np.fill_diagonal(error_II, np.abs(own_I / right_I - 1))
    np.fill_diagonal(weight_II, 0)
    return error_II.max() / weight_II.max()


@pytest.fixture
def large(monkeypatch):
    """Let every matrix count as a large one, and every column be measured."""
    monkeypatch.setattr(ridge, "FEW", 0)
    monkeypatch.setattr(ridge, "SAMPLED", 40)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("penalty", [3.0, 30.0, 300.0])
def test_the_error_that_is_measured_is_the_error(form, penalty, large, monkeypatch):
    measured = []

    def keep(*given):
        measured.append(error_of_weights(*given))
        return 0.0

    monkeypatch.setattr(ridge, "error_of_weights", keep)
    scaled_UI = scaled()
    found = FORMS[form](scaled_UI, penalty)
    assert found.dtype == np.float32
    error = true_error(inverse_from(form, found, scaled_UI, penalty), scaled_UI, penalty)
    assert measured[0] == pytest.approx(error, rel=0.05)


@pytest.mark.parametrize("form", FORMS)
def test_a_large_matrix_is_inverted_in_float32_and_says_so(form, large, caplog):
    with caplog.at_level("INFO"):
        found = FORMS[form](scaled(), 30.0)
    assert found.dtype == np.float32
    (said,) = [record.getMessage() for record in caplog.records]
    assert said.startswith("inverse in float32: weights have an error of ")
    error = true_error(inverse_from(form, found, scaled(), 30.0), scaled(), 30.0)
    assert error < ridge.HARMLESS


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("penalty", [1e-5, 1e-7])  # an error that is seen, and no inverse at all
def test_a_harmful_error_is_avoided_by_float64(form, penalty, large, caplog):
    scaled_UI = scaled(users=30 if form == "items" else 300)  # neither Gram matrix has full rank
    with caplog.at_level("INFO"):
        found = FORMS[form](scaled_UI, penalty)
    assert found.dtype == np.float64
    assert caplog.records[-1].getMessage().startswith("inverse in float64: ")
    if form == "items":  # P from K loses digits by its subtraction
        assert true_error(found, scaled_UI, penalty) < ridge.HARMLESS


def test_a_small_matrix_is_inverted_in_float64_without_a_measurement(caplog):
    with caplog.at_level("INFO"):
        assert over_items(scaled(), 30.0).dtype == np.float64
    assert not caplog.records


def test_items_without_weights_show_no_error_so_they_have_float64(large):
    alone_UI = csr_array(np.eye(50, 40))
    found = over_items(alone_UI, 1.0)
    assert found.dtype == np.float64
    assert found == pytest.approx(np.eye(40) / 2)


def test_weights_that_vanish_beside_the_diagonal_have_float64(large):
    """With a large λ the weight from an item to itself, 1 − λ P_jj, is a difference of equals."""
    assert over_items(scaled(), 1e9).dtype == np.float64


@pytest.mark.parametrize("form", FORMS)
def test_a_penalty_too_small_for_float64_is_an_error(form, large):
    with pytest.raises(LinAlgError):
        FORMS[form](scaled(), 1e-12)
