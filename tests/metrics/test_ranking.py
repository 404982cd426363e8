"""Ranking metrics by hand, and the laws they share."""

from math import log2

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from collaborative_autoencoders.metrics.ranking import (
    average_precision,
    ndcg,
    precision,
    recall,
)
from collaborative_autoencoders.metrics.table import METRICS, Lists

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


def of_hits(name, hits_UK, n_relevant_U):
    """A metric of the table, which may look at hits only."""
    return METRICS[name].function(Lists(None, hits_UK, n_relevant_U, None))


@pytest.mark.parametrize("name", BY_HAND)
def test_a_list_of_four_with_three_held_out(name):
    assert of_hits(name, HITS, np.array([3])) == pytest.approx([BY_HAND[name]])


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
    assert of_hits(name, HITS, np.array([8])) == pytest.approx([expected])


def test_the_first_hit_in_the_third_place_is_a_reciprocal_rank_of_a_third():
    hits_UK = np.array([[False, False, True, True]])
    assert of_hits("mrr", hits_UK, np.array([2])) == pytest.approx([1 / 3])


@pytest.mark.parametrize("name", BY_HAND)
def test_a_list_without_a_hit_scores_0(name):
    assert of_hits(name, np.zeros((1, 3), dtype=bool), np.array([2])).tolist() == [0]


@pytest.mark.parametrize("name", BY_HAND)
def test_a_user_with_nothing_held_out_is_nan_and_not_0(name):
    values_U = of_hits(name, np.array([[True, True], [False, False]]), np.array([2, 0]))
    assert np.isnan(values_U[1])
    assert np.nanmean(values_U) == 1


@st.composite
def evaluated_lists(draw):
    """Hits of up to four users, and as many held out as there are hits at least."""
    shape = draw(st.tuples(st.integers(1, 4), st.integers(1, 12)))
    hits_UK = draw(hnp.arrays(bool, shape))
    spare_U = draw(hnp.arrays(np.int64, shape[0], elements=st.integers(0, 9)))
    return hits_UK, hits_UK.sum(axis=1) + spare_U


@pytest.mark.parametrize("name", BY_HAND)
@given(lists=evaluated_lists())
def test_a_better_order_never_scores_less(name, lists):
    hits_UK, n_relevant_U = lists
    hits_first_UK = np.sort(hits_UK, axis=1)[:, ::-1]
    better_U, given_U = (of_hits(name, each, n_relevant_U) for each in (hits_first_UK, hits_UK))
    assert np.all((better_U >= given_U - 1e-12) | (n_relevant_U == 0))


@pytest.mark.parametrize("name", BY_HAND)
@given(lists=evaluated_lists())
def test_a_metric_is_in_0_to_1_and_nan_only_if_nothing_is_held_out(name, lists):
    hits_UK, n_relevant_U = lists
    values_U = of_hits(name, hits_UK, n_relevant_U)
    assert np.array_equal(np.isnan(values_U), n_relevant_U == 0)
    assert np.all((np.nan_to_num(values_U) >= 0) & (np.nan_to_num(values_U) <= 1 + 1e-12))


@given(lists=evaluated_lists())
def test_precision_times_k_and_recall_times_held_out_are_the_hits(lists):
    hits_UK, n_relevant_U = lists
    evaluated_U = n_relevant_U > 0
    n_hits_U = hits_UK.sum(axis=1)[evaluated_U]
    k = hits_UK.shape[1]
    assert precision(hits_UK, n_relevant_U)[evaluated_U] * k == pytest.approx(n_hits_U)
    assert (recall(hits_UK, n_relevant_U) * n_relevant_U)[evaluated_U] == pytest.approx(n_hits_U)


@given(n_relevant=st.integers(1, 20), k=st.integers(1, 20))
def test_hits_in_all_places_they_could_have_give_an_ndcg_of_1(n_relevant, k):
    hits_UK = np.arange(k)[None, :] < n_relevant
    assert ndcg(hits_UK, np.array([n_relevant])) == pytest.approx([1])


@pytest.mark.parametrize("metric", [ndcg, average_precision])
@pytest.mark.parametrize("k", [10, 20, 50, 100, 500])
def test_a_perfect_list_is_worth_exactly_one_whatever_the_number_of_held_out_items(metric, k):
    """The sum of k discounts has another last bit than their cumulative sum."""
    n_relevant_U = np.arange(1, k + 50)
    hits_UK = np.arange(k) < n_relevant_U[:, None]
    values_U = metric(hits_UK, n_relevant_U)
    assert values_U.max() <= 1
    assert values_U == pytest.approx(np.ones(len(values_U)))


@pytest.mark.parametrize("name", BY_HAND)
def test_a_score_does_not_depend_on_the_users_beside(name):
    hits_UK = np.random.default_rng(0).random((500, 20)) < 0.2
    n_relevant_U = hits_UK.sum(axis=1)
    pieces = [slice(start, start + 3) for start in range(0, 500, 3)]
    alone = [of_hits(name, hits_UK[piece], n_relevant_U[piece]) for piece in pieces]
    np.testing.assert_array_equal(np.concatenate(alone), of_hits(name, hits_UK, n_relevant_U))
