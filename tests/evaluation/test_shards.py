"""Shards of users, whose evaluations are together that of all users."""

import fits
import numpy as np
import pandas as pd
import pytest
from checkerboard import World, checkerboard, with_others
from evaluation.small_world import options_with

from collaborative_autoencoders.evaluation import shards
from collaborative_autoencoders.evaluation.evaluate import Evaluation, count_owners, evaluate
from collaborative_autoencoders.evaluation.known import histories_for
from collaborative_autoencoders.evaluation.shards import Shards, are_read
from collaborative_autoencoders.interactions.sample import sample_of, users_of
from collaborative_autoencoders.models.model import Catalogue
from collaborative_autoencoders.models.registry import model_class

MODELS = ["ease", "autorec_user", "bias", "sequential_ease"]


@pytest.fixture(autouse=True)
def few_users(monkeypatch):
    monkeypatch.setattr(shards, "USERS_PER_SHARD", 7)


def evaluated(
    name: str, world: World, test_users: int | None
) -> tuple[Evaluation, Shards, list[Evaluation]]:
    """Return the evaluation of all users, the shards, and the evaluation of each."""
    sizes = world.train.shape_for(model_class(name).learns_from)
    fitted = fits.fit(name, world._replace(catalogue=Catalogue(*sizes, 1, 5)))
    sample, options = sample_of(world.test, test_users), options_with(test_users=test_users)
    known, owners = histories_for(fitted, **world.parts), count_owners(world.train)
    whole = evaluate(fitted.model, known, sample, owners, options)
    made = Shards.of(fitted, known, sample, owners, options)
    is_read_U = are_read(sample, options)
    shard_U = made.shard_of(np.arange(len(is_read_U)))
    parts = {**world.parts, "test": world.test}

    def with_rows_of(number: int) -> Evaluation:
        drop_U = ~is_read_U | (shard_U != number)
        own = {name: part.without_users(drop_U) for name, part in parts.items()}
        return made.evaluate(number, **own)

    return whole, made, [with_rows_of(number) for number in range(len(made))]


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("test_users", [15, 1, None])
def test_shards_with_their_own_rows_are_together_the_evaluation_of_all(name, test_users):
    world = with_others(checkerboard())
    whole, _, found = evaluated(name, world, test_users)
    assert len(found) > 1 or test_users == 1
    for tables, expected in zip(zip(*found, strict=True), whole, strict=True):
        joined = pd.concat(tables, ignore_index=True)
        pd.testing.assert_frame_equal(joined, expected, check_exact=True)


def test_a_shard_of_a_sample_has_whole_batches_of_its_users():
    world = checkerboard()
    _, made, found = evaluated("ease", world, 15)
    listed = [shard.ranked_items["user_index"].nunique() for shard in found]
    assert sum(listed) == len(users_of(sample_of(world.test, 15))) == 15
    assert set(listed[:-1]) == {6}  # three batches of two
    assert len(made) == 3
