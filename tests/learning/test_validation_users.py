"""Validation on a sample of users: who is drawn, and that every choice of a fit is made on them."""

from dataclasses import replace

import fits
import numpy as np
import pytest
from checkerboard import checkerboard
from hypothesis import given
from hypothesis import strategies as st
from model_options import RUNNING, options_of
from small_search import small_search

from collaborative_autoencoders.interactions import Interactions
from collaborative_autoencoders.interactions.sample import sample_of, users_of
from collaborative_autoencoders.learning import ladder, stacking
from collaborative_autoencoders.learning.fit_model import fit_model
from collaborative_autoencoders.learning.stacking import fit_stack
from collaborative_autoencoders.models.bytes import model_to_bytes
from collaborative_autoencoders.pipelines.training.nodes import fit_model as fit_model_node

WORLD = checkerboard()
VALIDATION, N_USERS = WORLD.validation, len(users_of(WORLD.validation))
TEN = RUNNING.model_copy(update={"validation_users": 10})
SAMPLE = sample_of(VALIDATION, 10)
ON_SAMPLE = {"train": WORLD.train, "validation": SAMPLE}


def outcome_of(name, running, parts=WORLD.parts, **changes):
    return fit_model(options_of(name, **changes), False, running, WORLD.catalogue, **parts)


@given(st.integers(1, N_USERS - 1))
def test_a_sample_has_all_held_out_rows_of_so_many_users_and_no_others(most):
    sample = sample_of(VALIDATION, most)
    drawn = users_of(sample)
    others = np.setdiff1d(np.arange(WORLD.catalogue.users), drawn)
    assert len(drawn) == most
    for view in ("ratings", "likes", "times", "order"):
        whole, part = getattr(VALIDATION, view).toarray(), getattr(sample, view).toarray()
        assert np.array_equal(part[drawn], whole[drawn])
        assert not part[others].any()


@pytest.mark.parametrize("most", [N_USERS, N_USERS + 1, None])
def test_there_is_no_sample_of_as_many_users(most):
    assert sample_of(VALIDATION, most) is VALIDATION


def test_the_users_with_held_out_ratings_decide_about_the_sample_and_not_what_they_rated():
    moved_UI = VALIDATION.ratings.copy()
    moved_UI.indices = (moved_UI.indices + 1) % moved_UI.shape[1]
    other_items = Interactions.of(moved_UI, 4)
    assert np.array_equal(users_of(sample_of(other_items, 10)), users_of(SAMPLE))
    first = np.arange(WORLD.catalogue.users) == users_of(VALIDATION)[0]
    fewer = users_of(sample_of(VALIDATION.without_users(first), 10))
    assert not np.array_equal(fewer, users_of(SAMPLE))


@pytest.mark.parametrize("name", ["autorec", "cdae"])  # by a metric of ratings, and of lists
def test_the_epochs_of_a_network_are_validated_on_the_sample(name):
    few = {"fitting__epochs": 3}
    sampled, given_it = outcome_of(name, TEN, **few), outcome_of(name, RUNNING, ON_SAMPLE, **few)
    curves = [[epoch.validation for epoch in each.history] for each in (sampled, given_it)]
    assert curves[0] == curves[1]
    assert curves[0] != [each.validation for each in outcome_of(name, RUNNING, **few).history]
    assert (sampled.best_epoch, sampled.remarks) == (given_it.best_epoch, given_it.remarks)


def test_the_final_fit_has_the_rows_of_all_users():
    def fitted(running):
        return fit_model(options_of("bias"), True, running, WORLD.catalogue, **WORLD.parts).fitted

    assert model_to_bytes(fitted(TEN)) == model_to_bytes(fitted(RUNNING))


def test_the_factor_of_a_ladder_is_chosen_on_the_sample(monkeypatch):
    validated = []
    values = ladder.list_values

    def noted(model, measure, *, train, validation):
        validated.append(users_of(validation).tolist())
        return values(model, measure, train=train, validation=validation)

    monkeypatch.setattr(ladder, "list_values", noted)
    outcome_of("ease", TEN, model__penalty_factor=[1, 2])
    assert validated == [users_of(SAMPLE).tolist()] * 2


def test_the_weights_of_a_stack_are_chosen_on_the_sample(monkeypatch):
    validated = []
    monkeypatch.setattr(stacking, "choose_weights", lambda weighing: validated.append(weighing))
    members = fits.members_of("blend", WORLD)
    fit_stack(options_of("blend"), TEN, members, **WORLD.parts)
    (weighing,) = validated
    assert np.array_equal(users_of(weighing.validation), users_of(SAMPLE))


def test_a_run_says_that_and_on_how_many_users_it_validates(caplog):
    caplog.set_level("INFO")
    facts = {**WORLD.catalogue._asdict(), "core_users": 40, "core_items": 30}
    parts = {**WORLD.parts, "data_facts": facts}
    training = type("Training", (), {"refit": False})
    sampled = {
        name: fit_model_node(options_of(name), training, TEN, **parts)["fit_facts"]
        for name in ("ease", "bias")
    }
    assert sampled["ease"]["validation_users"] == 10
    assert sampled["bias"]["validation_users"] is None
    (said,) = [text for text in caplog.messages if "sample" in text]
    assert said == (
        f"ease: validated on a sample of 10 of the {N_USERS} users with held-out ratings, 9 of "
        "them with likes among these (running.validation_users)"
    )


def test_trials_are_validated_on_the_sample_and_comparable_with_no_others(tmp_path):
    search = small_search(f"sqlite:///{tmp_path}/study")
    sampled = replace(search, running=TEN)
    assert np.array_equal(users_of(sampled.parts["validation"]), users_of(SAMPLE))
    assert search.parts["validation"] is search.validation
    assert sampled.identity != search.identity
