"""Predictions at the cells that are asked for, and no others."""

import numpy as np
import pytest
from scipy.sparse import csr_array

from collaborative_autoencoders.evaluation.prediction import predict_ratings


class TenUserPlusItem:
    """A model that predicts ten times the user's index plus the item's."""

    def __init__(self):
        self.asked = []

    def predict(self, histories_UI, users_U):
        self.asked += users_U.tolist()
        return (10 * users_U[:, None] + np.arange(histories_UI.shape[1])).astype(np.float32)


class Diverged:
    """A model that predicts NaN for user 3."""

    def predict(self, histories_UI, users_U):
        return np.where(users_U[:, None] == 3, np.nan, np.ones(histories_UI.shape))


WANTED = csr_array(([5.0, 0.0, 3.0], ([0, 2, 3], [1, 0, 2])), shape=(4, 3))
HISTORIES = csr_array((4, 3), dtype=np.float32)


def predicted(model, wanted_UI=WANTED, batch_size=2, users=None):
    return predict_ratings(
        model, histories_UI=HISTORIES, wanted_UI=wanted_UI, batch_size=batch_size, users=users
    )


@pytest.mark.parametrize("batch_size", [1, 2, 10])
def test_each_wanted_cell_has_its_prediction_also_a_rating_of_zero(batch_size):
    predicted_UI = predicted(TenUserPlusItem(), batch_size=batch_size)
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


@pytest.mark.parametrize("batch_size", [1, 10])
def test_some_users_have_their_rows_in_the_given_order(batch_size):
    model = TenUserPlusItem()
    predicted_UI = predicted(model, batch_size=batch_size, users=np.array([3, 1, 0]))
    assert predicted_UI.toarray().tolist() == [[0, 0, 32], [0, 0, 0], [0, 1, 0]]
    assert model.asked == [3, 0]


def test_a_prediction_that_is_not_finite_names_the_user_also_of_some_users():
    with pytest.raises(ValueError, match="nan for user_index 3, item_index 2"):
        predicted(Diverged(), users=np.array([0, 3]))
