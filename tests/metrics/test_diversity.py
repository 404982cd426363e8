"""The diversity of a list by hand, and its range."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.sparse import csr_array

from collaborative_autoencoders.metrics import diversity
from collaborative_autoencoders.metrics.diversity import intra_list_diversity, unit_likes

#                 A  B  C  D  E
LIKES = np.array([[1, 1, 0, 0, 0], [1, 1, 1, 0, 0], [0, 0, 1, 0, 0], [0, 0, 0, 1, 0]])
UNIT = unit_likes(csr_array(LIKES.astype(np.float32)))


def test_similarity_is_the_cosine_of_the_users_who_like_both():
    cosines = (UNIT @ UNIT.T).toarray()
    assert cosines[0] == pytest.approx([1, 1, 1 / (2**0.5 * 2**0.5), 0, 0])
    assert not cosines[4].any()


def test_diversity_is_the_mean_distance_of_pairs():
    lists = np.array([[0, 1, -1], [0, 1, 2], [0, 2, 3], [3, -1, -1], [0, 4, -1]])
    pairs = [1 - 1, ((1 - 1) + (1 - 0.5) + (1 - 0.5)) / 3, ((1 - 0.5) + 1 + 1) / 3, np.nan, 1]
    np.testing.assert_allclose(intra_list_diversity(lists, UNIT), pairs, atol=1e-6)


@given(arrays(bool, (6, 8)), st.lists(st.permutations(range(8)), min_size=1), st.integers(2, 8))
def test_diversity_is_from_0_to_1_and_the_mean_over_the_matrix_of_pairs(likes, orders, k):
    unit = unit_likes(csr_array(likes.astype(np.float32)))
    lists = np.array(orders)[:, :k]
    found = intra_list_diversity(lists, unit)
    assert ((found >= 0) & (found <= 1)).all()
    distance = 1 - (unit @ unit.T).toarray()
    off = ~np.eye(k, dtype=bool)
    expected = [distance[np.ix_(items, items)][off].mean() for items in lists]
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_lists_are_compared_in_blocks_with_the_same_values(monkeypatch):
    lists = np.array([[0, 1], [0, 2], [2, 3]])
    at_once = intra_list_diversity(lists, UNIT)
    monkeypatch.setattr(diversity, "CELLS_AT_ONCE", 8)  # two lists of four users
    np.testing.assert_array_equal(intra_list_diversity(lists, UNIT), at_once)
