"""The loop that benchmarks measure against is the same computation, written another way."""

import numpy as np
from checkerboard import checkerboard
from model_options import options_of

from benchmarks.textbook_cdae import ours, textbook

WORLD = checkerboard(120, 60)
PLAIN = {
    "model__positive_weight": 1,
    "model__activity_exponent": 0,
    "model__popularity_exponent": 0,
    "model__corruption": 0.5,
}


def test_with_our_draws_the_textbook_learns_the_same_scores():
    options, likes = options_of("cdae", **PLAIN), WORLD.train.likes
    mine, theirs = ours(options, likes), textbook(options, likes, same_draws=True)
    users = np.arange(len(likes.indptr) - 1)
    before = mine.network.score(likes, users)
    for number in range(1, 4):
        mine.epoch(number)
        theirs.epoch(number)
    after = mine.network.score(likes, users)
    assert np.abs(after - before).max() > 0.1
    assert np.allclose(after, theirs.network.score(likes, users), atol=1e-4)
