"""The leaderboard: sorted by a metric, and printed with it on the terminal."""

import io
import re
from itertools import pairwise, takewhile

import numpy as np
import pandas as pd
import pytest
from evaluation.small_world import OPTIONS, Noisy, NoisyRatings, all_results, options_with
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from rich.console import Console

from collaborative_autoencoders.evaluation.leaderboard import (
    compare_with_above,
    make_leaderboard,
)
from collaborative_autoencoders.hooks.leaderboard import show_leaderboard
from collaborative_autoencoders.metrics.table import METRICS
from collaborative_autoencoders.pipelines.evaluation.nodes import compare_models


@pytest.mark.parametrize(
    ("metric", "order"),
    [("ndcg_at_1", ["b", "a", "c", "d"]), ("rmse", ["a", "c", "b", "d"])],
)
def test_the_best_model_is_first_and_models_without_the_metric_are_last(metric, order):
    figures = {
        "c": {"ndcg_at_1": 0.1, "rmse": 0.9},
        "b": {"ndcg_at_1": 0.3},
        "d": {},
        "a": {"ndcg_at_1": 0.2, "rmse": 0.8},
    }
    board = make_leaderboard(figures, {"d": "no ratings"}, metric)
    assert board["model"].tolist() == order
    assert board.columns[1] == metric
    assert board["left_out"].tolist()[-1] == "no ratings"
    assert board["ndcg_at_1"].dtype == np.float64


def test_a_leaderboard_of_models_that_were_all_left_out_has_its_metric_and_the_reasons():
    board = make_leaderboard({"a": {}}, {"a": "no ratings"}, "rmse")
    assert board.columns.tolist() == ["model", "rmse", "left_out"]
    assert board["left_out"].tolist() == ["no ratings"]


GOOD, POOR = [0.9, 0.5, 0.8, np.nan] * 10, [0.7, 0.3, 0.6, np.nan] * 10


def board_of(options=OPTIONS, **ndcg):
    """Leaderboard and differences of models with these values per user."""
    results = {}
    for model, values in ndcg.items():
        scores = pd.DataFrame({"user_index": range(len(values)), "ndcg_at_2": values})
        results[f"{model}.user_scores"] = scores
        results[f"{model}.metrics"] = {"ndcg_at_2": scores["ndcg_at_2"].mean()} if values else {}
        results[f"{model}.fit_facts"] = {"left_out": None if values else "the table has no likes"}
    return compare_models(options, **results)


def test_each_row_is_compared_with_the_row_above():
    board = board_of(poor=POOR, good=GOOD, same=GOOD, none=[])["leaderboard"]
    assert board["model"].tolist() == ["good", "same", "poor", "none"]
    assert board["compared_with_above"].fillna("").tolist() == [
        "",
        "no significant difference from good",
        "worse than same",
        "",
    ]
    assert board["difference"].tolist()[1:3] == pytest.approx([0, -0.2])
    assert board.columns.tolist() == [
        *("model", "ndcg_at_2"),
        *("difference", "difference_low", "difference_high", "compared_with_above"),
        "left_out",
    ]


def test_metrics_come_first_those_of_the_primary_length_before_others_and_intervals_last():
    figures = dict.fromkeys(
        ["ndcg_at_10", "ndcg_at_10_low", "ndcg_at_20", "ndcg_at_10_high", "recall_at_10", "mae"],
        0.1,
    )
    board = make_leaderboard({"a": figures}, {}, "ndcg_at_10")
    pairs = pd.DataFrame(
        columns=["metric", "model", "other", "difference", "low", "high", "verdict"]
    )
    assert compare_with_above(board, pairs).columns.tolist() == [
        *("model", "ndcg_at_10", "recall_at_10", "mae", "ndcg_at_20"),
        *("difference", "difference_low", "difference_high", "compared_with_above"),
        *("ndcg_at_10_low", "ndcg_at_10_high", "left_out"),
    ]


def test_the_comparison_is_in_the_primary_metric_even_if_there_are_others():
    board = make_leaderboard({"a": {"rmse": 0.8}, "b": {"rmse": 0.9}}, {}, "rmse")
    differences = pd.DataFrame(
        [
            ("ndcg_at_2", "b", "a", -9.0, -9.0, -9.0, 4, "worse"),
            ("rmse", "b", "a", 0.1, 0.05, 0.15, 4, "worse"),
        ],
        columns=["metric", "model", "other", "difference", "low", "high", "users", "verdict"],
    )
    assert compare_with_above(board, differences)["difference"][1] == 0.1


def test_models_that_were_all_left_out_have_no_differences():
    made = board_of(a=[])
    assert made["leaderboard"]["left_out"].tolist() == ["the table has no likes"]
    assert made["differences"].empty


# the terminal


def printed(made, width=200):
    console = Console(file=io.StringIO(), width=width, color_system=None)
    show_leaderboard(made["leaderboard"], made["differences"], console)
    return console.file.getvalue()


def tables_of(text):
    """The printed tables by title: for each model the cells by heading, as they are printed."""
    tables = {}
    for title, _, below in (block.partition("\n") for block in re.split(r"\n(?=Ratings,)", text)):
        lines = below.splitlines()[1:]
        heading = lines[0].replace("fit s", "fit_s").split()
        rows = [line.split() for line in takewhile(str.strip, lines[2:])]
        tables[title.strip()] = [dict(zip(heading, cells, strict=True)) for cells in rows]
    return tables


MODELS = {
    "noise": Noisy(5.0),
    "near": NoisyRatings(0.1),
    "rough": NoisyRatings(1.5),
    "likes": Noisy(0.5),
    "empty": "the table has no ratings",
}
LISTS = {"near", "likes", "rough", "noise"}


def made_with(primary):
    return all_results(MODELS, options_with(k=[10, 100], primary_metric=primary))


@pytest.mark.parametrize(
    ("primary", "title", "heading"),
    [
        ("ndcg_at_100", "Lists of 10, sorted by ndcg_at_100", "NDCG@100"),
        ("novelty_at_10", "Lists of 10, sorted by novelty_at_10", "Novelty"),
        ("gini_at_10", "Lists of 10, sorted by gini_at_10", "Gini"),
        ("recall_at_10", "Lists of 10, sorted by recall_at_10", "Recall"),
        ("rmse", "Ratings, sorted by rmse", "RMSE"),
        ("mae", "Ratings, sorted by mae", "MAE"),
    ],
)
def test_a_table_has_the_column_it_is_sorted_by(primary, title, heading):
    made = made_with(primary)
    rows = tables_of(printed(made))[title]
    board = made["leaderboard"].set_index("model")
    assert [row[heading].rstrip("*") for row in rows] == [
        f"{board.loc[row['model'], primary]:.3f}" for row in rows
    ]
    values = [board.loc[row["model"], primary] for row in rows]
    lower_is_better = primary in ("gini_at_10", "rmse", "mae")
    assert values == sorted(values, reverse=not lower_is_better)
    assert rows[0][heading].endswith("*")


@pytest.fixture(scope="module")
def made():
    return made_with("ndcg_at_10")


def test_models_that_predict_ratings_have_a_table_of_their_own_sorted_by_rmse(made):
    lists, ratings = tables_of(printed(made)).items()
    assert (lists[0], ratings[0]) == (
        "Lists of 10, sorted by ndcg_at_10",
        "Ratings, sorted by rmse",
    )
    assert {row["model"] for row in lists[1]} == LISTS
    assert [row["model"] for row in ratings[1]] == ["near", "rough"]
    assert "RMSE" not in lists[1][0]
    assert "NDCG" not in ratings[1][0]


COLUMNS = {
    metric.heading: name
    for name, metric in METRICS.items()
    if metric.of != "ratings" and metric.on_terminal
}


def test_the_best_of_each_column_is_marked_and_nothing_else(made):
    board = made["leaderboard"].set_index("model")
    lists, ratings = tables_of(printed(made)).values()
    assert set(lists[0]) == {"model", *COLUMNS, "fit_s"}
    for heading, metric in COLUMNS.items():
        values = board[f"{metric}_at_10"]
        best = set(values.index[values == values.max()])
        assert {row["model"] for row in lists if row[heading].endswith("*")} == best
    for heading in ("RMSE", "MAE"):
        best = {board[heading.lower()].idxmin()}
        assert {row["model"] for row in ratings if row[heading].endswith("*")} == best


def test_the_lowest_gini_is_marked():
    made = made_with("gini_at_10")
    lists = next(iter(tables_of(printed(made)).values()))
    best = made["leaderboard"].set_index("model")["gini_at_10"].idxmin()
    assert [row["model"] for row in lists if row["Gini"].endswith("*")] == [best]
    assert lists[0]["model"] == best


def test_a_model_that_was_left_out_has_its_reason_and_no_row(made):
    assert "empty is left out: the table has no ratings" in printed(made)
    assert "empty" not in {
        row["model"] for rows in tables_of(printed(made)).values() for row in rows
    }


def test_sentences_compare_neighbours_in_the_order_of_the_table(made):
    text = printed(made)
    order = [row["model"] for row in tables_of(text)["Lists of 10, sorted by ndcg_at_10"]]
    assert order[-1] == "noise"
    assert f"{order[-2]} and noise." in text  # 30 users show no difference between them
    assert "near is better than rough." in text
    for first, second in pairwise(order):
        assert f"{second} is worse" not in text
        assert f"{second} is better than {first}" not in text.split("Ratings")[0]
    assert "differences in ndcg_at_10 over 30 users" in text


# with 41 resamples the ends of an interval are values of single resamples, so swapping is exact
EXACT = options_with(bootstrap_resamples=41)
PER_USER = st.lists(st.integers(0, 4).map(lambda quarters: quarters / 4), min_size=4, max_size=4)


def words(text, **names):
    spaced = text.replace(".", " .").replace(";", " ;").replace("*", " * ")
    return [names.get(word, word) for word in spaced.split()]


@settings(max_examples=25)
@given(first=PER_USER, second=PER_USER)
def test_swapping_the_scores_of_two_models_swaps_the_sentence(first, second):
    assume(sum(first) != sum(second))
    one = printed(board_of(EXACT, cdae=first, ease=second))
    other = printed(board_of(EXACT, cdae=second, ease=first))
    assert words(one) == words(other, cdae="ease", ease="cdae")
    assert words(one) != words(other)


@pytest.mark.parametrize(
    ("scores", "sentence"),
    [
        ({"cdae": GOOD, "ease": POOR}, "cdae is better than ease."),
        ({"cdae": POOR, "ease": GOOD}, "ease is better than cdae."),
        ({"cdae": GOOD, "ease": GOOD}, "No significant difference between cdae and ease."),
    ],
)
def test_the_sentence_names_the_better_model_first(scores, sentence):
    assert sentence in printed(board_of(**scores)).splitlines()
