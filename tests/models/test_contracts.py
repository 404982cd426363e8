"""The contract of every line of MODELS, on the checkerboard."""

import fits
import numpy as np
import pytest
import torch
from checkerboard import checkerboard, share_of_right_kind
from model_options import options_of

from collaborative_autoencoders.evaluation.ranking import rank_items
from collaborative_autoencoders.interactions.sparse import user_of_cells, where
from collaborative_autoencoders.learning.options import TrainingOptions
from collaborative_autoencoders.models import MODELS, model_class, networks
from collaborative_autoencoders.models.bytes import model_from_bytes, model_to_bytes
from collaborative_autoencoders.models.cells import CellModel
from collaborative_autoencoders.models.model import RatingModel
from collaborative_autoencoders.models.network import Network
from collaborative_autoencoders.models.registry import models_for
from collaborative_autoencoders.models.similarity import similarities_of

WORLD = checkerboard()
every_model = pytest.mark.parametrize("name", list(MODELS))


def after_two_epochs(name, world=WORLD, refit=True):
    """The model after few epochs, for what holds after any number of them."""
    is_fitted = MODELS[name].is_network or MODELS[name].members
    return fits.fit(name, world, refit, **({"fitting__epochs": 2} if is_fitted else {}))


@pytest.fixture(scope="module")
def models():
    return {name: fits.fit(name, WORLD) for name in MODELS}


def history_of(model):
    return WORLD.known.view(model.learns_from)


def lists_of(model, k=10):
    return rank_items(model, WORLD.known_to(model), k, batch_size=7)


@every_model
def test_same_seed_gives_the_same_bytes(name):
    assert model_to_bytes(after_two_epochs(name)) == model_to_bytes(after_two_epochs(name))


@every_model
def test_a_saved_model_scores_as_before(models, name):
    before, after = models[name], model_from_bytes(model_to_bytes(models[name]))
    history = history_of(before.model)
    users = np.arange(WORLD.catalogue.users)
    assert np.array_equal(before.model.score(history, users), after.model.score(history, users))
    assert after._replace(model=None) == before._replace(model=None)
    assert after.model.options == before.model.options


@every_model
def test_a_changed_bit_of_the_weights_is_noticed(models, name):
    whole = bytearray(model_to_bytes(models[name]))
    whole[-1] ^= 1
    with pytest.raises(ValueError, match="checksum"):
        model_from_bytes(bytes(whole))


@every_model
def test_scoring_moves_no_parameter(models, name):
    before = model_to_bytes(models[name])
    lists_of(models[name].model)
    assert model_to_bytes(models[name]) == before


@every_model
def test_nothing_seen_is_recommended(models, name):
    items, _ = lists_of(models[name].model)
    user, place = np.nonzero(items >= 0)
    seen = WORLD.known.ratings.tocoo()
    seen_pairs = set(zip(seen.row, seen.col, strict=True))
    assert not seen_pairs & set(zip(user, items[user, place], strict=True))


@every_model
def test_scores_do_not_depend_on_the_batch(models, name):
    model = models[name].model
    history = history_of(model)
    whole = model.score(history, np.arange(WORLD.catalogue.users))
    single = model.score(history[[3]], np.array([3]))
    assert whole.shape == (WORLD.catalogue.users, WORLD.catalogue.items)
    assert whole.dtype == np.float32
    assert np.allclose(whole[3], single[0], atol=1e-5)


@every_model
def test_an_unseen_user_and_an_empty_history_get_finite_scores(models, name):
    model = models[name].model
    history = history_of(model)
    empty = history[[0]].copy()
    empty.data, empty.indices, empty.indptr = empty.data[:0], empty.indices[:0], empty.indptr * 0
    assert np.isfinite(model.score(history[[0]], np.array([-1]))).all()
    assert np.isfinite(model.score(empty, np.array([-1]))).all()


@every_model
def test_an_unseen_user_s_list_follows_the_history(models, name):
    model = models[name].model
    history = history_of(model)
    even, odd = model.score(history[[0, 1]], np.array([-1, -1]))
    follows = not np.allclose(even - even.mean(), odd - odd.mean(), atol=1e-4)
    assert follows == (name not in ("popularity", "bias"))


@every_model
def test_a_user_without_ratings_in_the_fit_is_scored_as_unseen(name):
    users, ratings = np.arange(4), WORLD.train.ratings
    without_users = WORLD.train.without_cells(where(ratings, user_of_cells(ratings) < len(users)))
    world = WORLD._replace(train=without_users)
    model = after_two_epochs(name, world, refit=False).model
    history = history_of(model)[users]
    by_index, unseen = model.score(history, users), model.score(history, np.full(4, -1))
    assert np.allclose(by_index, unseen, atol=1e-6)


@every_model
def test_a_model_says_whether_a_known_user_s_history_is_read(models, name):
    model = models[name].model
    if MODELS[name].members:
        members = model.members.values()
        assert model.reads_histories == all(member.reads_histories for member in members)
        return
    history = history_of(model)
    user = np.array([0])
    own, other = model.score(history[[0]], user)[0], model.score(history[[1]], user)[0]
    follows = not np.allclose(own - own.mean(), other - other.mean(), atol=1e-4)
    assert follows == (model.reads_histories and name != "bias")


@every_model
def test_the_most_similar_item_is_of_the_same_kind_or_nothing_of_pairs_was_learned(models, name):
    similarities = similarities_of(models[name].model)
    learns_of_pairs = not MODELS[name].members and name not in ("popularity", "bias")
    assert (similarities is not None) == learns_of_pairs
    if similarities is None:
        return
    every_item, some = np.arange(WORLD.catalogue.items), np.array([4, 0, 4])
    similarity_II = similarities(every_item)
    assert similarity_II.dtype == np.float32
    assert np.allclose(similarities(some), similarity_II[some], atol=1e-5)
    np.fill_diagonal(similarity_II, -np.inf)
    assert (similarity_II.argmax(axis=1) % 2 == every_item % 2).mean() > 0.9


@pytest.mark.parametrize("name", ["cdae", "vae", "autorec", "stack", "blend"])
def test_a_model_that_learns_tastes_puts_the_right_kind_of_item_first(models, name):
    assert share_of_right_kind(models[name].model, WORLD) > 0.95


@pytest.mark.parametrize("name", ["popularity", "bias"])
def test_a_baseline_ranks_the_same_items_for_even_and_odd_users(models, name):
    history = history_of(models[name].model)
    scores = models[name].model.score(history, np.arange(WORLD.catalogue.users))
    assert (scores.argmax(axis=1) == scores[0].argmax()).all()


@every_model
def test_predicted_ratings_stay_on_the_scale(models, name):
    model = models[name].model
    if not isinstance(model, RatingModel):
        assert MODELS[name].task == "ranking"
        return
    history = history_of(model)
    ratings = model.predict(history, np.arange(WORLD.catalogue.users))
    assert ratings.min() >= 1
    assert ratings.max() <= 5


@pytest.mark.parametrize("seen", ["all", "none", "some"])
@pytest.mark.parametrize("name", models_for("rating"))
def test_a_prediction_at_a_cell_is_that_of_all_items(models, name, seen):
    model, wanted, users = models[name].model, WORLD.test.ratings, np.arange(WORLD.catalogue.users)
    users = np.where({"all": True, "none": False, "some": users % 2 == 0}[seen], users, -1)
    assert isinstance(model, CellModel)
    dense = model.predict(history_of(model), users)[user_of_cells(wanted), wanted.indices]
    found = model.predict_at(history_of(model), users, wanted)
    assert found.dtype == np.float32
    assert found == pytest.approx(dense, abs=0 if name == "bias" else 1e-5, rel=0)


@every_model
def test_training_moves_every_parameter(models, name):
    options = options_of(name)
    if options.fitting is None:
        assert not isinstance(models[name].model, Network)
        return
    model = fits.fit(name, WORLD, refit=False, fitting__epochs=3).model
    start = type(model)(model.options, model.catalogue)
    start.start(
        WORLD.train.view(model.learns_from),
        torch.Generator().manual_seed(options.fitting.seed),
    )
    for (parameter, before), after in zip(
        start.named_parameters(), model.parameters(), strict=True
    ):
        assert not torch.equal(before, after), f"{parameter} has not moved"


@every_model
def test_the_line_of_a_model_says_whether_it_is_a_network(name):
    assert MODELS[name].is_network == issubclass(model_class(name), Network)
    assert (name in networks()) == MODELS[name].is_network


@every_model
def test_a_models_name_is_the_key_of_its_block_and_no_option(models, name):
    assert TrainingOptions.of(name).name == name
    assert models[name].name == name
    assert "name" not in type(models[name].model.options).model_fields
