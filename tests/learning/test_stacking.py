"""Stacks: the weights and the models that they weigh."""

from dataclasses import replace

import fits
import numpy as np
import pytest
from checkerboard import checkerboard
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from model_options import RUNNING, options_of

from collaborative_autoencoders.interactions.part import fingerprint
from collaborative_autoencoders.learning.fit_model import fit_model
from collaborative_autoencoders.learning.stacking import fit_stack, shares_of
from collaborative_autoencoders.models import MODELS, model_class
from collaborative_autoencoders.models.stack import standardized

WORLD = checkerboard()
USERS = np.arange(WORLD.catalogue.users)
STACKS = [name for name, entry in MODELS.items() if entry.members]
every_stack = pytest.mark.parametrize("name", STACKS)


@pytest.fixture(scope="module")
def members():
    return {name: fits.members_of(name, WORLD) for name in STACKS}


def stacked(name, members, world=WORLD, **changes):
    return fit_stack(options_of(name, **changes), RUNNING, members, **world.parts)


def scores_of(model):
    return model.score(WORLD.known.view(model.learns_from), USERS)


@every_stack
def test_the_members_of_a_stack_have_its_task_and_its_view(name):
    for member in MODELS[name].members:
        assert MODELS[member].task == MODELS[name].task
        assert model_class(member).learns_from == model_class(name).learns_from
        assert not MODELS[member].members


@every_stack
def test_with_the_whole_weight_on_a_member_the_list_is_the_member_s(name, members):
    for member, (fitted, _) in members[name].items():
        stack = stacked(name, members[name], model__weights={member: 2.0}).model
        assert np.array_equal(scores_of(stack).argmax(axis=1), scores_of(fitted.model).argmax(1))


def test_a_blend_predicts_the_weighted_mean_of_the_predictions(members):
    weights = {"autorec": 3.0, "autorec_user": 1.0}
    blend = stacked("blend", members["blend"], model__weights=weights).model
    item, user = (fitted.model for fitted, _ in members["blend"].values())
    given = WORLD.known.ratings, USERS
    expected = 0.75 * item.predict(*given) + 0.25 * user.predict(*given)
    np.testing.assert_allclose(blend.predict(*given), expected, rtol=1e-6)


@every_stack
def test_the_weights_do_not_depend_on_whether_the_final_fit_has_seen_validation(name, members):
    on_train = fits.members_of(name, WORLD, refit=False)
    refitted, not_refitted = stacked(name, members[name]), stacked(name, on_train)
    assert refitted.model.chosen == not_refitted.model.chosen
    assert refitted.refitted
    assert not not_refitted.refitted
    assert not np.allclose(scores_of(refitted.model), scores_of(not_refitted.model))


@every_stack
def test_chosen_weights_are_named_and_add_up_to_one_and_given_weights_are_not_chosen(name, members):
    chosen = stacked(name, members[name]).model.chosen
    assert set(chosen) == {f"weights.{member}" for member in members[name]}
    assert sum(chosen.values()) == pytest.approx(1)
    assert (
        stacked(name, members[name], model__weights={MODELS[name].members[0]: 1}).model.chosen == {}
    )


def test_a_member_that_is_left_out_leaves_the_stack_out_with_its_reason(members):
    nothing = members["stack"]["ease"]._replace(
        fitted=members["stack"]["ease"].fitted._replace(model=None, left_out="no likes")
    )
    stack = stacked("stack", members["stack"] | {"ease": nothing})
    assert stack.model is None
    assert stack.left_out == "ease was left out: no likes"


def test_without_validation_weights_must_be_given():
    none = {"fitting__validation_metric": None, "fitting__patience": None, "fitting__epochs": 1}
    members = fits.members_of("stack", WORLD, **none)
    assert "cdae.fitting.validation_metric is null" in stacked("stack", members).left_out
    assert stacked("stack", members, model__weights={"cdae": 1, "ease": 1}).model is not None


def test_an_empty_validation_part_leaves_the_stack_out_with_what_to_raise(members):
    nothing = WORLD.validation.without_items(np.ones(WORLD.catalogue.items, dtype=bool))
    world = WORLD._replace(validation=nothing)
    parts = fingerprint(**world.parts)
    same = {
        name: type(member)(*(each and each._replace(parts=parts) for each in member))
        for name, member in members["stack"].items()
    }
    assert "raise split.validation_fraction" in stacked("stack", same, world).left_out


def test_a_member_of_another_split_is_refused_with_the_command_that_fits_it(members):
    world = WORLD._replace(train=replace(WORLD.train, times=None))
    with pytest.raises(ValueError, match=r"cdae was fitted on another split.*cdae\.fit_model"):
        stacked("stack", members["stack"], world)


def test_a_weight_of_a_model_that_is_no_member_is_refused_with_the_members(members):
    with pytest.raises(ValueError, match="itemknn is not a member of stack, which adds cdae, ease"):
        stacked("stack", members["stack"], model__weights={"itemknn": 1})


def test_weights_of_nothing_are_refused():
    with pytest.raises(ValueError, match="no weight is above 0"):
        options_of("stack", model__weights={"cdae": 0})


def test_a_network_is_kept_as_fitted_on_train_with_its_refit_and_without():
    fits_of = [
        fit_model(options_of("cdae"), refit, RUNNING, WORLD.catalogue, **WORLD.parts)
        for refit in (True, False)
    ]
    kept = [scores_of(each.on_train.model) for each in fits_of]
    assert np.array_equal(*kept)
    assert np.array_equal(kept[1], scores_of(fits_of[1].fitted.model))
    assert not np.allclose(kept[0], scores_of(fits_of[0].fitted.model))


@given(st.integers(1, 3))
def test_candidates_are_all_shares_of_so_many_members(members):
    shares = list(shares_of(members))
    assert {sum(share) for share in shares} == {20}
    assert len(set(shares)) == len(shares) == {1: 1, 2: 21, 3: 231}[members]


scores = arrays(np.float32, (3, 7), elements=st.integers(-50, 50).map(np.float32))


@given(scores, st.integers(1, 100), st.integers(-100, 100))
def test_the_unit_of_a_member_s_scores_does_not_matter(scores, unit, start):
    changed = scores * np.float32(unit) + np.float32(start)
    np.testing.assert_allclose(standardized(changed), standardized(scores), atol=2e-3)


def test_equal_scores_add_nothing():
    assert standardized(np.full((2, 3), 4, dtype=np.float32)).tolist() == [[0, 0, 0], [0, 0, 0]]


def test_a_catalogue_smaller_than_the_list_names_the_option_of_the_stack(members):
    stack = stacked("stack", members["stack"], model__validation_metric="ndcg_at_31")
    assert stack.left_out.startswith("stack.model.validation_metric: ndcg_at_31 needs 31 items")


def test_a_network_on_train_of_another_split_is_refused(members):
    cdae = members["stack"]["cdae"]
    other = cdae._replace(on_train=cdae.on_train._replace(parts="another split"))
    with pytest.raises(ValueError, match="cdae was fitted on another split"):
        stacked("stack", members["stack"] | {"cdae": other})
