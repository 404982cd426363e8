"""Champion against challenger, on test rows that are new to both."""

import numpy as np
import pytest
from evaluation.small_world import matrix, options_with, part
from hypothesis import given, settings
from hypothesis import strategies as st

from collaborative_autoencoders.evaluation.versions import compare_versions
from collaborative_autoencoders.metrics.table import measure

KNOWN = part([5, 0, 0, 0], [0, 4, 0, 0])
TEST = part([0, 5, 4, 1], [5, 0, 0, 2])
NOTHING = matrix([0, 0, 0, 0], [0, 0, 0, 0])
OPTIONS = options_with(k=[1, 4], primary_metric="rmse")


class Version:
    """Scores every user's items alike, and predicts the scores as ratings."""

    learns_from = "likes"

    def __init__(self, *scores, seen=NOTHING, knows=(True,) * 4):
        self.scores_I = np.array(scores, dtype=np.float32)
        self.seen_UI = seen
        self.knows_I = np.array(knows)

    def score(self, histories_UI, users_U):
        scores_I = np.where(self.knows_I, self.scores_I, -np.inf).astype(np.float32)
        return np.tile(scores_I, (len(users_U), 1))

    def predict(self, histories_UI, users_U):
        return self.score(histories_UI, users_U)


def compared(champion, challenger, metric="precision_at_1", options=OPTIONS):
    return compare_versions(
        champions=[champion],
        challengers=[challenger],
        known=KNOWN,
        test=TEST,
        measure=measure(metric),
        options=options,
    )


def test_a_comparison_by_hand():
    # first places: item 1 and 0 are hits; item 3 is none
    found = compared(Version(3, 2, 1, 0), Version(0, 1, 2, 3))
    assert found.metric == "precision_at_1"
    assert (found.champion_value, found.challenger_value) == ((1 + 1) / 2, (0 + 0) / 2)
    assert found.gain == 0 - 1
    assert found.low <= -1 < 0 < found.high  # two users show nothing
    assert (found.users, found.rows_left_out) == (2, 0)


def test_a_sample_of_users_is_compared():
    few = OPTIONS.model_copy(update={"test_users": 1})
    found = compared(Version(3, 2, 1, 0), Version(0, 1, 2, 3), options=few)
    assert (found.users, found.rows_left_out) == (1, 0)
    assert (found.sampled, found.sampled_of, found.new_rows) == (1, 2, 5)
    everyone = OPTIONS.model_copy(update={"test_users": 2})
    found = compared(Version(3, 2, 1, 0), Version(0, 1, 2, 3), options=everyone)
    assert (found.users, found.sampled, found.sampled_of) == (2, None, None)


# what user 0 has of item 3, and user 0 has of item 1
SEEN_3, SEEN_1 = matrix([0, 0, 0, 1], [0, 0, 0, 0]), matrix([0, 5, 0, 0], [0, 0, 0, 0])
FIRST_3 = (0, 2, 1, 3)


def test_a_seen_item_takes_no_place_in_the_lists_of_either_version():
    # both rank 3, 1, 2, 0; without item 3 user 0 has a hit in the first place, user 1 has none
    for champion_seen, challenger_seen in ((SEEN_3, NOTHING), (NOTHING, SEEN_3)):
        found = compared(
            Version(*FIRST_3, seen=champion_seen), Version(*FIRST_3, seen=challenger_seen)
        )
        assert (found.champion_value, found.challenger_value) == ((1 + 0) / 2, (1 + 0) / 2)
        assert found.rows_left_out == 1


def test_a_seen_like_is_not_held_out_for_either_version():
    # user 0 has likes 1 and 2; without item 1, item 2 in the first of two places is the only one
    best = Version(9, 2, 3, 1)
    assert compared(best, best, "recall_at_1").champion_value == (1 / 2 + 1 / 1) / 2
    for seen in ((SEEN_1, NOTHING), (NOTHING, SEEN_1)):
        champion, challenger = (Version(9, 2, 3, 1, seen=each) for each in seen)
        found = compared(champion, challenger, "recall_at_1")
        assert (found.champion_value, found.challenger_value) == ((1 + 1) / 2, (1 + 1) / 2)
        assert found.rows_left_out == 1


def test_a_user_whose_likes_have_all_been_seen_is_not_compared():
    everything = matrix([0, 0, 0, 0], [5, 0, 0, 2])
    found = compared(Version(3, 2, 1, 0, seen=everything), Version(0, 1, 2, 3))
    assert (found.users, found.rows_left_out) == (1, 2)
    assert (found.champion_value, found.challenger_value) == (1, 0)


def test_without_a_row_that_is_new_to_both_there_is_no_gain():
    found = compared(Version(3, 2, 1, 0, seen=TEST.ratings), Version(0, 1, 2, 3))
    assert (found.users, found.rows_left_out, found.new_rows) == (0, 5, 0)
    assert np.isnan([found.gain, found.low, found.high]).all()


@pytest.mark.parametrize("unknown_to", ["champion", "challenger"])
def test_test_ratings_of_an_item_that_one_version_does_not_know_are_left_out(unknown_to):
    versions = {
        name: Version(5, 5, 1, 1, knows=(True, unknown_to != name, True, True))
        for name in ("champion", "challenger")
    }
    found = compared(**versions, metric="rmse")
    # without (0, 1): errors 1 − 4 and 1 − 1 of user 0, 5 − 5 and 1 − 2 of user 1
    expected = np.sqrt((9 + 0 + 0 + 1) / 4)
    assert (found.champion_value, found.challenger_value) == pytest.approx((expected, expected))
    assert found.rows_left_out == 1


@pytest.mark.parametrize("unknown_to", ["champion", "challenger"])
def test_an_item_that_one_version_does_not_know_takes_no_place_in_the_lists_of_the_other(
    unknown_to,
):
    # both rank 3, 1, 2, 0. Item 3, which user 1 has in the test part, is no hit for the other
    versions = {
        name: Version(*FIRST_3, knows=(True, True, True, unknown_to != name))
        for name in ("champion", "challenger")
    }
    found = compared(**versions)
    assert (found.champion_value, found.challenger_value) == ((1 + 0) / 2, (1 + 0) / 2)
    assert found.gain == 0


def test_the_gain_of_a_metric_that_is_better_low_is_champion_minus_challenger():
    # test ratings 5, 4, 1 and 5, 2
    found = compared(Version(3, 3, 3, 3), Version(5, 5, 4, 1), "rmse")
    champion, challenger = np.sqrt((4 + 1 + 4 + 4 + 1) / 5), np.sqrt((0 + 0 + 0 + 0 + 1) / 5)
    assert (found.champion_value, found.challenger_value) == pytest.approx((champion, challenger))
    assert found.gain == pytest.approx(champion - challenger)
    assert found.low < 0 < found.high  # two users show nothing


def test_with_several_fits_the_gain_is_that_of_their_means_and_the_interval_is_wider():
    # item 3 is no hit: the second fit of the champion has it first, and the challengers too
    champions, challengers = (Version(3, 2, 1, 0), Version(2, 1, 0, 3)), (Version(0, 1, 2, 3),) * 2
    found = compare_versions(
        champions=champions,
        challengers=challengers,
        known=KNOWN,
        test=TEST,
        measure=measure("ndcg_at_3"),
        options=OPTIONS,
    )
    singles = [
        compared(one, other, "ndcg_at_3") for one, other in zip(champions, challengers, strict=True)
    ]
    assert found.fits == 2
    assert found.gain == pytest.approx(np.mean([one.gain for one in singles]))
    values = [one.champion_value for one in singles]
    assert values[0] != values[1]
    assert found.champion_value == pytest.approx(np.mean(values))
    assert found.high - found.low > max(one.high - one.low for one in singles)


SCORES = st.permutations([1, 2, 3, 4])


@settings(max_examples=20)
@given(first=SCORES, second=SCORES, metric=st.sampled_from(["precision_at_1", "ndcg_at_2", "rmse"]))
def test_swapping_champion_and_challenger_turns_the_gain_around(first, second, metric):
    one = compared(Version(*first), Version(*second), metric)
    other = compared(Version(*second), Version(*first), metric)
    assert (one.champion_value, one.challenger_value) == (
        other.challenger_value,
        other.champion_value,
    )
    assert one.gain == -other.gain
    assert (one.low, one.high) == pytest.approx((-other.high, -other.low))


def test_the_length_of_the_metric_need_not_be_one_of_the_options():
    assert compared(Version(3, 2, 1, 0), Version(0, 1, 2, 3), "recall_at_3").metric == "recall_at_3"
