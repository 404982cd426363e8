"""Sequential EASE is the ridge regression of its docstring, and learns from the order alone."""

import fits
import numpy as np
import pytest
from checkerboard import World, checkerboard
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from model_options import RUNNING, options_of
from pydantic import ValidationError
from scipy.sparse import csr_array

from collaborative_autoencoders.datasets.fabricated import fabricate_ratings
from collaborative_autoencoders.evaluation.known import Known
from collaborative_autoencoders.evaluation.ranking import rank_items
from collaborative_autoencoders.interactions import Interactions
from collaborative_autoencoders.interactions.user_order import places_of
from collaborative_autoencoders.learning.fit_model import fit_model
from collaborative_autoencoders.models import inverse
from collaborative_autoencoders.models.model import Catalogue
from collaborative_autoencoders.models.sequences import ages_of, sequences_of
from collaborative_autoencoders.models.sequential_ease import SequentialEASE, gib_of

N_USERS, N_ITEMS = 4, 5
SMALL = Catalogue(N_USERS, N_ITEMS, 1, 5)
WINDOWS = [
    {"lags": 1, "decay": 1, "weight": 1},
    {"lags": 3, "decay": 0.7, "weight": 1},
    {"lags": 60, "decay": 0.9, "weight": 0.5},
]


def model_of(catalogue=SMALL, **changes) -> SequentialEASE:
    changed = {f"model__{name}": value for name, value in changes.items()}
    return SequentialEASE(options_of("sequential_ease", **changed).model, catalogue)


def in_order(ranks_UI) -> csr_array:
    """The order in which each user likes the items of positive rank, with gaps in the places."""
    return csr_array(np.where(ranks_UI > 0, ranks_UI * 10 + np.arange(ranks_UI.shape[1]), 0))


histories = arrays(np.float32, (N_USERS, N_ITEMS), elements=st.integers(0, 5)).map(in_order)


def windows_before(items, options) -> np.ndarray:
    """All windows of a history, side by side, by the definition."""
    row = np.zeros((len(options.windows), N_ITEMS))
    for number, window in enumerate(options.windows):
        for lag, item in enumerate(reversed(items[-window.lags :])):
            row[number, item] = window.weight * window.decay**lag
    return row.reshape(-1)


def sequences(order_UI) -> list[list[int]]:
    dense = order_UI.toarray()
    return [[item for item in np.argsort(row) if row[item]] for row in dense]


@given(histories)
def test_the_weights_are_the_ridge_regression_of_every_next_item(order_UI):
    model = model_of(windows=WINDOWS, penalty=2.0, history_weight=0)
    model.fit(order_UI)

    next_item = [(own[:at], own[at]) for own in sequences(order_UI) for at in range(len(own))]
    x = np.array([windows_before(items, model.options) for items, _ in next_item])
    x = x.reshape(-1, 3 * N_ITEMS)
    y = np.eye(N_ITEMS)[[item for _, item in next_item]].reshape(-1, N_ITEMS)
    by_hand = np.linalg.solve(x.T @ x + 2 * np.eye(3 * N_ITEMS), x.T @ y)
    np.testing.assert_allclose(model.weight_WII.reshape(-1, N_ITEMS), by_hand, atol=1e-6)

    scores = np.array([windows_before(items, model.options) for items in sequences(order_UI)])
    np.testing.assert_allclose(model.score(order_UI, np.arange(4)), scores @ by_hand, atol=1e-5)


@given(histories)
def test_sequences_and_ages_are_those_of_the_places(order_UI):
    own = sequences_of(order_UI)

    cut = [own.items_N[start:end] for start, end in zip(own.start_U, own.start_U[1:], strict=False)]
    assert [items.tolist() for items in cut] == sequences(order_UI)
    aged = csr_array((ages_of(order_UI) + 1, order_UI.indices, order_UI.indptr), order_UI.shape)
    oldest_first = [np.argsort(-row)[: np.count_nonzero(row)] for row in aged.toarray()]
    assert [items.tolist() for items in oldest_first] == sequences(order_UI)


def test_the_history_as_a_whole_adds_the_scores_of_ease():
    order_UI = in_order(np.random.default_rng(0).integers(0, 4, (N_USERS, N_ITEMS)))
    with_history, without = model_of(history_weight=0.5), model_of(history_weight=0)
    with_history.fit(order_UI)
    without.fit(order_UI)

    likes_UI = order_UI.copy()
    likes_UI.data[:] = 1
    users = np.arange(N_USERS)
    added = with_history.score(order_UI, users) - without.score(order_UI, users)

    np.testing.assert_allclose(added, with_history.history.score(likes_UI, users) / 2, atol=1e-6)


def test_a_matrix_too_large_for_one_call_of_lapack_gives_the_same_weights(monkeypatch):
    order_UI = in_order(np.random.default_rng(1).integers(0, 4, (N_USERS, N_ITEMS)))
    whole, by_blocks = model_of(penalty=1.0), model_of(penalty=1.0)
    whole.fit(order_UI)

    monkeypatch.setattr(inverse, "LARGEST", 4)
    by_blocks.fit(order_UI)

    np.testing.assert_allclose(by_blocks.weight_WII, whole.weight_WII, atol=1e-7)


def test_a_penalty_of_zero_is_too_small_and_the_key_is_named():
    with pytest.raises(ValueError, match=r"sequential_ease.model.penalty: 0 is too small"):
        model_of(penalty=0).fit(in_order(np.ones((N_USERS, N_ITEMS))))


def test_a_fit_over_the_memory_limit_is_refused_before_it_begins():
    model = model_of(Catalogue(4, 10**6, 1, 5), memory_limit_gb=8)

    with pytest.raises(ValueError, match=r"3 windows of 1,000,000 items need 1.\d+e\+05 GiB"):
        model.fit(csr_array((4, 10**6), dtype=np.float32))
    options, world = options_of("sequential_ease", model__memory_limit_gb=1e-9), checkerboard()
    fitted = fit_model(options, True, RUNNING, world.catalogue, **world.parts).fitted
    assert "sequential_ease.model.memory_limit_gb: 1e-09" in fitted.left_out


def test_the_history_has_one_factor_and_its_errors_name_its_own_block():
    history = options_of("sequential_ease").model.history.model_dump()
    with pytest.raises(ValidationError, match=r"history\n.*validation chooses no factor here"):
        options_of("sequential_ease", model__history=history | {"penalty_factor": [1, 2]})
    model = model_of(history=history | {"penalty": 0.0})
    with pytest.raises(ValueError, match=r"^sequential_ease.model.history.penalty: 0 is too"):
        model.fit(in_order(np.ones((N_USERS, N_ITEMS))))
    assert gib_of(1_000, 2) == pytest.approx(1_000**2 * (8 * 4 + 12 * 2) / 2**30)


def fabricated_world() -> tuple[World, list[int]]:
    """Fabricated ratings, whose users go from item to next higher item; the last like is test."""
    ratings = fabricate_ratings(300, 60, seed=1)
    user, item, value = (ratings[name].to_numpy() for name in ("user_id", "item_id", "rating"))
    place = places_of(user, ratings["timestamp"].to_numpy(), np.arange(len(user)), value >= 4)
    n_likes = np.bincount(user, weights=place > 0).astype(int)
    part = np.select([place == n_likes[user], place == n_likes[user] - 1], [2, 1], 0)
    part[place == 0] = 0

    def of(number: int) -> Interactions:
        rows = part == number
        values = {"ratings": value[rows], "times": None, "order": place[rows]}
        return Interactions.from_rows(user[rows], item[rows], (300, 60), like_threshold=4, **values)

    world = World(of(0), of(1), of(2), Catalogue(300, 60, 1, 5))
    return world, world.test.likes.indices.tolist()


def share_of_next(model, order_UI, world, held_out) -> float:
    """The share of users whose next like is at the top of the list."""
    known = Known(order_UI, world.known.ratings)
    items, _ = rank_items(model, known, 1, 100)
    return float((items == np.array(held_out)[:, None]).any(axis=1).mean())


@pytest.mark.parametrize("name", ["sequential_ease", "sequential_dae", "sasrec"])
def test_a_planted_order_is_learned_and_lost_when_it_is_read_backwards(name):
    world, held_out = fabricated_world()
    order_UI = world.known.view("order")
    backwards_UI = order_UI.copy()
    backwards_UI.data = order_UI.data.max() + 1 - order_UI.data
    model = fits.fit(name, world).model
    ease = fits.fit("ease", world).model

    by_order = share_of_next(model, order_UI, world, held_out)
    by_set = share_of_next(ease, world.known.likes, world, held_out)
    by_backwards = share_of_next(model, backwards_UI, world, held_out)

    assert by_order > by_set + 0.1
    assert by_backwards < 0.05
