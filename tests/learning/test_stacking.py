"""Stacks: the weights and the models that they weigh."""

import re
from copy import deepcopy
from dataclasses import replace

import fits
import model_options
import numpy as np
import pytest
import yaml
from checkerboard import checkerboard
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from model_options import RUNNING, options_of

from collaborative_autoencoders.evaluation import rows_at_once
from collaborative_autoencoders.interactions.facts import check_list_lengths
from collaborative_autoencoders.interactions.part import fingerprint
from collaborative_autoencoders.learning.fit_model import fit_model
from collaborative_autoencoders.learning.stacking import Member, fit_stack
from collaborative_autoencoders.learning.weighing import candidates_of
from collaborative_autoencoders.models import MODELS, model_class
from collaborative_autoencoders.models.bytes import model_from_bytes, model_to_bytes
from collaborative_autoencoders.models.ease import EASE
from collaborative_autoencoders.models.model import Catalogue, Fitted
from collaborative_autoencoders.models.stack import Blend, standardized

WORLD = checkerboard()
USERS = np.arange(WORLD.catalogue.users)
STACKS = [name for name, entry in MODELS.items() if entry.members]
every_stack = pytest.mark.parametrize("name", STACKS)


@pytest.fixture(scope="module")
def members():
    return {name: fits.members_of(name, WORLD) for name in STACKS}


def stacked(name, members, world=WORLD, **changes):
    return fit_stack(options_of(name, **changes), RUNNING, members, **world.parts)


def proposed_weights(reason):
    """The weights that the reason of a stack that is left out proposes."""
    return yaml.safe_load(re.search(r"set stack\.model\.weights, such as (\{.*?\})", reason)[1])


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


@pytest.mark.parametrize("weights", [{"cdae": 2}, {"cdae": 2, "ease": 0}])
def test_a_member_without_a_weight_may_be_left_out(members, weights):
    cdae = members["stack"]["cdae"]
    nothing = Member(Fitted("ease", None, "it would exceed the memory", parts="any"), None)
    stack = stacked("stack", {"cdae": cdae, "ease": nothing}, model__weights=weights)
    assert list(stack.model.members) == ["cdae"]
    assert stack.model.weights_M.tolist() == [1]
    again = model_from_bytes(model_to_bytes(stack)).model
    assert np.array_equal(scores_of(again), scores_of(stack.model))


def test_the_only_member_with_a_weight_is_named_if_it_is_left_out(members):
    nothing = Member(
        members["stack"]["ease"].fitted._replace(model=None, left_out="no likes"), None
    )
    given = members["stack"] | {"ease": nothing}
    stack = stacked("stack", given, model__weights={"ease": 1})
    assert stack.left_out == "ease was left out: no likes"


def test_without_validation_weights_must_be_given():
    none = {"fitting__validation_metric": None, "fitting__patience": None, "fitting__epochs": 1}
    members = fits.members_of("stack", WORLD, **none)
    reason = stacked("stack", members).left_out
    assert "cdae.fitting.validation_metric is null" in reason
    assert stacked("stack", members, model__weights=proposed_weights(reason)).model is not None


def test_an_empty_validation_part_leaves_the_stack_out_with_what_to_raise(members):
    nothing = WORLD.validation.without_items(np.ones(WORLD.catalogue.items, dtype=bool))
    world = WORLD._replace(validation=nothing)
    parts = fingerprint(**world.parts)
    same = {
        name: type(member)(*(each and each._replace(parts=parts) for each in member))
        for name, member in members["stack"].items()
    }
    reason = stacked("stack", same, world).left_out
    assert "raise split.validation_fraction" in reason
    given = stacked("stack", same, world, model__weights=proposed_weights(reason))
    assert given.model is not None


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


@pytest.mark.parametrize(
    ("members", "steps", "candidates"), [(1, 20, 1), (2, 20, 21), (3, 10, 66), (4, 5, 56)]
)
def test_candidates_are_all_shares_of_so_many_members_and_few(members, steps, candidates):
    shares = candidates_of(members) * steps
    assert np.array_equal(shares, shares.round())
    assert np.array_equal(shares.sum(axis=1), [steps] * candidates)
    assert len(np.unique(shares, axis=0)) == candidates


@given(st.integers(2, 12))
def test_there_are_never_more_than_some_tens_of_candidates(members):
    assert members <= len(candidates_of(members)) <= 70


@pytest.mark.parametrize("unit", [1e-320, 1e-50, 1e39, 8e307])
def test_the_unit_of_given_weights_does_not_matter(members, unit):
    weights = {"autorec": 2 * unit, "autorec_user": unit}
    changed, plain = (
        stacked("blend", members["blend"], model__weights=each).model
        for each in (weights, {"autorec": 2.0, "autorec_user": 1.0})
    )
    assert np.array_equal(changed.weights_M, plain.weights_M)


def test_a_large_catalogue_is_weighed_in_small_batches_with_the_same_weights(members, monkeypatch):
    sizes = []

    def score(model, histories_UI, users_U):
        sizes.append(len(users_U))
        return scores(model, histories_UI, users_U)

    scores = EASE.score
    monkeypatch.setattr(EASE, "score", score)
    whole = stacked("stack", members["stack"]).model.chosen
    assert sizes == [35]  # users with held-out likes
    monkeypatch.setattr(rows_at_once, "CELLS_AT_ONCE", 14 * WORLD.catalogue.items)
    assert stacked("stack", members["stack"]).model.chosen == whole
    assert sizes[1:] == [7] * 5


def test_a_weight_that_is_not_finite_is_refused():
    with pytest.raises(ValueError, match="weights"):
        options_of("stack", model__weights={"cdae": float("inf"), "ease": 1})


class Highest:
    """Predicts 100, the highest rating, for everything."""

    catalogue = Catalogue(3, 4, 0, 100)

    def predict(self, histories_UI, users_U):
        return np.full(histories_UI.shape, 100, dtype=np.float32)


def test_a_mean_of_the_highest_rating_is_within_the_scale():
    blend = Blend(options_of("blend").model, {"one": Highest(), "other": Highest()})
    blend.weights_M = np.array([1, 2], dtype=np.float32) / np.float32(3)
    assert blend.weights_M @ np.float32([100, 100]) > 100  # by a rounding
    assert (blend.predict(np.zeros((3, 4)), USERS[:3]) == 100).all()


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


def test_the_fix_for_few_items_leaves_no_model_of_lists_out(monkeypatch):
    few, blocks = checkerboard(n_items=8), deepcopy(model_options.parameters_of("test"))
    with pytest.raises(ValueError, match=r"evaluation\.k: 10") as error:
        check_list_lengths([5, 10], few.catalogue.items)
    metric = re.search(r"primary_metric: (\w+)", str(error.value))[1]
    options = re.findall(r"`(\w+)\.(fitting|model)`", str(error.value))
    for name, group in (("cdae", "fitting"), ("ease", "model"), ("stack", "model")):
        blocks[name][group]["validation_metric"] = "ndcg_at_10"  # as in conf/base
    for name, group in options:
        blocks[name][group]["validation_metric"] = metric
    monkeypatch.setattr(model_options, "_parameters_of", lambda env: blocks)

    assert fits.fit("stack", few).left_out is None
    assert ("ease", "model") in options
