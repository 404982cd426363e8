"""Everybody's list: seen items left out, in batches, by any model."""

import numpy as np
import pytest
from scipy.sparse import csr_array

from collaborative_autoencoders.recommending.ranking import leave_out_seen, rank_items


class GivenScores:
    """A model that has its scores from the test, and keeps them."""

    def __init__(self, scores_UI):
        self.scores_UI = np.asarray(scores_UI, dtype=np.float32)
        self.asked = []

    def score(self, histories_UI, users_U):
        self.asked.append((histories_UI.toarray().tolist(), users_U.tolist()))
        return self.scores_UI[users_U[0] : users_U[-1] + 1]


SCORES = [[0.1, 0.9, 0.5], [0.7, 0.7, 0.2], [0.3, 0.2, 0.1]]
SEEN = csr_array(np.array([[0, 1, 0], [0, 0, 0], [1, 1, 1]], dtype=np.float32))
NOTHING = csr_array((3, 3), dtype=np.float32)


def test_a_list_is_best_first_without_what_was_seen():
    item_UK, score_UK = rank_items(GivenScores(SCORES), NOTHING, SEEN, k=2, batch_size=10)
    assert item_UK.tolist() == [[2, 0], [0, 1], [-1, -1]]
    assert score_UK[:2] == pytest.approx(np.array([[0.5, 0.1], [0.7, 0.7]]))
    assert np.all(score_UK[2] == -np.inf)


def test_a_seen_rating_of_zero_is_seen():
    seen_UI = csr_array(([0.0], ([0], [1])), shape=(3, 3))
    item_UK, _ = rank_items(GivenScores(SCORES), NOTHING, seen_UI, k=1, batch_size=10)
    assert item_UK[0].tolist() == [2]


@pytest.mark.parametrize("batch_size", [1, 2, 3])
def test_batches_do_not_change_the_lists(batch_size):
    whole = rank_items(GivenScores(SCORES), NOTHING, SEEN, k=3, batch_size=10)
    batched = rank_items(GivenScores(SCORES), NOTHING, SEEN, k=3, batch_size=batch_size)
    assert np.array_equal(batched[0], whole[0])
    assert np.array_equal(batched[1], whole[1])


def test_only_the_users_asked_for_are_ranked_each_with_their_own_history():
    model = GivenScores(SCORES)
    histories_UI = csr_array(np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1]], dtype=np.float32))
    item_UK, _ = rank_items(model, histories_UI, SEEN, 1, batch_size=1, users=np.array([1, 0]))
    assert model.asked == [([[0, 1, 0]], [1]), ([[1, 0, 0]], [0])]
    assert item_UK.tolist() == [[0], [2]]


def test_no_user_is_an_empty_answer():
    item_UK, _ = rank_items(GivenScores(SCORES), NOTHING, SEEN, 2, 10, users=np.array([], int))
    assert item_UK.shape == (0, 2)


def test_what_the_model_keeps_is_not_written_into():
    model = GivenScores(SCORES)
    rank_items(model, NOTHING, SEEN, k=2, batch_size=10)
    assert np.array_equal(model.scores_UI, np.float32(SCORES))


def test_scores_laid_out_by_columns_are_ranked_alike():
    model = GivenScores(SCORES)
    model.scores_UI = np.asfortranarray(model.scores_UI)
    item_UK, _ = rank_items(model, NOTHING, SEEN, k=2, batch_size=10)
    assert item_UK.tolist() == [[2, 0], [0, 1], [-1, -1]]


def test_leaving_out_touches_seen_places_alone():
    scores_BI = np.float32(SCORES)
    leave_out_seen(scores_BI, SEEN)
    assert np.array_equal(scores_BI == -np.inf, SEEN.toarray() > 0)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("item", [0, 1])
def test_a_score_without_a_place_names_the_user_even_where_the_item_is_seen(bad, item):
    scores = [list(row) for row in SCORES]
    scores[2][item] = bad
    with pytest.raises(ValueError, match=f"item_index {item} for user_index 2"):
        rank_items(GivenScores(scores), NOTHING, SEEN, k=1, batch_size=2)


def test_a_list_longer_than_the_catalogue_is_refused():
    with pytest.raises(ValueError, match="k = 4 is longer than the catalogue of 3 items"):
        rank_items(GivenScores(SCORES), NOTHING, SEEN, k=4, batch_size=2)
