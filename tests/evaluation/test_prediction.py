"""Predictions at the cells that are asked for, and no others."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array

from collaborative_autoencoders.evaluation import prediction
from collaborative_autoencoders.evaluation.prediction import batches_by_size, predict_ratings
from collaborative_autoencoders.models import cells


class TenUserPlusItem:
    """A model that predicts ten times the user's index plus the item's, always of all items."""

    def __init__(self):
        self.asked = []

    def predict(self, histories_UI, users_U):
        self.asked += users_U.tolist()
        return (10 * users_U[:, None] + np.arange(histories_UI.shape[1])).astype(np.float32)


class AtCells(TenUserPlusItem):
    """The same model, with a way to predict single cells."""

    predict = pytest.fail

    def predict_at(self, histories_UI, users_U, wanted_UI):
        self.asked += users_U.tolist()
        cells = wanted_UI.tocoo()
        return (10 * users_U[cells.row] + cells.col).astype(np.float32)


class Diverged:
    """A model that predicts NaN for user 3."""

    def predict(self, histories_UI, users_U):
        return np.where(users_U[:, None] == 3, np.nan, np.ones(histories_UI.shape))


WANTED = csr_array(([5.0, 0.0, 3.0], ([0, 2, 3], [1, 0, 2])), shape=(4, 3))
HISTORIES = csr_array((4, 3), dtype=np.float32)


@pytest.fixture(params=[1, 2, 10])
def users_at_once(request, monkeypatch):
    """So many users in a batch, and so many whose items are all predicted at once."""
    monkeypatch.setattr(prediction, "USERS_AT_ONCE", request.param)
    monkeypatch.setattr(cells, "DENSE_CELLS_AT_ONCE", 3 * request.param)


def predicted(model, wanted_UI=WANTED, users=None):
    return predict_ratings(model, histories_UI=HISTORIES, wanted_UI=wanted_UI, users=users)


@pytest.mark.parametrize("model", [TenUserPlusItem, AtCells])
def test_each_wanted_cell_has_its_prediction_also_a_rating_of_zero(model, users_at_once):
    predicted_UI = predicted(model())
    assert predicted_UI.data.tolist() == [1, 20, 32]
    assert np.array_equal(predicted_UI.indices, WANTED.indices)
    assert np.array_equal(predicted_UI.indptr, WANTED.indptr)


def test_a_user_without_a_wanted_rating_is_not_computed():
    model = TenUserPlusItem()
    predicted(model)
    assert model.asked == [0, 2, 3]


def test_without_wanted_ratings_nothing_is_predicted():
    assert predicted(TenUserPlusItem(), csr_array((4, 3))).nnz == 0


def test_a_prediction_that_is_not_finite_is_refused_with_user_and_item():
    with pytest.raises(ValueError, match="nan for user_index 3, item_index 2"):
        predicted(Diverged())


@pytest.mark.parametrize("model_class", [TenUserPlusItem, AtCells])
def test_some_users_have_their_rows_in_the_given_order(model_class, users_at_once):
    model = model_class()
    predicted_UI = predicted(model, users=np.array([3, 1, 0]))
    assert predicted_UI.toarray().tolist() == [[0, 0, 32], [0, 0, 0], [0, 1, 0]]
    assert model.asked == [3, 0]


def test_a_prediction_that_is_not_finite_names_the_user_also_of_some_users():
    with pytest.raises(ValueError, match="nan for user_index 3, item_index 2"):
        predicted(Diverged(), users=np.array([0, 3]))


@given(st.lists(st.integers(0, 9)), st.integers(1, 20), st.integers(1, 4))
def test_batches_have_all_users_once_and_are_as_large_as_they_may_be(sizes, most, most_users):
    batches = list(batches_by_size(np.array(sizes, dtype=np.int64), most, most_users))
    assert [user for batch in batches for user in range(len(sizes))[batch]] == [*range(len(sizes))]
    for batch in batches:
        own, next_size = sizes[batch], sizes[batch.stop : batch.stop + 1]
        assert len(own) == 1 or sum(own) <= most
        assert len(own) <= most_users
        assert not next_size or len(own) == most_users or sum(own + next_size) > most
