"""The answers of a recommender, by hand: raw ids in, ranked titles out."""

import json
from dataclasses import replace
from io import BytesIO, StringIO

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mlflow.pyfunc.scoring_server import predictions_to_json
from model_options import options_of
from scipy.sparse import csr_array

from collaborative_autoencoders import checksum
from collaborative_autoencoders.evaluation import rows_at_once
from collaborative_autoencoders.evaluation.known import Known
from collaborative_autoencoders.interactions.lookup import Lookup
from collaborative_autoencoders.interactions.sparse import likes_of
from collaborative_autoencoders.models.itemknn import ItemKNN
from collaborative_autoencoders.models.model import Catalogue, Fitted
from collaborative_autoencoders.models.popularity import Popularity
from collaborative_autoencoders.serving import stored
from collaborative_autoencoders.serving.answers import lines_of, table_of
from collaborative_autoencoders.serving.limits import Limits
from collaborative_autoencoders.serving.recommender import Recommender, Stopped
from collaborative_autoencoders.serving.requests import BadRequest, Wanted

#          A  B  C  D
RATINGS = csr_array(np.array([[5, 0, 0, 0], [4, 2, 0, 0], [4, 0, 5, 0]], dtype=np.float32))
LIKES = likes_of(RATINGS, 4)
DATA = {"rated": True, "lowest_rating": 1.0, "highest_rating": 5.0}
CATALOGUE = Catalogue(3, 4, 1, 5)
USERS = pd.DataFrame({"user_id": ["ann", "bob", "cat"]})
TITLES = pd.DataFrame({"item_id": [10, 20, 30, 40], "title": ["A", "B", "C", "D"]})


def recommender_of(name, model):
    known = Known(LIKES if model.learns_from == "likes" else RATINGS, RATINGS)
    return Recommender.of(Fitted(name, model), Lookup(USERS, TITLES, DATA, 4), known)


@pytest.fixture
def popular():
    """Popularity by likes 9, 5, 7, 5, so the order is A, C, B, D."""
    model = Popularity(options_of("popularity").model, CATALOGUE)
    model.load_state({"likes_I": np.array([9, 5, 7, 5], dtype=np.float32)})
    return recommender_of("popularity", model)


@pytest.fixture
def neighbours():
    """Recommends D to users who like A, and B to users who like C."""
    model = ItemKNN(options_of("itemknn").model, CATALOGUE)
    a_to_d, c_to_b = ([0, 2], [3, 1])
    model.similarity_II = csr_array((np.ones(2, np.float32), (a_to_d, c_to_b)), shape=(4, 4))
    return recommender_of("itemknn", model)


def ask(recommender, rows, **wanted):
    """The answer to a request with these rows (user_id, history, ratings)."""
    table = pd.DataFrame(rows, columns=["user_id", "history", "ratings"][: len(rows[0])])
    return recommender.answer(table, Wanted(**wanted))


def items_of(answer, row=0):
    return answer.loc[answer["row"] == row, "item_id"].tolist()


def test_the_best_unseen_items_are_first_and_ties_go_to_the_lower_index(popular):
    answer = ask(popular, [("bob",), ("ann",)], n=2)
    assert items_of(answer, 0) == [30, 40]
    assert items_of(answer, 1) == [30, 20]
    assert answer["title"].tolist() == ["C", "D", "C", "B"]
    assert answer["rank"].tolist() == [1, 2, 1, 2]
    assert answer["user_id"].tolist() == ["bob", "bob", "ann", "ann"]


def test_a_list_is_shorter_if_fewer_unseen_items_are_left(popular):
    assert items_of(ask(popular, [("bob",)], n=100)) == [30, 40]
    assert items_of(ask(popular, [("bob",)], n=10**30)) == [30, 40]


def test_one_line_per_row_has_lists_also_an_empty_one(popular):
    users = pd.DataFrame({"user_id": ["bob", "new"]})
    wanted = Wanted(only_items=[10, 20], one_line_per_row=True)
    answer = popular.answer(users, wanted).drop(columns="score")
    assert answer.to_dict("records") == [
        {"row": 0, "user_id": "bob", "rank": [], "item_id": [], "title": []}
        | {"source": "model", "unknown_items": 0},
        {"row": 1, "user_id": "new", "rank": [1, 2], "item_id": [10, 20], "title": ["A", "B"]}
        | {"source": "popularity", "unknown_items": 0},
    ]


def test_without_anything_known_the_most_popular_items_are_recommended_with_that_source(neighbours):
    answer = ask(neighbours, [("eve", None), (None, []), (None, [99]), (None, None)], n=2)
    assert answer["source"].unique().tolist() == ["popularity"]
    # A is liked three times, C once; B was rated, and not liked
    assert [items_of(answer, row) for row in range(4)] == [[10, 30]] * 4
    assert answer["score"].tolist() == [3, 1] * 4
    assert answer["unknown_items"].tolist() == [0, 0, 0, 0, 1, 1, 0, 0]


def test_an_unseen_user_has_a_list_from_the_history_alone(neighbours):
    answer = ask(neighbours, [("eve", [10]), (None, [30])], n=1)
    assert [items_of(answer, 0), items_of(answer, 1)] == [[40], [20]]
    assert answer["source"].tolist() == ["model", "model"]


def test_the_history_of_a_request_is_added_to_the_stored_one(neighbours):
    before, after = ask(neighbours, [("ann", None), ("ann", [30])], n=2).groupby("row")
    assert before[1]["item_id"].tolist() == [40, 20]
    assert before[1]["score"].tolist() == [1, 0]
    assert after[1]["item_id"].tolist() == [20, 40]
    assert after[1]["score"].tolist() == [1, 1]


def test_a_lower_rating_removes_a_like_from_the_history(neighbours):
    answer = ask(neighbours, [("ann", [10], [1])], n=3)
    # without a like, what is left is popularity: C is liked once, B and D never
    assert items_of(answer) == [30, 20, 40]
    assert answer["source"].unique().tolist() == ["popularity"]


def test_a_known_user_without_likes_has_the_most_popular_items_with_that_source(neighbours):
    dislikes = csr_array(np.array([[5, 0, 0, 0], [2, 0, 0, 1], [0, 0, 5, 0]], dtype=np.float32))
    known = Known(likes_of(dislikes, 4), dislikes)
    recommender = Recommender.of(neighbours.fitted, Lookup(USERS, TITLES, DATA, 4), known)
    answer = ask(recommender, [("bob", None), ("ann", None)], n=2)
    assert [items_of(answer, 0), items_of(answer, 1)] == [[30, 20], [40, 20]]
    assert answer["source"].tolist() == ["popularity"] * 2 + ["model"] * 2
    assert answer["score"].tolist() == [1, 0, 1, 0]


def test_a_model_of_likes_does_not_read_a_history_without_likes(neighbours):
    answer = ask(neighbours, [(None, [10, 30], [2, 3])], n=4)
    assert answer["source"].unique().tolist() == ["popularity"]
    assert items_of(answer) == [20, 40]  # the history is excluded even so


def test_the_last_rating_of_a_duplicate_item_counts(neighbours):
    answer = ask(neighbours, [(None, [10, 10], [1, 5]), (None, [10, 10], [5, 1])], n=1)
    assert answer["source"].tolist() == ["model", "popularity"]


def test_params_include_and_exclude_items(popular):
    assert items_of(ask(popular, [("ann",)], exclude_items=[30, 99])) == [20, 40]
    assert items_of(ask(popular, [("ann",)], only_items=[40, 10, 99])) == [40]
    assert items_of(ask(popular, [("ann",)], only_items=[40, 20], exclude_items=[40])) == [20]
    assert items_of(ask(popular, [("ann",)], exclude_seen=False)) == [10, 30, 20, 40]
    assert ask(popular, [("ann",)], only_items=[99]).empty


def test_the_history_of_a_request_is_not_recommended_unless_seen_items_are_included(popular):
    assert items_of(ask(popular, [(None, [10, 30])])) == [20, 40]
    assert items_of(ask(popular, [(None, [10, 30])], exclude_seen=False)) == [10, 30, 20, 40]


def test_a_user_in_two_rows_has_two_lists(popular):
    assert ask(popular, [("ann",), ("ann",)], n=1)["item_id"].tolist() == [30, 30]


def test_a_request_without_rows_has_an_answer_without_lines(popular):
    empty = popular.answer(pd.DataFrame({"user_id": []}), Wanted())
    assert empty.empty
    assert list(empty) == [
        "row",
        "user_id",
        "rank",
        "item_id",
        "title",
        "score",
        "source",
        "unknown_items",
    ]


def test_rows_of_all_kinds_in_one_request_do_not_affect_each_other(neighbours):
    kinds = [("ann", None), ("eve", [30]), (None, None), ("bob", [30, 99])]
    together = ask(neighbours, kinds, n=4)
    for row, kind in enumerate(kinds):
        alone = ask(neighbours, [kind], n=4)
        own = together[together["row"] == row].reset_index(drop=True).assign(row=0)
        pd.testing.assert_frame_equal(own, alone, check_dtype=False)
    assert together.loc[together["row"] == 2, "user_id"].tolist() == [None] * 4


ROWS = st.lists(
    st.tuples(
        st.sampled_from(["ann", "bob", "cat", "eve", None]),
        st.none() | st.lists(st.tuples(st.sampled_from([10, 20, 30, 40, 99]), st.integers(1, 5))),
        st.booleans(),
    ),
    min_size=1,
    max_size=6,
)


@given(rows=ROWS, exclude_seen=st.booleans())
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_the_answer_to_one_row_is_equal_to_its_lines_in_the_answer_to_many(
    neighbours, rows, exclude_seen
):
    asked = [
        (
            user,
            None if rated is None else [item for item, _ in rated],
            [rating for _, rating in rated] if rated and has_ratings else None,
        )
        for user, rated, has_ratings in rows
    ]
    together = ask(neighbours, asked, n=4, exclude_seen=exclude_seen)
    alone = [ask(neighbours, [row], n=4, exclude_seen=exclude_seen) for row in asked]
    numbered = [answer.assign(row=row) for row, answer in enumerate(alone)]
    expected = pd.concat(numbered, ignore_index=True)
    pd.testing.assert_frame_equal(together, expected, check_dtype=False)


@pytest.mark.parametrize("ids", [[1], [1, None], [2**63], [2**63, -1], [2**70, 1]])
def test_integer_ids_of_any_size_are_the_type_that_pandas_gives_them(popular, ids):
    numbered = Recommender.of(
        popular.fitted,
        Lookup(pd.DataFrame({"user_id": [1, 2, 3]}), TITLES, DATA, 4),
        Known(LIKES, RATINGS),
    )
    answer = numbered.answer(pd.DataFrame({"user_id": ids}, dtype=object), Wanted(n=1))
    expected = pd.Series(ids, dtype=object if None in ids else None, name="user_id")
    pd.testing.assert_series_equal(answer["user_id"], expected)


@pytest.mark.parametrize(
    ("known", "asked"),
    [
        (["ann", "bob", "cat"], ["ann", None, "eve"]),
        (["ann", "bob", "cat"], ["ann", "bob"]),
        ([1, 2, 3], [1, 2]),
        ([1, 2, 3], [None, 2**70]),
        ([1, 2, 3], [2**63, -1]),
        ([1, 2, 3], []),
    ],
)
@pytest.mark.parametrize("items", [[10, 20, 30, 40], ["a", "b", "ü", '"']])
@pytest.mark.parametrize("whole", [False, True])
def test_a_server_makes_the_same_json_without_a_table(popular, known, asked, items, whole):
    lookup = Lookup(
        pd.DataFrame({"user_id": known}), TITLES.assign(item_id=items), DATA, like_threshold=4
    )
    recommender = Recommender.of(popular.fitted, lookup, Known(LIKES, RATINGS))
    table, wanted = pd.DataFrame({"user_id": asked}), Wanted(n=3, one_line_per_row=whole)
    columns = recommender.columns(table.astype(object), wanted)
    of_table, of_lines = StringIO(), StringIO()
    predictions_to_json(table_of(columns), of_table)
    predictions_to_json(lines_of(columns), of_lines)
    assert of_lines.getvalue() == of_table.getvalue()
    places = 3 * len(asked) - (known[1] in asked)
    assert of_lines.getvalue().count("rank") == (len(asked) if whole else places)


def test_user_ids_beside_a_null_stay_integers(popular):
    numbered = Recommender.of(
        popular.fitted,
        Lookup(pd.DataFrame({"user_id": [1, 2, 3]}), TITLES, DATA, 4),
        Known(LIKES, RATINGS),
    )
    as_floats = pd.DataFrame({"user_id": [1, None]})
    answer = numbered.answer(as_floats, Wanted(n=1))
    assert answer["user_id"].tolist() == [1, None]
    assert type(answer["user_id"].iloc[0]) is int
    assert items_of(answer, 0) == [30]


def test_an_answer_that_would_be_too_long_is_refused(popular):
    two, limits = pd.DataFrame({"user_id": ["ann", "eve"]}), Limits(max_lines=7)
    assert len(popular.answer(two, Wanted(n=3), limits)) == 6
    message = "up to 8 lines, and the limit is 7: send fewer rows .* raise RECOMMENDER_MAX_LINES"
    with pytest.raises(BadRequest, match=message):
        popular.answer(two, Wanted(n=4), limits)


def test_work_stops_before_the_next_batch_when_the_client_is_gone(popular, monkeypatch):
    monkeypatch.setattr(rows_at_once, "ROWS_AT_ONCE", 2)
    asked = iter([False, False, True])
    with pytest.raises(Stopped, match="the client has left"):
        popular.answer(
            pd.DataFrame({"user_id": ["ann"] * 9}), Wanted(), is_gone=lambda: next(asked)
        )
    assert next(asked, None) is None


def test_a_large_catalogue_is_scored_in_smaller_batches_with_the_same_lists(popular, monkeypatch):
    users = pd.DataFrame({"user_id": ["ann", "bob", "eve"] * 3})
    expected = popular.answer(users, Wanted())
    monkeypatch.setattr(rows_at_once, "CELLS_AT_ONCE", 8)  # two rows of four items
    pd.testing.assert_frame_equal(popular.answer(users, Wanted()), expected)


def test_a_saved_recommender_answers_as_before(neighbours, tmp_path):
    neighbours.save(tmp_path)
    rows = [("bob", [30]), (None, [10]), (None, None)]
    pd.testing.assert_frame_equal(
        ask(Recommender.load(tmp_path), rows), ask(neighbours, rows), check_dtype=False
    )


def test_files_of_another_format_are_refused(popular, tmp_path):
    popular.save(tmp_path)
    about = tmp_path / "about.json"
    about.write_text(about.read_text().replace(f'"format": {stored.FORMAT}', '"format": 1'))
    with pytest.raises(ValueError, match="in format 1, and this code reads format"):
        Recommender.load(tmp_path)


def test_items_of_the_test_part_are_not_listed_and_nothing_is_learned_from_them(
    neighbours, tmp_path
):
    # the list of ann, who likes A, is D, C, B; she has C, and bob D, in the test part
    held_out = csr_array(np.array([[0, 0, 4, 0], [0, 0, 0, 1], [0, 0, 0, 0]], dtype=np.float32))
    replace(neighbours, held_out_UI=held_out).save(tmp_path)
    whole, without = Recommender.load(tmp_path), neighbours
    rows = [("ann", None, None), ("bob", None, None), ("cat", None, None), (None, [10], None)]
    for row, held in zip(rows, ({30}, {40}, set(), set()), strict=True):
        plain, answer = (ask(each, [row]) for each in (without, whole))
        kept = plain[~plain["item_id"].isin(held)]
        assert answer["item_id"].tolist() == kept["item_id"].tolist()
        assert answer["score"].tolist() == kept["score"].tolist()
        every = [ask(each, [row], exclude_seen=False) for each in (without, whole)]
        pd.testing.assert_frame_equal(*every)


def test_in_data_without_ratings_every_item_of_a_history_is_a_like(neighbours):
    ones = csr_array(np.array([[1, 0, 0, 0], [0, 0, 1, 0], [0, 0, 1, 0]], dtype=np.float32))
    data = {"rated": False, "lowest_rating": None, "highest_rating": None}
    lookup = Lookup(USERS, TITLES, data, 4)
    unrated = Recommender.of(neighbours.fitted, lookup, Known(ones, ones))
    answer = ask(unrated, [(None, [10], [-3]), (None, None, None)], n=1)
    assert answer["source"].tolist() == ["model", "popularity"]
    assert answer["item_id"].tolist() == [40, 30]


def test_an_item_without_a_rating_has_the_mean_rating_of_a_like(popular):
    # likes 5, 4, 4, 5
    assert popular.taste.like_rating == 4.5


FILES = ("about.json", "model.safetensors", "users.parquet", "items.parquet", "history.npz")


@pytest.mark.parametrize("name", [*FILES, "seen.npz", "held_out.npz"])
def test_a_changed_or_missing_file_is_named(popular, tmp_path, name):
    popular.save(tmp_path)
    file = tmp_path / name
    content = bytearray(file.read_bytes())
    content[-20] ^= 1
    file.write_bytes(content)
    with pytest.raises(ValueError, match=name):
        Recommender.load(tmp_path)
    file.unlink()
    with pytest.raises(ValueError, match=f"{name}|format None"):
        Recommender.load(tmp_path)


def test_a_version_that_was_registered_without_held_out_ratings_is_read(popular, tmp_path):
    popular.save(tmp_path)
    about = json.loads((tmp_path / "about.json").read_text())
    del about["files"]["held_out.npz"]
    about["checksum"] = checksum.PLACEHOLDER
    content = BytesIO(json.dumps(about, indent=2).encode())
    (tmp_path / "about.json").write_bytes(checksum.with_checksum(content))
    (tmp_path / "held_out.npz").unlink()
    assert Recommender.load(tmp_path).held_out_UI.nnz == 0


def test_files_of_two_recommenders_are_not_mixed(popular, neighbours, tmp_path):
    for name, recommender in {"one": popular, "other": neighbours}.items():
        (tmp_path / name).mkdir()
        recommender.save(tmp_path / name)
    (tmp_path / "one/model.safetensors").write_bytes(
        (tmp_path / "other/model.safetensors").read_bytes()
    )
    with pytest.raises(ValueError, match=r"model\.safetensors.*belongs to another version"):
        Recommender.load(tmp_path / "one")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"like_threshold": 5}, "likes of the items"),
        ({"users": USERS.head(2)}, "2 users and 4 items have ids"),
        ({"users": USERS.iloc[::-1]}, "user_id is not sorted"),
        ({"seen_UI": RATINGS * np.float32(2)}, "outside the scale from 1"),
        ({"history_UI": LIKES[:2]}, "history has the shape"),
    ],
)
def test_parts_of_a_recommender_that_do_not_fit_each_other_are_refused(
    popular, tmp_path, changes, reason
):
    replace(popular, **changes).save(tmp_path)
    with pytest.raises(ValueError, match=reason):
        Recommender.load(tmp_path)
