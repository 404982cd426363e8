"""A file whose content is impossible for what it holds is refused with file and reason."""

import io
import json

import numpy as np
import pandas as pd
import pytest
from evaluation.small_world import OPTIONS, TEST, TRAIN, AlwaysThree, evaluated
from kedro.io import DatasetError
from peak import peak_of, size_of, table_of_many

from collaborative_autoencoders.datasets.holds import HOLDS
from collaborative_autoencoders.datasets.json_file import JsonFileDataset
from collaborative_autoencoders.datasets.table import TableDataset
from collaborative_autoencoders.evaluation import averages, claims, table_claims
from collaborative_autoencoders.evaluation.known import count_owners
from collaborative_autoencoders.evaluation.lists import table_to_lists
from collaborative_autoencoders.evaluation.table_claims import (
    check_predictions,
    check_scores_of_lists,
    check_sizes,
)

MADE = evaluated(AlwaysThree())
FACTS = {"data_set": "mine", "checksum": "00", "rated": True, "users": 2, "items": 3, "ratings": 4}
FACTS |= {"likes": 3, "density": 4 / 6, "lowest_rating": 1.0, "highest_rating": 5.0}
FIT = {"fit_seconds": 1.5, "epochs": 3, "best_epoch": 2, "left_out": None}
HISTORY = {"train_loss": [{"value": 0.5, "step": 1}, {"value": 0.4, "step": 2}]}
FIGURES = {"ndcg_at_2": 0.5, "ndcg_at_2_low": 0.4, "ndcg_at_2_high": 0.6, "rmse": 1.5}
IDS = pd.DataFrame({"user_index": [0, 1], "user_id": ["ann", "bob"]})
REGISTERED = pd.DataFrame(
    {"model": ["a", "b"], "version": [3, None], "uri": [None, None], "not_registered": [None, "no"]}
)
PAIRS = pd.DataFrame(
    {"metric": ["rmse"], "model": ["a"], "other": ["b"], "difference": [1.0], "low": [0.5]}
).assign(high=1.5, users=7, verdict="worse")


RATINGS = pd.DataFrame({"user_id": ["a", "a", "b"], "item_id": [7, 8, 7]}).assign(
    rating=np.float32([1, 2, 3]), timestamp=[1, 2, 3], row=[3, 1, 2]
)
BREAKDOWN = {
    "k": 2,
    "activity": [{"group": "least", "users": 3, "ndcg": 0.5, "rmse": None}],
    "popularity": [{"group": "head", "items": 3, "recall": None}],
    "lorenz": {"gini": 0.5, "items": [0.0, 1.0], "recommendations": [0.0, 1.0]},
    "by_length": {"ndcg": [0.5, 0.6]},
}


def put(table, row, column, value):
    changed = table.astype({column: object}).copy()
    changed.loc[row, column] = value
    return changed.infer_objects()


ORDER = {
    "metrics": FIGURES,
    "compared": {"best": ["cdae"], "figures": ["0a"]},
    "options": {"enabled": True, "models": "best"},
}


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("data_facts", FACTS),
        ("figures", FIGURES),
        ("fit_facts", FIT),
        ("history", HISTORY),
        ("breakdown", {}),
        ("breakdown", BREAKDOWN),
        ("ratings", RATINGS),
        ("registration", {"name": "cdae", "version": 3, "uri": "models:/cdae/3"}),
        ("registration", {"not_registered": "left out"}),
        ("best_models", {}),
        ("order", ORDER),
        ("user_ids", IDS),
        ("some_users", IDS.tail(1)),
        ("ranked_items", MADE.ranked_items),
        ("predicted_ratings", MADE.predicted_ratings),
        ("user_scores", MADE.user_scores),
        ("user_scores", MADE.user_scores.head(0)),
        ("ranked_items", MADE.ranked_items.head(0)),
        ("registered_models", REGISTERED),
        ("differences", PAIRS),
        ("leaderboard", pd.DataFrame({"model": ["a"], **{k: [v] for k, v in FIGURES.items()}})),
    ],
)
def test_what_this_project_writes_is_valid(kind, value):
    HOLDS[kind](value)


@pytest.mark.parametrize(
    ("kind", "value", "reason"),
    [
        ("data_facts", FACTS | {"users": 10**12}, "users"),
        ("data_facts", FACTS | {"users": -2}, "users"),
        ("data_facts", FACTS | {"items": "3"}, "items.*'3'"),
        ("data_facts", FACTS | {"ratings": 7}, "7 ratings in 6 cells|7 ratings in 2 x 3"),
        ("data_facts", FACTS | {"users": 3}, "density"),
        ("data_facts", FACTS | {"likes": 5}, "5 likes among 4"),
        ("data_facts", FACTS | {"ratings_before_core": 3}, "4 ratings, before the core 3"),
        ("data_facts", FACTS | {"highest_rating": None}, "scale"),
        ("data_facts", FACTS | {"lowest_rating": 9.0}, "scale from 9"),
        ("data_facts", FACTS | {"rated": False}, "rated: false"),
        ("data_facts", {"users": 3}, "lack"),
        ("data_facts", [], "dictionary"),
        ("figures", FIGURES | {"ndcg_at_2": "0.5"}, "ndcg_at_2 is '0.5'"),
        ("figures", FIGURES | {"ndcg_at_2": True}, "ndcg_at_2 is True"),
        ("figures", FIGURES | {"ndcg_at_2": 1.5}, "ndcg_at_2 is 1.5, which no ndcg can be"),
        ("figures", FIGURES | {"rmse": -1}, "rmse is -1"),
        ("figures", FIGURES | {"ndcg_at_2_low": 0.7}, "interval of ndcg_at_2"),
        ("figures", [1], "list"),
        ("fit_facts", FIT | {"best_epoch": 4}, "best_epoch 4 of 3"),
        ("fit_facts", FIT | {"fit_seconds": -1}, "fit_seconds"),
        ("fit_facts", FIT | {"left_out": 3}, "left_out"),
        ("history", {"loss": [{"value": "0.5", "step": 1}]}, "loss"),
        ("history", {"loss": [{"value": 0.5, "step": 2}, {"value": 0.5, "step": 1}]}, "ascend"),
        ("history", {"loss": [0.5]}, "not a point"),
        ("breakdown", BREAKDOWN | {"k": "10"}, "k is '10'"),
        ("breakdown", BREAKDOWN | {"by_length": {"ndcg": [0.5, 1.5]}}, "which no ndcg can be"),
        ("breakdown", BREAKDOWN | {"activity": [{"group": "a", "users": -1}]}, "below 0"),
        ("breakdown", {"k": 1}, "does not have the keys"),
        ("ratings", RATINGS.iloc[::-1], "not sorted"),
        ("ratings", RATINGS.assign(item_id=7), "not distinct"),
        ("ratings", RATINGS.assign(rating=np.float32([1, np.inf, 2])), "finite"),
        ("ratings", RATINGS.assign(rating=["1", "2", "3"]), "rating holds str"),
        ("ratings", RATINGS.assign(timestamp="today"), "timestamp holds str"),
        ("registration", {"version": 0}, "version"),
        ("registration", {}, "version None"),
        ("best_models", {"best": "cdae"}, "best"),
        ("order", ORDER | {"metrics": {"ndcg_at_10": 2}}, "ndcg_at_10"),
        ("order", ORDER | {"options": {"enabled": True}}, "options.models"),
        ("user_ids", IDS.assign(user_index=[1, 0]), "does not count"),
        (
            "user_ids",
            pd.DataFrame({"user_index": range(3), "user_id": ["c", "b", "a"]}),
            "not sorted",
        ),
        ("user_ids", IDS.assign(user_id=["ann", "ann"]), "duplicates"),
        ("user_ids", IDS.assign(user_id=["ann", None]), "nulls"),
        ("user_ids", IDS.assign(user_id=[1.5, 2.5]), "float64"),
        ("user_ids", IDS[["user_index"]], "no column user_id"),
        ("ranked_items", put(MADE.ranked_items, 0, "rank", 2), "ranks that are not 1, 2"),
        ("ranked_items", put(MADE.ranked_items, 0, "score", np.nan), "score"),
        ("ranked_items", put(MADE.ranked_items, 1, "score", 9.0), "not ranked by score"),
        ("ranked_items", put(MADE.ranked_items, 0, "item_index", -1), "item_index"),
        ("ranked_items", MADE.ranked_items.assign(item_index=3), "duplicate item"),
        ("ranked_items", MADE.ranked_items.assign(user_index=0.0), "user_index"),
        ("predicted_ratings", put(MADE.predicted_ratings, 0, "predicted", np.inf), "predicted"),
        ("predicted_ratings", MADE.predicted_ratings.assign(user_index=0, item_index=0), "twice"),
        ("user_scores", put(MADE.user_scores, 0, "ndcg_at_2", 1.5), "ndcg_at_2 of user_index 0"),
        ("user_scores", put(MADE.user_scores, 0, "ndcg_at_2", np.nan), "ndcg_at_2 of user_index 0"),
        ("user_scores", put(MADE.user_scores, 3, "ndcg_at_2", 0.5), "ndcg_at_2 of user_index 3"),
        ("user_scores", put(MADE.user_scores, 0, "rmse_sum", -1.0), "rmse_sum"),
        ("user_scores", MADE.user_scores.assign(user_index=0), "twice"),
        ("registered_models", put(REGISTERED, 0, "version", 2.5), "version"),
        ("registered_models", REGISTERED.assign(model="a"), "twice"),
        ("differences", PAIRS.assign(verdict="better"), "'worse', not 'better'"),
        ("differences", PAIRS.assign(low=2.0), "from 2"),
        ("leaderboard", pd.DataFrame({"model": ["a", "a"]}), "twice"),
        ("leaderboard", pd.DataFrame({"model": ["a"], "rmse": ["low"]}), "rmse holds text"),
        ("leaderboard", pd.DataFrame({"model": ["a"], "ndcg_at_2": [2.0]}), "which no ndcg"),
    ],
)
def test_what_cannot_be_is_refused_with_the_reason(kind, value, reason):
    with pytest.raises(ValueError, match=reason):
        HOLDS[kind](value)


@pytest.mark.parametrize(
    "text", ['{"a": NaN}', '{"a": Infinity}', '{"a": 1, "a": 2}', "[" * 100_000, '{"a": 1']
)
def test_json_that_others_would_not_read_is_refused_by_file(text, tmp_path):
    (tmp_path / "facts.json").write_text(text)
    with pytest.raises(DatasetError, match=r"facts\.json is not a valid JSON file"):
        JsonFileDataset(filepath=str(tmp_path / "facts.json")).load()


def test_a_file_is_checked_when_it_is_read(tmp_path):
    (tmp_path / "metrics.json").write_text(json.dumps(FIGURES | {"rmse": "1.5"}))
    with pytest.raises(DatasetError, match=r"metrics\.json is not valid|rmse is '1.5'"):
        JsonFileDataset(filepath=str(tmp_path / "metrics.json"), holds="figures").load()


def test_a_table_that_another_program_wrote_is_refused(tmp_path):
    IDS.to_parquet(tmp_path / "ids.parquet")
    with pytest.raises(DatasetError, match=r"ids\.parquet is not a valid .*no checksum"):
        TableDataset(filepath=str(tmp_path / "ids.parquet")).load()


def test_a_changed_bit_anywhere_in_a_table_is_noticed_and_attributes_stay():
    table = IDS.copy()
    table.attrs = {"data_set": "mine"}
    dataset = TableDataset(filepath="unused.parquet")
    content = dataset.to_bytes(table)
    assert dataset.from_bytes(content).attrs == {"data_set": "mine"}
    assert pd.read_parquet(io.BytesIO(content)).equals(IDS)  # any reader of Parquet reads it
    for place in range(0, len(content), 31):
        changed = bytearray(content)
        changed[place] ^= 1
        with pytest.raises(ValueError):
            dataset.from_bytes(bytes(changed))


def test_figures_that_are_not_the_means_of_the_scores_are_refused():
    scores = MADE.user_scores
    figures = averages.average_users(scores, OPTIONS)
    claims.check_means("cdae", figures, scores, OPTIONS)
    for name in ("ndcg_at_2", "rmse"):
        with pytest.raises(ValueError, match=rf"cdae\.metrics has {name} .* kedro run"):
            claims.check_means("cdae", figures | {name: 0.123}, scores, OPTIONS)


@pytest.mark.parametrize("rows", [1, 3, 100])
def test_lists_are_checked_some_users_at_a_time_whatever_the_order_of_the_rows(monkeypatch, rows):
    monkeypatch.setattr(table_claims, "ROWS_AT_ONCE", rows)
    for lists in (MADE.ranked_items, MADE.ranked_items.iloc[::-1]):
        table_claims.check_ranked_items(lists)
        for row in (0, len(lists) - 1):
            with pytest.raises(ValueError, match="ranks that are not 1, 2"):
                table_claims.check_ranked_items(put(lists, row, "rank", 9))


def test_the_check_of_lists_takes_less_memory_than_the_lists(monkeypatch):
    monkeypatch.setattr(table_claims, "ROWS_AT_ONCE", 1000)
    lists = table_of_many()
    assert peak_of(lambda: table_claims.check_ranked_items(lists)) < size_of(lists)


def test_tables_of_other_users_or_items_are_refused():
    check_sizes(MADE.user_scores, 4, [1, 2])
    table_claims.check_indices("ranked_items", MADE.ranked_items, (4, 5))
    with pytest.raises(ValueError, match=r"user_scores lacks .*ndcg_at_9"):
        check_sizes(MADE.user_scores, 4, [9])
    with pytest.raises(ValueError, match="not of the 5 users"):
        check_sizes(MADE.user_scores, 5, [1, 2])
    with pytest.raises(ValueError, match="ranked_items: item_index .* is not one of 2"):
        table_claims.check_indices("ranked_items", MADE.ranked_items, (4, 2))


def test_predictions_and_lists_that_are_not_those_of_the_scores_are_refused():
    scores, owners = MADE.user_scores, count_owners(TRAIN)
    check_predictions(MADE.predicted_ratings, scores, TEST)
    item_UK, _ = table_to_lists(MADE.ranked_items, 4, 2)
    check_scores_of_lists(item_UK, scores, TEST, owners)
    with pytest.raises(ValueError, match="other sums of rmse"):
        check_predictions(put(MADE.predicted_ratings, 0, "predicted", 4.0), scores, TEST)
    with pytest.raises(ValueError, match="not of the ratings of the test part"):
        check_predictions(MADE.predicted_ratings.tail(2), scores, TEST)
    with pytest.raises(ValueError, match="another ndcg_at_2"):
        wrong = scores.assign(ndcg_at_2=scores["ndcg_at_2"] / 2)
        check_scores_of_lists(item_UK, wrong, TEST, owners)
