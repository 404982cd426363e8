"""Ratings outside the core: models of ratings use all of them, and lists are of the core."""

import numpy as np
import pandas as pd
import pytest
from checkerboard import World, checkerboard, with_others
from evaluation.small_world import options_with
from fits import fit

from collaborative_autoencoders.evaluation.breakdown import break_down
from collaborative_autoencoders.evaluation.evaluate import (
    N_RATINGS,
    Evaluation,
    evaluate,
)
from collaborative_autoencoders.evaluation.known import count_owners, histories_for
from collaborative_autoencoders.evaluation.lists import table_to_lists
from collaborative_autoencoders.evaluation.table_claims import (
    check_indices,
    check_predictions,
    check_scores_of_lists,
    check_sizes,
)
from collaborative_autoencoders.interactions.part import fingerprint
from collaborative_autoencoders.interactions.part_bytes import part_from_bytes, part_to_bytes
from collaborative_autoencoders.interactions.unseen_users import without_users
from collaborative_autoencoders.models import MODELS, models_for
from collaborative_autoencoders.models.model import Catalogue, Fitted
from collaborative_autoencoders.models.registry import model_class

CORE = checkerboard()
WORLD = with_others(CORE)
OPTIONS = options_with(k=[1, 5], primary_metric="ndcg_at_5")


def seen_by(model: str) -> World:
    """The larger world, with the catalogue of what this model knows of it."""
    users, items = WORLD.train.seen_by(model_class(model).learns_from).shape
    return WORLD._replace(catalogue=Catalogue(users, items, 1, 5))


def fitted_shortly(model: str, world: World) -> Fitted:
    """The model after two epochs: what it sees does not depend on how long it is fitted."""
    in_epochs = MODELS[model].is_network or MODELS[model].members
    return fit(model, world, **({"fitting__epochs": 2} if in_epochs else {}))


def evaluated(fitted: Fitted, world: World) -> Evaluation:
    known = histories_for(fitted, **world.parts)
    return evaluate(fitted.model, known, world.test, count_owners(world.train), OPTIONS)


@pytest.fixture(scope="module")
def results() -> dict[str, Evaluation]:
    return {model: evaluated(fitted_shortly(model, seen_by(model)), WORLD) for model in MODELS}


@pytest.mark.parametrize("model", models_for("ranking"))
def test_a_model_of_likes_does_not_see_them(model, results):
    alone, beside = evaluated(fitted_shortly(model, CORE), CORE), results[model]

    pd.testing.assert_frame_equal(alone.ranked_items, beside.ranked_items)
    pd.testing.assert_frame_equal(
        alone.user_scores, beside.user_scores.head(CORE.catalogue.users), check_dtype=False
    )


@pytest.mark.parametrize("model", models_for("rating"))
def test_a_model_of_ratings_is_judged_on_all_of_them_and_lists_the_core(model, results):
    found = results[model]

    assert len(found.predicted_ratings) == WORLD.test.ratings.nnz > CORE.test.ratings.nnz
    assert found.user_scores[N_RATINGS].sum() == WORLD.test.ratings.nnz
    assert found.ranked_items["item_index"].max() < CORE.catalogue.items
    assert found.ranked_items["user_index"].nunique() == CORE.catalogue.users
    outside = found.user_scores.tail(WORLD.catalogue.users - CORE.catalogue.users)
    assert outside["ndcg_at_5"].isna().all() and not outside["n_relevant"].any()


@pytest.mark.parametrize("model", ["cdae", "autorec"])
def test_the_tables_and_the_breakdown_agree_with_the_parts(model, results):
    lists, predicted, scores = results[model]
    check_sizes(scores, WORLD.catalogue.users, OPTIONS.k)
    check_indices("ranked_items", lists, WORLD.test.shape)
    if model == "autorec":
        check_predictions(predicted, scores, WORLD.test)
    owners = count_owners(WORLD.train)
    item_UK, _ = table_to_lists(lists, CORE.catalogue.users, 5)
    check_scores_of_lists(item_UK, scores, WORLD.test, owners)
    by_kind, _ = break_down(
        scores, lists, predicted, **WORLD.parts, test=WORLD.test, options=OPTIONS
    )
    assert sum(row["users"] for row in by_kind["activity"]) == CORE.catalogue.users
    assert sum(row["items"] for row in by_kind["popularity"]) == CORE.catalogue.items

    wrong = scores.assign(n_relevant=np.append(scores["n_relevant"][:-1], 1))
    with pytest.raises(ValueError, match="a user outside the core"):
        check_scores_of_lists(item_UK, wrong, WORLD.test, owners)


def test_users_outside_the_core_before_others_are_refused():
    fitted = fit("bias", seen_by("bias"))
    known, owners = histories_for(fitted, **WORLD.parts), count_owners(WORLD.train)
    with pytest.raises(ValueError, match="do not come first"):
        evaluate(fitted.model, known, WORLD.test, owners, OPTIONS, np.array([41, 3]))


def test_the_core_of_a_part_is_the_smaller_world():
    for part, core in zip(WORLD[:3], CORE[:3], strict=True):
        for view in ("ratings", "likes"):
            np.testing.assert_array_equal(part.core.view(view).toarray(), core.view(view).toarray())


def test_a_part_comes_back_from_its_file_with_its_core():
    read = part_from_bytes(part_to_bytes(WORLD.train))

    assert (read.shape, read.core_shape) == (WORLD.train.shape, CORE.train.shape)
    again = fingerprint(train=read, validation=WORLD.validation)
    assert again == fingerprint(train=WORLD.train, validation=WORLD.validation)


def test_without_some_users_the_core_stays_in_front():
    held_out = np.array([0, 3, 41])
    rest = without_users(WORLD.train, held_out)

    assert rest.shape == (43, 35) and rest.core_shape == (38, 30)
    np.testing.assert_array_equal(
        rest.likes.toarray(), np.delete(CORE.train.likes.toarray(), held_out[:2], axis=0)
    )
    with pytest.raises(ValueError, match="do not come first"):
        WORLD.train.of_users(np.array([41, 0]))


def test_cells_are_removed_from_both_views():
    rest = WORLD.known.without_cells(WORLD.train.ratings)

    for view in ("ratings", "likes"):
        kept, expected = rest.view(view), WORLD.validation.view(view)
        np.testing.assert_array_equal(kept.toarray(), expected.toarray())
