"""EASE by hand and by its laws: Steck's equation, the dual form, weights, the relaxed diagonal."""

import math
import tracemalloc
from contextlib import contextmanager

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from model_options import options_of
from scipy.sparse import csr_array

from collaborative_autoencoders.models import ease
from collaborative_autoencoders.models.ease import EASE
from collaborative_autoencoders.models.local_ease import gib_of_neighbours, popular_within
from collaborative_autoencoders.models.model import Catalogue

STECK = {
    "model__user_exponent": 0,
    "model__item_exponent": 0,
    "model__score_exponent": 1,
    "model__relaxation": 0,
}


def likes_of(seed, users, items):
    dense = (np.random.default_rng(seed).random((users, items)) < 0.3).astype(np.float32)
    dense[0] = dense[:, 0] = 1  # every item and every user has a like
    return csr_array(dense)


def fitted(likes_UI, **changes):
    options = options_of("ease", model__penalty=3.0, **changes).model
    model = EASE(options, Catalogue(*likes_UI.shape, None, None))
    model.fit(likes_UI)
    return model


def scores_of(model, likes_UI):
    return model.score(likes_UI, np.arange(likes_UI.shape[0]))


def test_without_weights_it_is_equation_8():
    likes = likes_of(0, 12, 5)
    inverse = np.linalg.inv((likes.T @ likes).toarray() + 3 * np.eye(5))
    weights = np.eye(5) - inverse / np.diag(inverse)
    assert fitted(likes, **STECK).weight_II == pytest.approx(weights, abs=1e-5)
    assert np.diag(weights) == pytest.approx(np.zeros(5))


@settings(max_examples=25)
@given(
    st.integers(0, 10**6),
    st.integers(2, 12),
    st.integers(2, 12),
    st.floats(0, 1, width=16),
    st.floats(0, 0.5, width=16),
    st.floats(0, 1, width=16),
)
def test_both_forms_give_the_same_scores(seed, users, items, exponent, scale, relaxation):
    likes = likes_of(seed, users, items)
    changes = {
        "model__user_exponent": exponent,
        "model__item_exponent": scale,
        "model__relaxation": relaxation,
    }
    both = []
    for fewer in (1e9, 1e-9):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(ease, "FEWER", fewer)
            both.append(fitted(likes, **changes))
    assert [model.inverse is None for model in both] == [True, False]
    primal, dual = (scores_of(model, likes) for model in both)
    assert dual == pytest.approx(primal, abs=1e-4)


def test_users_and_items_have_the_weights_of_the_formula():
    likes, changes = likes_of(1, 9, 4), {"user": 0.5, "item": 0.3, "score": 0.7}
    model = fitted(
        likes, **{f"model__{name}_exponent": value for name, value in changes.items()},
        model__relaxation=0,
    )  # fmt: skip
    user_counts, item_counts = likes.sum(1), likes.sum(0)
    weights = np.diag((user_counts / user_counts.mean()) ** -0.5)
    factors = np.diag(((item_counts + 1) / (item_counts.mean() + 1)) ** -0.3)
    scaled = likes.toarray() @ factors
    inverse = np.linalg.inv(scaled.T @ weights @ scaled + 3 * np.eye(4))
    wanted = scaled @ (np.eye(4) - inverse / np.diag(inverse)) @ np.diag(np.diag(factors) ** -0.7)
    assert scores_of(model, likes) == pytest.approx(wanted, abs=1e-4)


@pytest.mark.parametrize("relaxation", [0.1, 0.3, 1])
def test_an_item_explains_at_most_the_share_of_itself_that_is_allowed(relaxation):
    model = fitted(likes_of(2, 30, 6), **STECK | {"model__relaxation": relaxation})
    assert np.diag(model.weight_II).max() <= relaxation + 1e-6
    if relaxation == 1:
        gram = (likes_of(2, 30, 6).T @ likes_of(2, 30, 6)).toarray()
        ridge = np.linalg.solve(gram + 3 * np.eye(6), gram)
        assert model.weight_II == pytest.approx(ridge, abs=1e-5)


def test_an_automatic_penalty_is_that_number():
    likes = likes_of(3, 20, 5)
    number = 2 * ease.AUTO * (likes.nnz / 5) ** 0.5
    options = options_of("ease", model__penalty="auto", model__penalty_factor=2).model
    auto = EASE(options, Catalogue(*likes.shape, None, None))
    auto.fit(likes)
    by_number = EASE(
        options_of("ease", model__penalty=number).model, Catalogue(*likes.shape, None, None)
    )
    by_number.fit(likes)
    assert np.array_equal(auto.weight_II, by_number.weight_II)


def test_a_stored_dual_form_gives_the_same_scores_and_no_other_is_read():
    likes = likes_of(4, 4, 20)
    model = fitted(likes)
    again = EASE(model.options, model.catalogue)
    again.load_state(model.state())
    assert model.inverse is not None
    assert np.array_equal(scores_of(again, likes), scores_of(model, likes))
    for name, change in (
        ("kernel_UU", lambda value: value[:, 1:]),
        ("kernel_UU", lambda value: value[0, 0]),
        ("gamma_I", lambda value: value * 0),
        ("indptr", lambda value: value[::-1]),
        ("factor_I", lambda value: value.astype(np.float64)),
    ):
        with pytest.raises(ValueError, match=r"."):
            again.load_state(model.state() | {name: change(model.state()[name])})


def test_the_form_that_keeps_the_memory_limit_is_chosen_and_named(caplog):
    likes, gib = likes_of(5, 12, 20), 24 / 2**30
    with caplog.at_level("INFO"):
        assert fitted(likes).inverse is None
        assert fitted(likes, model__memory_limit_gb=200 * gib).inverse is not None
    assert [record.getMessage().split(",")[0] for record in caplog.records[:2]] == [
        "ease: over pairs of items",
        "ease: over pairs of users",
    ]


@contextmanager
def too_many_pairs():
    """Lets pairs take more memory than there is, as in a large catalogue."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(ease, "gib_of_pairs", lambda size: math.inf)
        yield


def test_the_memory_of_a_fit_over_neighbours_is_what_it_allocates():
    """A block of pairs, weights by column and by row, and the likes, at their worst at once."""
    likes = likes_of(0, 100, 200)
    needed = gib_of_neighbours(200, 20, likes.nnz)
    with too_many_pairs():
        fitted(likes_of(0, 5, 5))  # what is imported at first use
        for limit in (needed, 1.1 * needed):  # of popular items there are none, and more than 100
            tracemalloc.start()
            fitted(likes, model__neighbours=20, model__memory_limit_gb=limit)
            _, peak = tracemalloc.get_traced_memory()
            tracemalloc.stop()
            assert 0.5 < peak / 2**30 / limit <= 1.05  # .58 to .67 were seen


@pytest.mark.parametrize("gib", [0, 60 / 2**30, 1])
def test_the_memory_left_for_popular_items_does_not_change_a_weight(gib):
    likes = likes_of(7, 30, 20)
    with too_many_pairs(), pytest.MonkeyPatch.context() as patched:
        whole = fitted(likes, model__neighbours=6, model__user_exponent=0.3)
        patched.setattr(ease, "popular_within", lambda _: popular_within(gib))
        other = fitted(likes, model__neighbours=6, model__user_exponent=0.3)
    for name, value in whole.state().items():
        assert np.array_equal(value, other.state()[name])


def test_a_large_catalogue_is_fitted_over_the_neighbours_of_each_item(caplog):
    likes = likes_of(5, 12, 20)
    with caplog.at_level("INFO"), too_many_pairs():
        local = fitted(likes, model__neighbours=2)
    assert caplog.records[-1].getMessage().startswith("ease: over neighbours of each item")
    again = EASE(local.options, local.catalogue)
    again.load_state(local.state())
    assert (local.weight_II.toarray() != 0).sum(axis=0).max() <= 3
    assert np.array_equal(scores_of(again, likes), scores_of(local, likes))
    needed = gib_of_neighbours(20, 2, likes.nnz)
    message = r"2 neighbours of 20 items need .* Lower ease\.model\.neigh"
    with too_many_pairs(), pytest.raises(ValueError, match=message):
        fitted(likes, model__memory_limit_gb=0.9 * needed, model__neighbours=2)


@pytest.mark.parametrize("spare_gib", [8, 0])
def test_fits_of_a_ladder_are_those_that_each_factor_has_alone(spare_gib):
    """They share their work where the limit allows it; the lower one has no room for two."""
    likes = likes_of(8, 30, 20)
    gib = gib_of_neighbours(20, 4, likes.nnz) + spare_gib
    changes = {"model__penalty": "auto", "model__neighbours": 4, "model__memory_limit_gb": gib}
    each = [options_of("ease", model__penalty_factor=n, **changes).model for n in (0.5, 2)]
    catalogue = Catalogue(*likes.shape, None, None)
    with too_many_pairs():
        together = list(EASE.fit_each(each, catalogue, likes))
        for options, model in zip(each, together, strict=True):
            alone = EASE(options, catalogue)
            alone.fit(likes)
            assert model.chosen == alone.chosen
            for name, value in alone.state().items():
                assert np.array_equal(value, model.state()[name])


@pytest.mark.parametrize("n_items", [1, 7, 20])
def test_penalties_are_compared_on_the_items_of_most_likes_with_the_scores_of_a_whole_fit(
    monkeypatch, n_items
):
    likes = likes_of(8, 30, 20)
    monkeypatch.setattr(ease, "COMPARED_ITEMS", n_items)
    options = options_of("ease", model__penalty_factor=2, model__neighbours=4).model
    catalogue = Catalogue(*likes.shape, None, None)
    whole = EASE(options, catalogue)
    with too_many_pairs():
        (compared,) = EASE.fit_each([options], catalogue, likes)
        whole.fit(likes)
    listed = scores_of(compared, likes) > -np.inf
    count_I = np.asarray(likes.sum(axis=0))
    assert listed.sum() == n_items * len(listed)
    assert count_I[listed[0]].min() >= count_I[~listed[0]].max(initial=0)
    assert np.array_equal(scores_of(compared, likes)[listed], scores_of(whole, likes)[listed])


@settings(max_examples=25)
@given(
    st.integers(0, 10**6),
    st.integers(2, 12),
    st.floats(0, 1, width=16),
    st.floats(0, 0.5, width=16),
    st.floats(0, 1, width=16),
)
def test_with_all_items_as_neighbours_it_is_ease(seed, size, exponent, scale, relaxation):
    likes = likes_of(seed, size, size)
    changes = {
        "model__user_exponent": exponent,
        "model__item_exponent": scale,
        "model__relaxation": relaxation,
    }
    with too_many_pairs():
        local = fitted(likes, **changes)
    assert isinstance(local.weight_II, csr_array)
    assert scores_of(local, likes) == pytest.approx(
        scores_of(fitted(likes, **changes), likes), abs=1e-4
    )


def test_an_item_without_likes_has_no_score_in_any_form():
    likes = likes_of(6, 8, 8).tolil()
    likes[:, 3] = 0
    likes = csr_array(likes)
    with too_many_pairs():
        local = fitted(likes)
    for model in (fitted(likes), local):
        assert scores_of(model, likes)[:, 3] == pytest.approx(0)
