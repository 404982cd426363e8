"""A recommender by hand: raw ids in, ranked titles out."""

import numpy as np
import pandas as pd
import pytest
from model_options import options_of
from scipy.sparse import csr_array

from collaborative_autoencoders.models.model import Catalogue, Fitted
from collaborative_autoencoders.models.popularity import Popularity
from collaborative_autoencoders.serving.recommender import Recommender, rows_of

HISTORY = csr_array(np.array([[1, 0, 0, 0], [1, 1, 0, 0]], dtype=np.float32))


@pytest.fixture
def recommender():
    model = Popularity(options_of("popularity").model, Catalogue(2, 4, 1, 5))
    model.load_state({"likes_I": np.array([9, 5, 7, 5], dtype=np.float32)})
    users = pd.DataFrame({"user_id": ["ann", "bob"]})
    items = pd.DataFrame({"item_id": [10, 20, 30, 40], "title": ["A", "B", "C", "D"]})
    return Recommender(Fitted(model), users, items, HISTORY, HISTORY)


def items_of(answer, user):
    return answer.loc[answer["user_id"] == user, "item_id"].tolist()


def test_the_best_unseen_items_come_first_and_ties_go_to_the_lower_index(recommender):
    answer = recommender.recommend(pd.Series(["bob", "ann"]), 2)
    assert items_of(answer, "ann") == [30, 20]
    assert items_of(answer, "bob") == [30, 40]
    assert answer["title"].tolist() == ["C", "D", "C", "B"]
    assert answer["rank"].tolist() == [1, 2, 1, 2]


def test_a_list_ends_where_nothing_unseen_is_left(recommender):
    assert items_of(recommender.recommend(pd.Series(["bob"]), 100), "bob") == [30, 40]


def test_an_unknown_user_has_seen_nothing(recommender):
    assert items_of(recommender.recommend(pd.Series(["eve"]), 1), "eve") == [10]


def test_one_user_asked_twice_gets_two_lists(recommender):
    assert recommender.recommend(pd.Series(["ann", "ann"]), 1)["item_id"].tolist() == [30, 30]


def test_no_user_gets_no_rows(recommender):
    assert recommender.recommend(pd.Series([], dtype=object), 3).empty


def test_fewer_than_one_item_is_refused(recommender):
    with pytest.raises(ValueError, match="n is 0"):
        recommender.recommend(pd.Series(["ann"]), 0)


def test_rows_of_an_unknown_user_are_empty():
    rows = rows_of(HISTORY, np.array([1, -1, 0])).toarray()
    assert rows.tolist() == [[1, 1, 0, 0], [0, 0, 0, 0], [1, 0, 0, 0]]


def test_a_saved_recommender_answers_as_before(recommender, tmp_path):
    recommender.save(tmp_path)
    users = pd.Series(["bob", "ann"])
    again = Recommender.load(tmp_path).recommend(users, 3)
    pd.testing.assert_frame_equal(again, recommender.recommend(users, 3))
