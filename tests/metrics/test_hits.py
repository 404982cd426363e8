"""Hits: recommended items that the held-out part stores."""

import numpy as np
from scipy.sparse import csr_array

from collaborative_autoencoders.metrics import hits
from collaborative_autoencoders.metrics.hits import count_relevant, find_hits


def test_a_hit_is_a_held_out_item_of_the_same_user():
    relevant_UI = csr_array(np.array([[1, 0, 1], [0, 1, 0]], dtype=np.float32))
    item_UK = np.array([[2, 1], [0, 1]])
    assert find_hits(item_UK, relevant_UI).tolist() == [[True, False], [False, True]]
    assert count_relevant(relevant_UI).tolist() == [2, 1]


def test_padding_hits_nothing_even_where_the_last_item_is_held_out():
    relevant_UI = csr_array(np.array([[0, 0, 1]], dtype=np.float32))
    assert find_hits(np.array([[2, -1]]), relevant_UI).tolist() == [[True, False]]


def test_a_held_out_rating_of_zero_counts():
    relevant_UI = csr_array(([0.0], ([0], [1])), shape=(1, 3))
    assert find_hits(np.array([[1]]), relevant_UI).all()
    assert count_relevant(relevant_UI).tolist() == [1]


def test_blocks_do_not_change_the_hits(monkeypatch):
    random = np.random.default_rng(0)
    dense_UI = random.random((23, 17)) < 0.3
    item_UK = random.integers(-1, 17, size=(23, 5))
    monkeypatch.setattr(hits, "CELLS_AT_ONCE", 40)
    expected = [[item >= 0 and dense_UI[u, item] for item in item_UK[u]] for u in range(23)]
    assert find_hits(item_UK, csr_array(dense_UI)).tolist() == expected
