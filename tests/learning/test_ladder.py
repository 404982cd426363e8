"""What the validation part chooses: a candidate, and the factor of a penalty."""

import logging
from contextlib import ExitStack

import numpy as np
import pytest
from checkerboard import checkerboard
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from model_options import RUNNING, options_of

from collaborative_autoencoders.evaluation import rows_at_once
from collaborative_autoencoders.learning.choosing import choose
from collaborative_autoencoders.learning.fit_model import fit_model
from collaborative_autoencoders.learning.ladder import models_logger, quiet_models
from collaborative_autoencoders.models.bytes import model_to_bytes
from collaborative_autoencoders.models.ease import EASE

WORLD = checkerboard()
DISTANCE = np.array([1.0, 0.0, 1.0])


def test_what_validation_cannot_tell_apart_is_the_default():
    noise = np.random.default_rng(0).normal(size=100)
    assert choose(np.stack([noise, -noise, noise + 0.01]), DISTANCE) == 1


def test_what_is_clearly_better_is_chosen():
    values = np.random.default_rng(0).normal(size=100)
    assert choose(np.stack([values, values, values + 1]), DISTANCE) == 2


def test_of_two_equally_far_the_better_one_is_chosen():
    values = np.random.default_rng(0).normal(size=100)
    far = np.stack([values + 2, values, values + 2.001])
    assert choose(far, DISTANCE) == 2


def test_a_user_without_a_value_is_not_counted():
    values = np.array([[np.nan, 1.0, 1.0], [np.nan, 2.0, 2.0], [np.nan, 3.0, 3.0]])
    assert choose(values, DISTANCE) == 2


@pytest.mark.parametrize("others", [[], [np.nan], [np.nan, np.nan]])
def test_one_user_alone_decides_nothing(others):
    values = np.array([[0.9, *others], [0.1, *others], [0.5, *others]])
    assert choose(values, DISTANCE) == 1


def test_the_error_is_that_of_a_sample():
    """Differences 0 and 1: their mean, .5, is within (1/√2) / √2 = .5, and not within .5 / √2."""
    assert choose(np.array([[1.0, 1.0], [1.0, 0.0]]), np.array([1.0, 0.0])) == 1


tables = arrays(np.float64, (4, 9), elements=st.integers(0, 9).map(float))


@given(tables, st.permutations(range(4)))
def test_the_order_of_the_candidates_does_not_matter(values, order):
    distance = np.array([3.0, 1.0, 0.0, 2.0])
    chosen = choose(values[order], distance[order])
    assert order[chosen] == choose(values, distance)


def fitted(world=WORLD, **changes):
    options = options_of("ease", **changes)
    return fit_model(options, True, RUNNING, world.catalogue, **world.parts)


def test_the_factor_of_a_ladder_is_chosen_logged_and_stored():
    ladder = fitted(model__penalty_factor=[0.001, 1000])
    one = fitted(model__penalty_factor=ladder.chosen["penalty_factor"])
    assert ladder.chosen.keys() == {"penalty", "penalty_factor"}
    assert one.chosen == {"penalty": ladder.chosen["penalty"]}
    assert model_to_bytes(ladder.fitted) == model_to_bytes(one.fitted)


def test_a_factor_that_ruins_the_model_is_not_chosen():
    """With the largest factor the scores are noise of rounding."""
    assert fitted(model__penalty_factor=[1, 1e20]).chosen["penalty_factor"] == 1
    assert fitted(model__penalty_factor=[1e20, 2]).chosen["penalty_factor"] == 2


def test_without_a_validation_part_it_is_the_factor_nearest_to_one_and_the_run_says_why(caplog):
    nothing = WORLD.validation.without_items(np.ones(WORLD.catalogue.items, dtype=bool))
    empty = WORLD._replace(validation=nothing)
    ladder, three = (fitted(empty, model__penalty_factor=each) for each in ([0.2, 3], 3))
    assert model_to_bytes(ladder.fitted) == model_to_bytes(three.fitted)
    assert "ease: penalty_factor 3 of [0.2, 3.0], without validation: " in caplog.text


def test_what_nothing_has_chosen_is_not_among_what_the_fit_has_chosen():
    nothing = WORLD.validation.without_items(np.ones(WORLD.catalogue.items, dtype=bool))
    empty = WORLD._replace(validation=nothing)
    assert fitted(empty, model__penalty_factor=[0.2, 3]).chosen.keys() == {"penalty"}
    assert fitted(model__penalty_factor=[3]).chosen.keys() == {"penalty"}


def test_a_large_catalogue_is_validated_in_small_batches_with_the_same_choice(monkeypatch):
    sizes = []

    def score(model, histories_UI, users_U):
        sizes.append(len(users_U))
        return scores(model, histories_UI, users_U)

    scores = EASE.score
    monkeypatch.setattr(EASE, "score", score)
    whole = fitted(model__penalty_factor=[0.001, 1000]).chosen
    assert max(sizes) == 35  # users with held-out likes
    sizes.clear()
    monkeypatch.setattr(rows_at_once, "CELLS_AT_ONCE", 7 * WORLD.catalogue.items)
    assert fitted(model__penalty_factor=[0.001, 1000]).chosen == whole
    assert max(sizes) == 7


def test_a_penalty_that_is_a_number_has_no_ladder():
    number = fitted(model__penalty=30, model__penalty_factor=[0.1, 10])
    assert number.chosen == {}
    assert number.fitted.model.options.penalty_factor == [0.1, 10]


@pytest.mark.parametrize("factor", [[], 0, [1, 0], "auto", [1, "2"]])
def test_a_ladder_is_a_list_of_factors_above_0(factor):
    with pytest.raises(ValueError, match="penalty_factor"):
        options_of("ease", model__penalty_factor=factor)


@pytest.mark.parametrize("name", ["ease", "stack"])
def test_a_model_of_lists_is_not_chosen_by_a_metric_of_ratings(name):
    with pytest.raises(ValueError, match="rmse is a metric of ratings"):
        options_of(name, model__validation_metric="rmse")


@pytest.mark.parametrize("order", [1, -1])
def test_models_are_as_loud_as_before_whichever_of_two_searches_ends_first(order):
    first, second = ExitStack(), ExitStack()
    for block in (first, second):
        block.enter_context(quiet_models())
    assert not models_logger.isEnabledFor(logging.INFO)
    for block in (first, second)[::order]:
        block.close()
    assert models_logger.level == logging.NOTSET
