"""Ranked lists: seen items are excluded, and batches do not matter."""

import numpy as np
import pytest
from scipy.sparse import csr_array

from collaborative_autoencoders.evaluation import rows_at_once
from collaborative_autoencoders.evaluation.known import Known
from collaborative_autoencoders.evaluation.ranking import exclude_seen, rank_batch, rank_items


class GivenScores:
    """A model that returns the given scores, which it keeps."""

    def __init__(self, scores_UI):
        self.scores_UI = np.asarray(scores_UI, dtype=np.float32)
        self.asked = []

    def score(self, histories_UI, users_U):
        self.asked.append((histories_UI.toarray().tolist(), users_U.tolist()))
        return self.scores_UI[users_U[0] : users_U[-1] + 1]


SCORES = [[0.1, 0.9, 0.5], [0.7, 0.7, 0.2], [0.3, 0.2, 0.1]]
SEEN = csr_array(np.array([[0, 1, 0], [0, 0, 0], [1, 1, 1]], dtype=np.float32))
NOTHING = csr_array((3, 3), dtype=np.float32)


def test_a_list_is_best_first_without_seen_items():
    item_UK, score_UK = rank_items(GivenScores(SCORES), Known(NOTHING, SEEN), k=2, batch_size=10)
    assert item_UK.tolist() == [[2, 0], [0, 1], [-1, -1]]
    assert score_UK[:2] == pytest.approx(np.array([[0.5, 0.1], [0.7, 0.7]]))
    assert np.all(score_UK[2] == -np.inf)


def test_a_seen_rating_of_zero_is_seen():
    seen_UI = csr_array(([0.0], ([0], [1])), shape=(3, 3))
    item_UK, _ = rank_items(GivenScores(SCORES), Known(NOTHING, seen_UI), k=1, batch_size=10)
    assert item_UK[0].tolist() == [2]


@pytest.mark.parametrize("batch_size", [1, 2, 3])
def test_batches_do_not_change_the_lists(batch_size):
    whole = rank_items(GivenScores(SCORES), Known(NOTHING, SEEN), k=3, batch_size=10)
    batched = rank_items(GivenScores(SCORES), Known(NOTHING, SEEN), k=3, batch_size=batch_size)
    assert np.array_equal(batched[0], whole[0])
    assert np.array_equal(batched[1], whole[1])


def test_a_large_catalogue_is_scored_for_few_users_at_once(monkeypatch):
    monkeypatch.setattr(rows_at_once, "CELLS_AT_ONCE", 8)  # two rows of three items
    model = GivenScores(SCORES)
    rank_items(model, Known(NOTHING, SEEN), k=1, batch_size=10)
    assert [users for _, users in model.asked] == [[0, 1], [2]]
    monkeypatch.undo()
    assert [rows_at_once.rows_at_once(items) for items in (1, 4_096, 34_140, 10**6)] == [
        *(1024, 1024, 448, 16),
    ]


def test_only_the_given_users_are_ranked_each_with_its_own_history():
    model = GivenScores(SCORES)
    histories_UI = csr_array(np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1]], dtype=np.float32))
    item_UK, _ = rank_items(
        model, Known(histories_UI, SEEN), 1, batch_size=1, users=np.array([1, 0])
    )
    assert model.asked == [([[0, 1, 0]], [1]), ([[1, 0, 0]], [0])]
    assert item_UK.tolist() == [[0], [2]]


def test_without_users_the_result_is_empty():
    item_UK, _ = rank_items(
        GivenScores(SCORES), Known(NOTHING, SEEN), 2, 10, users=np.array([], int)
    )
    assert item_UK.shape == (0, 2)


def test_scores_that_the_model_keeps_are_not_changed():
    model = GivenScores(SCORES)
    rank_items(model, Known(NOTHING, SEEN), k=2, batch_size=10)
    assert np.array_equal(model.scores_UI, np.float32(SCORES))


def test_scores_in_column_order_give_the_same_lists():
    model = GivenScores(SCORES)
    model.scores_UI = np.asfortranarray(model.scores_UI)
    item_UK, _ = rank_items(model, Known(NOTHING, SEEN), k=2, batch_size=10)
    assert item_UK.tolist() == [[2, 0], [0, 1], [-1, -1]]


def test_excluding_changes_the_seen_cells_only():
    scores_BI = np.float32(SCORES)
    exclude_seen(scores_BI, SEEN)
    assert np.array_equal(scores_BI == -np.inf, SEEN.toarray() > 0)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("item", [0, 1])
def test_a_score_that_cannot_be_ranked_is_refused_with_the_user_also_for_a_seen_item(bad, item):
    scores = [list(row) for row in SCORES]
    scores[2][item] = bad
    with pytest.raises(ValueError, match=f"item_index {item} for user_index 2"):
        rank_items(GivenScores(scores), Known(NOTHING, SEEN), k=1, batch_size=2)


def test_a_list_longer_than_the_catalogue_is_refused():
    with pytest.raises(ValueError, match="k = 4 is longer than the catalogue of 3 items"):
        rank_items(GivenScores(SCORES), Known(NOTHING, SEEN), k=4, batch_size=2)


def test_an_excluded_item_is_in_no_list():
    known, excluded_I = Known(NOTHING, SEEN), np.array([True, False, False])
    item_UK, _ = rank_batch(GivenScores(SCORES), known, np.arange(3), 2, excluded_I)
    assert item_UK.tolist() == [[2, -1], [1, 2], [-1, -1]]


def test_a_user_without_a_history_is_ranked_by_likes_and_the_others_as_before():
    histories_UI = csr_array(np.array([[0, 0, 0], [0, 1, 0]], dtype=np.float32))
    scores = np.array([[np.nan] * 3, [0.1, 0.2, 0.3]])  # the first user has no score
    known = Known(histories_UI, csr_array((2, 3)), likes_I=np.array([4, 0, 7]))
    item_UK, score_UK = rank_items(GivenScores(scores), known, k=3, batch_size=10)
    assert item_UK.tolist() == [[2, 0, 1], [2, 1, 0]]
    assert score_UK[0].tolist() == [7, 4, 0]
