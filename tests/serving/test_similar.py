"""Similar items by hand: ids of items in, titles and similarities out."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from checkerboard import checkerboard
from model_options import options_of
from scipy.sparse import csr_array

from collaborative_autoencoders.evaluation.known import Known
from collaborative_autoencoders.interactions.lookup import Lookup
from collaborative_autoencoders.models.itemknn import ItemKNN
from collaborative_autoencoders.models.model import Catalogue, Fitted
from collaborative_autoencoders.models.popularity import Popularity
from collaborative_autoencoders.serving import similar
from collaborative_autoencoders.serving.answers import table_of
from collaborative_autoencoders.serving.batches import (
    InferenceOptions,
    RecommendationBatches,
    ids_of,
)
from collaborative_autoencoders.serving.limits import Limits
from collaborative_autoencoders.serving.recommender import Recommender, Stopped
from collaborative_autoencoders.serving.requests import BadRequest, Wanted, wanted_of
from collaborative_autoencoders.serving.similar import refusal, similar_columns

LIMITS = Limits()
DATA = {"rated": False, "lowest_rating": None, "highest_rating": None}
#                          A  B  C  D, which nobody likes
LIKES = csr_array(np.array([[1, 1, 0, 0], [0, 1, 1, 0]], dtype=np.float32))
#  the neighbours of A are B and C, those of B are A and C, and C has B alone
SIMILARITY = np.array([[0, 0.4, 0, 0.9], [0.5, 0, 0.7, 0], [0.2, 0.6, 0, 0], [0.9, 0, 0, 0]])
INFERENCE = InferenceOptions(
    task="similar_items",
    model="itemknn",
    users="all",
    n=2,
    exclude_seen=True,
    diversify=0,
    batch_size=2,
    engine="one_machine",
)


def recommender_of(name, model):
    users = pd.DataFrame({"user_id": [1, 2]})
    titles = pd.DataFrame({"item_id": [10, 20, 30, 40], "title": ["A", "B", "C", "D"]})
    return Recommender.of(Fitted(name, model), Lookup(users, titles, DATA, 4), Known(LIKES, LIKES))


@pytest.fixture
def knn():
    model = ItemKNN(options_of("itemknn").model, Catalogue(2, 4, None, None))
    model.similarity_II = csr_array(SIMILARITY.astype(np.float32))
    return recommender_of("itemknn", model)


def ask(recommender, items, limits=LIMITS, **wanted):
    table = pd.DataFrame({"item_id": pd.Series(items, dtype=object)})
    return table_of(similar_columns(recommender, table, Wanted(**wanted), limits))


def lists_in(answer):
    """The similar items of each row, with their similarity."""
    pairs = zip(answer["similar_item_id"], answer["similarity"].round(4), strict=True)
    return [*zip(answer["row"], answer["rank"], pairs, strict=True)]


def test_each_row_has_its_similar_items_with_titles_the_most_similar_first(knn):
    answer = ask(knn, [10, 30])
    assert lists_in(answer) == [
        (0, 1, (20, np.float32(0.5))),
        (0, 2, (30, np.float32(0.2))),
        (1, 1, (20, np.float32(0.7))),
    ]
    assert answer["title"].tolist() == ["A", "A", "C"]
    assert answer["similar_title"].tolist() == ["B", "C", "B"]


def test_one_line_per_row_has_lists_also_an_empty_one(knn):
    answer = ask(knn, [30, 40, 10], one_line_per_row=True)
    assert answer["row"].tolist() == [0, 1, 2]
    assert answer["title"].tolist() == ["C", "D", "A"]
    assert answer["rank"].tolist() == [[1], [], [1, 2]]
    assert answer["similar_item_id"].tolist() == [[20], [], [20, 30]]
    assert answer["similar_title"].tolist() == [["B"], [], ["B", "C"]]
    assert answer["similarity"].explode().dropna().tolist() == pytest.approx([0.7, 0.5, 0.2])


def test_an_item_in_no_history_has_no_similar_items_and_is_one_of_none(knn):
    """The weights between A and D, .9, are not shown: nobody likes D."""
    assert ask(knn, [40]).empty
    assert 40 not in set(ask(knn, [10, 20, 30])["similar_item_id"])


def test_n_and_lists_of_items_hold_as_they_do_for_lists(knn):
    assert ask(knn, [10], n=1)["similar_item_id"].tolist() == [20]
    assert ask(knn, [10], exclude_items=[20])["similar_item_id"].tolist() == [30]
    assert ask(knn, [10], only_items=[30, 99])["similar_item_id"].tolist() == [30]
    outside_the_core = replace(knn, data=DATA | {"core_items": 2})
    assert ask(outside_the_core, [10, 30])["similar_item_id"].tolist() == [20, 20]


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"item_id": [10, 99]}, "row 1: item_id 99 is not in the catalogue"),
        ({"item_id": [10, None]}, "row 1: item_id is null"),
        ({"item_id": [10, "20"]}, "row 1: item_id has '20', and ids must be integers"),
        ({"item_id": [10], "user_id": [1]}, "takes one column, item_id; found: item_id, user_id"),
        ({"history": [[10]]}, "takes one column, item_id; found: history"),
    ],
)
def test_a_row_that_names_no_item_of_the_catalogue_is_refused(knn, table, message):
    with pytest.raises(BadRequest, match=message):
        similar_columns(knn, pd.DataFrame(table, dtype=object), Wanted())


def test_the_column_and_the_params_of_the_other_task_are_refused(knn):
    with pytest.raises(BadRequest, match="item_id is the column of task similar_items"):
        knn.answer(pd.DataFrame({"item_id": [10], "user_id": [1]}), Wanted())
    with pytest.raises(BadRequest, match="explain is of lists"):
        ask(knn, [10], explain=1)
    with pytest.raises(BadRequest, match="task is 'similar': send lists or similar_items"):
        wanted_of({"task": "similar"}, knn.item_ids)


def test_a_request_stays_within_the_limits_and_stops_with_the_client(knn):
    with pytest.raises(BadRequest, match=r"3 rows.*RECOMMENDER_MAX_ROWS"):
        ask(knn, [10, 20, 30], Limits(max_rows=2))
    with pytest.raises(BadRequest, match="2 rows of 2 items are up to 4 lines, and the limit is 3"):
        ask(knn, [10, 20], Limits(max_lines=3), n=2)
    table = pd.DataFrame({"item_id": [10]})
    with pytest.raises(Stopped):
        similar_columns(knn, table, Wanted(), is_gone=lambda: True)


def test_rows_are_computed_in_blocks_with_the_same_lists(knn, monkeypatch):
    at_once = ask(knn, [10, 20, 30])
    monkeypatch.setattr(similar, "rows_at_once", lambda items: 2)
    pd.testing.assert_frame_equal(ask(knn, [10, 20, 30]), at_once)


def test_a_model_without_an_answer_names_one_that_has(knn):
    model = Popularity(options_of("popularity").model, Catalogue(2, 4, None, None))
    with pytest.raises(BadRequest, match="popularity has no weights between items and no item v"):
        ask(recommender_of("popularity", model), [10])
    assert "adds the scores of sasrec and sequential_dae and" in refusal(
        "sequential_stack", "vectors"
    )
    vectors = INFERENCE.model_copy(update={"task": "item_vectors"})
    with pytest.raises(ValueError, match="itemknn has no item vectors.*inference.model=cdae"):
        ids_of(knn, pd.DataFrame(), vectors)


def test_all_items_are_asked_for_in_batches_with_the_answers_of_a_request(knn):
    batches = RecommendationBatches(knn, ids_of(knn, pd.DataFrame(), INFERENCE), INFERENCE, 7)
    written = pd.concat([*batches], ignore_index=True)
    assert written[["model", "version"]].drop_duplicates().values.tolist() == [["itemknn", 7]]
    asked = ask(knn, [10, 20, 30, 40], n=2).drop(columns="row")
    pd.testing.assert_frame_equal(written.drop(columns=["model", "version"]), asked)


def test_workers_of_spark_compute_lists_alone():
    options = INFERENCE.model_dump() | {"engine": "spark"}
    InferenceOptions.model_validate(options | {"task": "lists"})
    with pytest.raises(
        ValueError, match="similar_items is computed on one machine: run it without"
    ):
        InferenceOptions.model_validate(options)


# --- a registered model ---


def test_a_registered_model_answers_in_python_and_over_http(numbered_server, numbered):
    """Item-based AutoRec on the checkerboard, whose items are 0, 10, 20, …"""
    expected = ask(numbered, [0, 10], n=3)
    answer = numbered_server.ask([{"item_id": 0}, {"item_id": 10}], task="similar_items", n=3)
    served = pd.DataFrame(answer.lines)
    assert [*served] == [*expected]
    pd.testing.assert_frame_equal(served, expected, check_dtype=False, rtol=0, atol=1e-5)
    kinds = served["similar_item_id"] // 10 % 2
    assert kinds.tolist() == [0, 0, 0, 1, 1, 1]
    assert len(expected) == 6 and checkerboard().catalogue.items == len(numbered.items)


def test_an_unknown_item_is_refused_over_http_with_its_row(numbered_server):
    answer = numbered_server.ask([{"item_id": 0}, {"item_id": 7}], task="similar_items")
    assert answer.status == 400
    assert "row 1: item_id 7 is not in the catalogue" in answer.message
