"""Predictions of the ratings that are asked for, and of no others."""

import numpy as np
import pytest
from scipy.sparse import csr_array

from collaborative_autoencoders.recommending.rating import predict_ratings


class TenUserPlusItem:
    """A model that predicts ten times the user's index plus the item's."""

    def __init__(self):
        self.asked = []

    def predict(self, histories_UI, users_U):
        self.asked += users_U.tolist()
        return (10 * users_U[:, None] + np.arange(histories_UI.shape[1])).astype(np.float32)


class Unlearned:
    """A model of which nothing came."""

    def predict(self, histories_UI, users_U):
        return np.where(users_U[:, None] == 3, np.nan, np.ones(histories_UI.shape))


WANTED = csr_array(([5.0, 0.0, 3.0], ([0, 2, 3], [1, 0, 2])), shape=(4, 3))
HISTORIES = csr_array((4, 3), dtype=np.float32)


@pytest.mark.parametrize("batch_size", [1, 2, 10])
def test_each_wanted_place_gets_its_prediction_a_rating_of_zero_too(batch_size):
    predicted_UI = predict_ratings(TenUserPlusItem(), HISTORIES, WANTED, batch_size)
    assert predicted_UI.data.tolist() == [1, 20, 32]
    assert np.array_equal(predicted_UI.indices, WANTED.indices)
    assert np.array_equal(predicted_UI.indptr, WANTED.indptr)


def test_a_user_of_whom_nothing_is_wanted_is_not_computed():
    model = TenUserPlusItem()
    predict_ratings(model, HISTORIES, WANTED, batch_size=2)
    assert model.asked == [0, 2, 3]


def test_nothing_wanted_is_nothing_predicted():
    assert predict_ratings(TenUserPlusItem(), HISTORIES, csr_array((4, 3)), 2).nnz == 0


def test_a_prediction_that_is_not_finite_names_user_and_item():
    with pytest.raises(ValueError, match="nan for user_index 3, item_index 2"):
        predict_ratings(Unlearned(), HISTORIES, WANTED, batch_size=2)
