"""Ranking metrics by hand, and the laws they share."""

from math import log2

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from collaborative_autoencoders.metrics.ranking import (
    RANKING_METRICS,
    ndcg,
    ndcg_by_length,
    precision,
    recall,
    recall_by_length,
)

# three held out, a list of four, hits in the first and the third place
HITS = np.array([[True, False, True, False]])

BY_HAND = {
    "precision": 2 / 4,
    "recall": 2 / 3,
    "capped_recall": 2 / 3,
    "ndcg": (1 / log2(2) + 1 / log2(4)) / (1 / log2(2) + 1 / log2(3) + 1 / log2(4)),
    "map": (1 / 1 + 2 / 3) / 3,
    "mrr": 1 / 1,
    "hit_rate": 1,
}


@pytest.mark.parametrize("name", RANKING_METRICS)
def test_a_list_of_four_with_three_held_out(name):
    assert RANKING_METRICS[name](HITS, np.array([3])) == pytest.approx([BY_HAND[name]])


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("precision", 2 / 4),
        ("recall", 2 / 8),
        ("capped_recall", 2 / 4),
        (
            "ndcg",
            (1 / log2(2) + 1 / log2(4)) / (1 / log2(2) + 1 / log2(3) + 1 / log2(4) + 1 / log2(5)),
        ),
        ("map", (1 / 1 + 2 / 3) / 4),
    ],
)
def test_more_held_out_than_places(name, expected):
    assert RANKING_METRICS[name](HITS, np.array([8])) == pytest.approx([expected])


def test_the_first_hit_in_the_third_place_is_a_reciprocal_rank_of_a_third():
    hits_UK = np.array([[False, False, True, True]])
    assert RANKING_METRICS["mrr"](hits_UK, np.array([2])) == pytest.approx([1 / 3])


@pytest.mark.parametrize("metric", RANKING_METRICS.values(), ids=RANKING_METRICS)
def test_a_list_without_a_hit_is_worth_nothing(metric):
    assert metric(np.zeros((1, 3), dtype=bool), np.array([2])).tolist() == [0]


@pytest.mark.parametrize("metric", RANKING_METRICS.values(), ids=RANKING_METRICS)
def test_a_user_with_nothing_held_out_is_left_out_and_not_zero(metric):
    values_U = metric(np.array([[True, True], [False, False]]), np.array([2, 0]))
    assert np.isnan(values_U[1])
    assert np.nanmean(values_U) == 1


@st.composite
def judged_lists(draw):
    """Hits of up to four users, and as many held out as there are hits at least."""
    shape = draw(st.tuples(st.integers(1, 4), st.integers(1, 12)))
    hits_UK = draw(hnp.arrays(bool, shape))
    spare_U = draw(hnp.arrays(np.int64, shape[0], elements=st.integers(0, 9)))
    return hits_UK, hits_UK.sum(axis=1) + spare_U


@pytest.mark.parametrize("metric", RANKING_METRICS.values(), ids=RANKING_METRICS)
@given(lists=judged_lists())
def test_a_better_order_never_scores_less(metric, lists):
    hits_UK, n_relevant_U = lists
    hits_first_UK = np.sort(hits_UK, axis=1)[:, ::-1]
    better_U, given_U = metric(hits_first_UK, n_relevant_U), metric(hits_UK, n_relevant_U)
    assert np.all((better_U >= given_U - 1e-12) | (n_relevant_U == 0))


@pytest.mark.parametrize("metric", RANKING_METRICS.values(), ids=RANKING_METRICS)
@given(lists=judged_lists())
def test_a_metric_lies_between_nought_and_one_and_is_nan_only_without_held_out(metric, lists):
    hits_UK, n_relevant_U = lists
    values_U = metric(hits_UK, n_relevant_U)
    assert np.array_equal(np.isnan(values_U), n_relevant_U == 0)
    assert np.all((np.nan_to_num(values_U) >= 0) & (np.nan_to_num(values_U) <= 1 + 1e-12))


@given(lists=judged_lists())
def test_precision_times_k_and_recall_times_held_out_are_the_hits(lists):
    hits_UK, n_relevant_U = lists
    judged_U = n_relevant_U > 0
    n_hits_U = hits_UK.sum(axis=1)[judged_U]
    k = hits_UK.shape[1]
    assert precision(hits_UK, n_relevant_U)[judged_U] * k == pytest.approx(n_hits_U)
    assert (recall(hits_UK, n_relevant_U) * n_relevant_U)[judged_U] == pytest.approx(n_hits_U)


@given(n_relevant=st.integers(1, 20), k=st.integers(1, 20))
def test_all_that_could_be_hit_in_front_is_a_perfect_ndcg(n_relevant, k):
    hits_UK = np.arange(k)[None, :] < n_relevant
    assert ndcg(hits_UK, np.array([n_relevant])) == pytest.approx([1])


def test_recall_by_length_by_hand():
    assert recall_by_length(HITS, np.array([3])).tolist() == [[1 / 3, 1 / 3, 2 / 3, 2 / 3]]


def test_ndcg_by_length_by_hand():
    best = 1 / log2(2) + 1 / log2(3)
    expected = [1, 1 / best] + [(1 + 1 / log2(4)) / (best + 1 / log2(4))] * 2
    assert ndcg_by_length(HITS, np.array([3]))[0] == pytest.approx(expected)


@given(hnp.arrays(np.bool_, st.tuples(st.integers(1, 5), st.integers(1, 8))), st.integers(0, 4))
def test_each_length_has_what_the_metric_gives_of_a_list_so_long(hits_UK, missed):
    n_relevant_U = hits_UK.sum(axis=1) + missed
    for metric, by_length in ((ndcg, ndcg_by_length), (recall, recall_by_length)):
        values_UK = by_length(hits_UK, n_relevant_U)
        for k in range(1, hits_UK.shape[1] + 1):
            assert values_UK[:, k - 1] == pytest.approx(
                metric(hits_UK[:, :k], n_relevant_U), nan_ok=True
            )
