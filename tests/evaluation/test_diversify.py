"""Maximal marginal relevance by hand, and what holds for every diversified list."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.sparse import csr_array

from collaborative_autoencoders.evaluation import diversify
from collaborative_autoencoders.evaluation.diversify import (
    diversified,
    n_candidates,
    order_by_mmr,
)
from collaborative_autoencoders.metrics.diversity import unit_likes

#                 A  B  C  D     A and B are liked by the same users, C shares one with them
LIKES = np.array([[1, 1, 0, 0], [1, 1, 1, 0], [0, 0, 1, 0], [0, 0, 0, 1]], dtype=np.float32)
UNIT = unit_likes(csr_array(LIKES))
A, B, C, D = range(4)


@pytest.mark.parametrize(
    ("weight", "order"),
    [
        (0.0, [A, B, C, D]),
        # .9 / log2(3) − .1 · 1 = .468 for B, .9 / 2 − .1 · .5 = .4 for C, .9 / log2(5) = .388 for D
        (0.1, [A, B, C, D]),
        # .8 / log2(3) − .2 · 1 = .305 for B, .8 / 2 − .2 · .5 = .3 for C, .8 / log2(5) = .345 for D
        (0.2, [A, D, B, C]),
        # .5 / log2(3) − .5 · 1 < 0 for B, .5 / 2 − .5 · .5 = 0 for C, .5 / log2(5) = .215 for D
        (0.5, [A, D, C, B]),
        # only the distance counts: 0 for B, .5 for C, 1 for D
        (1.0, [A, D, C, B]),
    ],
)
def test_each_place_goes_to_the_largest_marginal_relevance(weight, order):
    assert order_by_mmr(UNIT, 4, weight).tolist() == order


def test_by_distance_alone_the_first_of_equal_candidates_is_taken():
    unit = unit_likes(csr_array(np.eye(3, dtype=np.float32)))
    assert order_by_mmr(unit, 3, 1.0).tolist() == [0, 1, 2]


def test_a_list_is_as_long_as_its_candidates_and_keeps_their_scores():
    item_BM = np.array([[A, B, C, D], [B, D, -1, -1]], dtype=np.int32)
    score_BM = np.array([[9, 8, 7, 6], [5, 4, -np.inf, -np.inf]], dtype=np.float32)
    items, scores = diversified(item_BM, score_BM, UNIT, 3, 0.5)
    assert items.tolist() == [[A, D, C], [B, D, -1]]
    assert scores.tolist() == [[9, 6, 7], [5, 4, -np.inf]]


def test_what_is_behind_the_candidates_keeps_its_place(monkeypatch):
    monkeypatch.setattr(diversify, "MOST", 3)
    item_BM = np.array([[A, B, C, D]], dtype=np.int32)
    items, _ = diversified(item_BM, np.zeros((1, 4), np.float32), UNIT, 4, 1.0)
    assert items.tolist() == [[A, C, B, D]]


def test_candidates_are_a_few_times_the_places_and_no_more_than_500_beside_them():
    assert [n_candidates(k) for k in (1, 20, 21, 100, 499, 501)] == [100, 100, 105, 500, 500, 501]


@given(arrays(bool, (6, 8)), st.permutations(range(8)), st.integers(1, 8), st.floats(0, 1))
def test_a_list_begins_with_the_best_item_and_a_shorter_one_is_its_start(likes, order, k, weight):
    unit = unit_likes(csr_array(likes.astype(np.float32)))
    best, scores = np.array([order], dtype=np.int32), np.zeros((1, 8), np.float32)
    whole, _ = diversified(best, scores, unit, 8, weight)
    assert sorted(whole[0]) == list(range(8))
    assert whole[0, 0] == order[0]
    part, _ = diversified(best, scores, unit, k, weight)
    assert part[0].tolist() == whole[0, :k].tolist()
