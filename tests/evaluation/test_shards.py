"""Shards of users, whose evaluations are together that of all users."""

import fits
import pandas as pd
import pytest
from checkerboard import checkerboard
from evaluation.small_world import options_with

from collaborative_autoencoders.evaluation.evaluate import count_owners, evaluate
from collaborative_autoencoders.evaluation.shards import Shards


@pytest.mark.parametrize("name", ["ease", "autorec_user"])
def test_shards_are_together_the_evaluation_of_all_users_and_end(name):
    world = checkerboard()
    model = fits.fit(name, world).model
    inputs = model, world.known_to(model), world.test, count_owners(world.train), options_with()
    whole, shards = evaluate(*inputs), Shards(*inputs, users=7)
    assert shards.size == 6  # of whole batches
    assert len(shards) == 7
    tables = zip(*shards, strict=True)
    for found, expected in zip(tables, whole, strict=True):
        pd.testing.assert_frame_equal(pd.concat(found, ignore_index=True), expected)
    with pytest.raises(IndexError):
        shards[7]
