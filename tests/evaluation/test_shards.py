"""Shards of users, whose evaluations are together that of all users."""

from dataclasses import replace

import fits
import numpy as np
import pandas as pd
import pytest
from checkerboard import World, checkerboard, with_others
from evaluation.small_world import options_with

from collaborative_autoencoders.evaluation import shards
from collaborative_autoencoders.evaluation.evaluate import Evaluation, evaluate
from collaborative_autoencoders.evaluation.known import count_owners, histories_for
from collaborative_autoencoders.evaluation.shards import Shards, are_read
from collaborative_autoencoders.interactions import Interactions
from collaborative_autoencoders.interactions.part_rows import digest_of_rows
from collaborative_autoencoders.interactions.sample import sample_of, users_of
from collaborative_autoencoders.interactions.sparse import user_of_cells
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
        own_U = np.flatnonzero(shard_U == number)
        own = {name: part.without_users(~is_read_U).of_users(own_U) for name, part in parts.items()}
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


def changed(part: Interactions, view: str) -> Interactions:
    """Return a part of the same cells, with one other value."""
    other_UI = getattr(part, view).copy()
    other_UI.data[0] += 0.5
    return replace(part, **{view: other_UI})


def only(part: Interactions | None, is_own_U: np.ndarray) -> Interactions | None:
    """Return a part with the rows of these users alone, as a worker has them."""
    if part is None:
        return None
    return replace(part.without_users(~is_own_U), fold_in=only(part.fold_in, is_own_U))


@pytest.mark.parametrize("name", ["ease", "sequential_ease"])
def test_the_digest_of_a_shard_says_whether_rows_are_those_of_its_users(name):
    world = checkerboard()
    is_first_N = np.diff(user_of_cells(world.test.ratings), prepend=-1) > 0
    test = world.test.split_off(is_first_N)
    _, made, _ = evaluated(name, world._replace(test=test), 15)
    is_read_U = are_read(sample_of(test, 15), options_with(test_users=15))
    users = np.arange(*made.bounds[1:3])
    for part in (world.train, test):
        expected = made.digests(part, is_read_U)
        assert len({*expected}) == len(made) > 1
        own = only(part, is_read_U).of_users(users)
        assert digest_of_rows(own, users, with_order=made.reads_order) == expected[1]
        others = [changed(own, "ratings"), changed(own, "order")]
        if own.fold_in is not None:
            others += [replace(own, fold_in=changed(own.fold_in, "ratings")), own.whole]
        found = [digest_of_rows(each, users, with_order=made.reads_order) for each in others]
        is_other = [each != expected[1] for each in found]
        assert is_other == [True, name == "sequential_ease", True, True][: len(others)]
