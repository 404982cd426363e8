"""A served model of order reads a history as it was sent: stored items first, the newest last."""

import numpy as np
import pandas as pd
import pytest
from checkerboard import checkerboard
from fits import fit
from hypothesis import given
from hypothesis import strategies as st

from collaborative_autoencoders.columns import ITEM, TITLE, USER
from collaborative_autoencoders.evaluation.known import histories_for
from collaborative_autoencoders.interactions.lookup import make_lookup
from collaborative_autoencoders.serving.recommender import Recommender
from collaborative_autoencoders.serving.requests import BadRequest, Wanted, read_request

WORLD = checkerboard()
N_USERS, N_ITEMS = WORLD.train.shape
FACTS = {
    "data_set": "a table",
    "rated": True,
    "lowest_rating": 1.0,
    "highest_rating": 5.0,
    "users": N_USERS,
    "items": N_ITEMS,
}
USERS = pd.DataFrame({USER: range(N_USERS)})
TITLES = pd.DataFrame({ITEM: range(N_ITEMS)}).assign(**{TITLE: "a title"})
LIKED = [0, 2, 4]


@pytest.fixture(scope="module")
def recommender() -> Recommender:
    fitted = fit("sequential_ease", WORLD)
    known = histories_for(fitted, **WORLD.parts)
    return Recommender.of(fitted, make_lookup(USERS, TITLES, FACTS, 4), known)


def scores_of(recommender: Recommender, **row) -> dict[int, float]:
    table = pd.DataFrame({name: [value] for name, value in row.items()}, dtype=object)
    answer = recommender.answer(table, Wanted(n=N_ITEMS, exclude_seen=False))
    return dict(zip(answer["item_id"], answer["score"], strict=True))


def read(recommender: Recommender, **row) -> list[int]:
    """The items that the model reads for this row, oldest first."""
    table = pd.DataFrame({name: [value] for name, value in row.items()}, dtype=object)
    ids = recommender.user_ids, recommender.item_ids
    request = read_request(table, *ids, recommender.taste, in_order=True)
    order = recommender._history(request)
    return order.indices[np.argsort(order.data)].tolist()


def stored(recommender: Recommender, user: int) -> list[int]:
    row = recommender.history_UI[[user]]
    return row.indices[np.argsort(row.data)].tolist()


def test_the_same_three_items_in_another_order_are_another_answer(recommender):
    one, other = (scores_of(recommender, history=order) for order in (LIKED, LIKED[::-1]))

    assert one != pytest.approx(other)
    assert scores_of(recommender, history=LIKED) == one


@given(st.lists(st.integers(0, N_ITEMS - 1), max_size=12))
def test_newer_items_come_after_the_stored_ones_and_one_sent_again_moves(recommender, history):
    last = {item: place for place, item in enumerate(history)}
    newer = sorted(last, key=last.get)

    found = read(recommender, user_id=3, history=history)

    older = [item for item in stored(recommender, 3) if item not in last]
    assert found == older + newer
    assert read(recommender, history=history) == newer


def test_an_item_that_is_not_liked_leaves_the_history(recommender):
    own = stored(recommender, 3)

    found = read(recommender, user_id=3, history=[own[0], own[-1]], ratings=[1, 5])

    assert found == [*own[1:-1], own[-1]]


def test_rows_of_one_request_keep_their_own_order(recommender):
    table = pd.DataFrame({"history": [LIKED, LIKED[::-1]]})
    answer = recommender.answer(table, Wanted(n=N_ITEMS, exclude_seen=False))

    for row, order in enumerate((LIKED, LIKED[::-1])):
        lines = answer[answer["row"] == row]
        found = dict(zip(lines["item_id"], lines["score"], strict=True))
        assert found == pytest.approx(scores_of(recommender, history=order))


def test_a_set_has_no_order_and_is_refused(recommender):
    with pytest.raises(BadRequest, match="row 0: history and ratings must be lists, not sets"):
        scores_of(recommender, history=set(LIKED))
