"""The reasons for a list, in worlds where the right ones are known."""

import json
from functools import cache

import numpy as np
import pandas as pd
import pytest
from checkerboard import checkerboard
from model_options import RUNNING, options_of

from collaborative_autoencoders.interactions.lookup import Lookup
from collaborative_autoencoders.learning.fit_model import fit_model
from collaborative_autoencoders.models.popularity import Popularity
from collaborative_autoencoders.serving import reasons
from collaborative_autoencoders.serving.limits import Limits
from collaborative_autoencoders.serving.reasons import reasons_for, without_each
from collaborative_autoencoders.serving.recommender import Recommender, Stopped
from collaborative_autoencoders.serving.requests import BadRequest, Wanted

WORLD = checkerboard()
DATA = {"rated": True, "lowest_rating": 1.0, "highest_rating": 5.0}
SOME = ["autorec_user", "cdae", "ease", "mf", "sequential_ease"]


def recommender_of(name):
    fitted = fit_model(options_of(name), True, RUNNING, WORLD.catalogue, **WORLD.parts).fitted
    users = pd.DataFrame({"user_id": np.arange(WORLD.catalogue.users)})
    items = np.arange(WORLD.catalogue.items)
    titles = pd.DataFrame({"item_id": items, "title": [f"Number {item}" for item in items]})
    return Recommender.of(fitted, Lookup(users, titles, DATA, 4), WORLD.known_to(fitted.model))


fitted_once = cache(recommender_of)


@pytest.fixture
def ease():
    return fitted_once("ease")


@pytest.mark.parametrize("parity", [0, 1])
@pytest.mark.parametrize("name", SOME)
def test_items_are_explained_by_those_of_their_kind_in_a_mixed_history(name, parity):
    """Five likes are of the kind that is asked for, and two of the other, which say nothing."""
    mixed = [7 - parity, 13 - parity, *(item + parity for item in (0, 4, 8, 12, 16))]
    wanted = Wanted(n=3, explain=7, only_items=list(range(18 + parity, 30, 2)))
    answer = fitted_once(name).answer(pd.DataFrame({"history": [mixed]}), wanted)
    reasons = [reason for line in answer["reasons"] for reason in line]
    of_kind = [each["weight"] for each in reasons if each["item_id"] % 2 == parity]
    assert {each["item_id"] for each in reasons} <= set(mixed)
    assert sum(of_kind) > 0.7 * sum(each["weight"] for each in reasons)


@pytest.mark.parametrize("name", ["ease", "itemknn"])
def test_reasons_of_a_sum_are_its_addends(name):
    model = fitted_once(name).model
    weights_II = getattr(model, "weight_II", None)
    if weights_II is None:
        weights_II = model.similarity_II.toarray()
    history_UI = WORLD.known.likes[[3]]
    item_K = np.array([0, 5, 28])
    reason_KN, weight_KN = reasons_for(model, history_UI, 3, item_K, 30)
    for item, found, weights in zip(item_K, reason_KN, weight_KN, strict=True):
        addends = {int(own): weights_II[own, item] for own in history_UI.indices}
        expected = sorted((weight for weight in addends.values() if weight > 1e-6), reverse=True)
        is_shown = weights > 1e-6
        np.testing.assert_allclose(weights[is_shown], expected, atol=1e-6)
        given = [addends[own] for own in found[is_shown].tolist()]
        np.testing.assert_allclose(weights[is_shown], given, atol=1e-6)


def test_a_line_names_reasons_by_id_and_title_the_largest_first(ease):
    answer = ease.answer(pd.DataFrame({"user_id": [0, 1]}), Wanted(n=4, explain=3))
    for line in answer["reasons"]:
        weights = [reason["weight"] for reason in line]
        assert weights == sorted(weights, reverse=True) and min(weights) > 0
        assert all(each["title"] == f"Number {each['item_id']}" for each in line)
        assert len(line) <= 3
        assert json.loads(json.dumps(line)) == line
    without = ease.answer(pd.DataFrame({"user_id": [0, 1]}), Wanted(n=4))
    pd.testing.assert_frame_equal(answer.drop(columns="reasons"), without)


def test_reasons_are_of_the_whole_history_of_the_request(ease):
    """The stored history, and the newer likes of the request."""
    stored = set(WORLD.known.likes[[0]].indices.tolist())
    newer = next(item for item in range(0, 30, 2) if item not in stored)
    table = pd.DataFrame({"user_id": [0], "history": [[newer]]})
    (line, *_) = ease.answer(table, Wanted(n=1, explain=100))["reasons"]
    assert newer in {reason["item_id"] for reason in line}
    assert {reason["item_id"] for reason in line} <= stored | {newer}


def test_a_list_by_popularity_has_no_reasons(ease):
    answer = ease.answer(pd.DataFrame({"user_id": [None, 0]}), Wanted(n=3, explain=2))
    assert answer.loc[answer["source"] == "popularity", "reasons"].tolist() == [[]] * 3
    assert all(answer.loc[answer["source"] == "model", "reasons"])


def test_a_model_that_reads_no_history_has_no_reasons():
    model = Popularity(options_of("popularity").model, WORLD.catalogue)
    model.fit(WORLD.known.likes)
    reason_KN, weight_KN = reasons_for(model, WORLD.known.likes[[0]], 0, np.arange(3), 2)
    assert (reason_KN == -1).all() and not weight_KN.any()


def test_a_history_is_scored_in_batches_with_the_same_reasons(ease, monkeypatch):
    history_1I, batches = WORLD.known.likes[[2]], []
    arguments = ease.model, history_1I, 2, np.arange(5), 4
    at_once = reasons_for(*arguments)
    monkeypatch.setattr(reasons, "rows_at_once", lambda items: 3)
    in_batches = reasons_for(*arguments, lambda: batches.append(1))
    assert len(batches) == -(-history_1I.nnz // 3) > 1
    for one, other in zip(at_once, in_batches, strict=True):
        np.testing.assert_array_equal(one, other)


def test_each_row_lacks_one_item_and_keeps_the_values_of_the_others():
    history_1I = WORLD.known.ratings[[0]]
    dense_1I = history_1I.toarray()
    for row, item in zip(
        without_each(history_1I, 1, 4).toarray(), history_1I.indices[1:4], strict=True
    ):
        expected = dense_1I[0].copy()
        expected[item] = 0
        np.testing.assert_array_equal(row, expected)


def test_reasons_count_in_the_limit_of_lines_and_stop_with_the_client(ease):
    table, limits = pd.DataFrame({"user_id": [0]}), Limits(max_lines=10)
    ease.answer(table, Wanted(n=5, explain=2), limits)
    with pytest.raises(
        BadRequest, match="with 3 reasons, and the limit is 10.*smaller n or explain"
    ):
        ease.answer(table, Wanted(n=5, explain=3), limits)
    asked = iter([False, True])
    with pytest.raises(Stopped):
        ease.answer(table, Wanted(n=5, explain=2), limits, lambda: next(asked))
