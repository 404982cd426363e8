"""The table of metrics: reported names, and errors for unknown ones."""

import pytest

from collaborative_autoencoders.metrics.table import (
    METRICS,
    Measure,
    measure,
    measure_of_users,
    measure_with_best,
)

REPORTED = [Measure(each, None if each.of == "ratings" else 7) for each in METRICS.values()]


def test_every_entry_is_under_its_own_name():
    assert [each.name for each in METRICS.values()] == list(METRICS)


@pytest.mark.parametrize("each", REPORTED, ids=lambda each: each.name)
def test_a_reported_name_is_read_back_as_the_same_metric_and_length(each):
    assert measure(each.name) == each


def test_a_metric_of_lists_is_reported_with_its_length_and_one_of_ratings_without():
    assert (measure("hit_rate_at_20").name, measure("hit_rate_at_20").heading) == (
        "hit_rate_at_20",
        "Hit@20",
    )
    assert (measure("rmse").name, measure("rmse").heading, measure("rmse").k) == (
        "rmse",
        "RMSE",
        None,
    )


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("ndgc_at_20", "ndcg_at_20"),
        ("ndcg", "ndcg_at_10"),
        ("ndcg_at_0", "ndcg_at_10"),
        ("rsme", "rmse"),
        ("rmse_at_10", "rmse"),
        ("hitrate_at_5", "hit_rate_at_5"),
    ],
)
@pytest.mark.parametrize("reader", [measure, measure_of_users])
def test_an_unknown_name_is_refused_with_the_closest_one(reader, name, near):
    with pytest.raises(ValueError, match=f"unknown metric '{name}'; did you mean '{near}'"):
        reader(name)


def test_a_name_like_no_other_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match="unknown metric 'zzz'.* ndcg_at_10, .*, mae"):
        measure("zzz")


def test_a_metric_without_a_best_value_sorts_nothing():
    assert measure("long_tail_share_at_10").name == "long_tail_share_at_10"
    assert measure_with_best("gini_at_10") == measure("gini_at_10")
    with pytest.raises(ValueError, match="average_popularity_at_10 has no best value"):
        measure_with_best("average_popularity_at_10")


def test_a_metric_of_all_lists_has_no_value_per_user():
    assert measure("gini_at_10").metric.of == "all lists"
    with pytest.raises(ValueError, match="gini_at_10 is a metric of all lists together"):
        measure_of_users("gini_at_10")
