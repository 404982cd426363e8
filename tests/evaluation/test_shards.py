"""Shards of users, whose evaluations are together that of all users."""

import fits
import numpy as np
import pandas as pd
import pytest
from checkerboard import checkerboard
from evaluation.small_world import options_with

from collaborative_autoencoders.evaluation.evaluate import count_owners, evaluate
from collaborative_autoencoders.evaluation.known import Known
from collaborative_autoencoders.evaluation.shards import Shards
from collaborative_autoencoders.interactions.sample import sample_of, users_of


@pytest.mark.parametrize("name", ["ease", "autorec_user"])
@pytest.mark.parametrize("test_users", [15, 1])
def test_shards_of_a_sample_have_whole_batches_of_its_users(name, test_users):
    world = checkerboard()
    model = fits.fit(name, world).model
    sample, options = sample_of(world.test, test_users), options_with(test_users=test_users)
    inputs = model, world.known_to(model), sample, count_owners(world.train), options
    whole, shards = evaluate(*inputs), Shards(*inputs, users=7)
    for found, expected in zip(zip(*shards, strict=True), whole, strict=True):
        joined = pd.concat(found, ignore_index=True)
        pd.testing.assert_frame_equal(joined, expected, check_exact=True)
    listed = [shard.ranked_items["user_index"].nunique() for shard in shards]
    assert sum(listed) == len(users_of(sample)) == test_users
    assert set(listed[:-1]) <= {shards.size}
    sent = shards.to_send()
    assert sent.known.seen_UI.nnz < shards.known.seen_UI.nnz
    for found, expected in zip(sent, shards, strict=True):
        for table, same in zip(found, expected, strict=True):
            pd.testing.assert_frame_equal(table, same, check_exact=True)


def test_a_matrix_of_histories_that_is_also_of_seen_items_is_sent_once():
    seen_UI = checkerboard().test.ratings
    known = Known(seen_UI, seen_UI).of_these(np.arange(seen_UI.shape[0]) > 3)
    assert known.seen_UI is known.histories_UI
    assert known.seen_UI[4:].nnz == known.seen_UI.nnz == seen_UI[4:].nnz > 0


@pytest.mark.parametrize("name", ["ease", "autorec_user"])
def test_shards_are_together_the_evaluation_of_all_users_and_end(name):
    world = checkerboard()
    model = fits.fit(name, world).model
    inputs = model, world.known_to(model), world.test, count_owners(world.train), options_with()
    whole, shards = evaluate(*inputs), Shards(*inputs, users=7)
    assert shards.size == 6  # of whole batches
    assert shards.to_send().known is shards.known
    assert len(shards) == 7
    tables = zip(*shards, strict=True)
    for found, expected in zip(tables, whole, strict=True):
        pd.testing.assert_frame_equal(pd.concat(found, ignore_index=True), expected)
    with pytest.raises(IndexError):
        shards[7]
