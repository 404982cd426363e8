"""What a model may know: the view and the parts it was fitted on, and no test rating."""

from dataclasses import replace

import numpy as np
import pytest
from evaluation.small_world import (
    TEST,
    TRAIN,
    VALIDATION,
    AlwaysThree,
    LowerFirst,
    matrix,
    part,
)
from scipy.sparse import csr_array

from collaborative_autoencoders.evaluation.known import (
    histories_for,
    known_of,
    refuse_leak,
)
from collaborative_autoencoders.interactions import Interactions
from collaborative_autoencoders.interactions.part import fingerprint
from collaborative_autoencoders.models.model import Fitted

PARTS = fingerprint(train=TRAIN, validation=VALIDATION)


@pytest.mark.parametrize(
    ("model", "refitted", "history"),
    [
        (LowerFirst, False, TRAIN.likes.toarray()),
        (LowerFirst, True, (TRAIN.likes + VALIDATION.likes).toarray()),
        (AlwaysThree, False, TRAIN.ratings.toarray()),
        (AlwaysThree, True, (TRAIN.ratings + VALIDATION.ratings).toarray()),
    ],
)
def test_a_model_reads_the_view_and_the_parts_it_was_fitted_on(model, refitted, history):
    known = known_of(
        Fitted("model", model(), None, refitted, PARTS), train=TRAIN, validation=VALIDATION
    )
    assert np.array_equal(known.histories_UI.toarray(), history)


class InOrder(LowerFirst):
    learns_from = "order"


@pytest.mark.parametrize("refitted", [False, True])
def test_a_model_of_order_reads_the_latest_items_though_it_was_fitted_on_train_alone(refitted):
    train, validation = (
        replace(each, order=likes_in_order)
        for each, likes_in_order in (
            (TRAIN, matrix([1, 0, 0, 0, 0], [1, 0, 0, 0, 0], [0, 1, 0, 0, 0], [1, 0, 0, 0, 0])),
            (VALIDATION, matrix([0, 0, 2, 0, 0], *[[0] * 5] * 3)),
        )
    )
    fitted = Fitted("model", InOrder(), refitted=refitted)

    known = histories_for(fitted, train=train, validation=validation)

    assert known.histories_UI.toarray()[0].tolist() == [1, 0, 2, 0, 0]


def test_seen_are_all_ratings_of_train_and_validation_whatever_the_model_reads():
    known = histories_for(Fitted("model", LowerFirst()), train=TRAIN, validation=VALIDATION)
    assert np.array_equal(known.seen_UI.toarray(), (TRAIN.ratings + VALIDATION.ratings).toarray())


def test_a_user_without_a_history_in_the_models_view_is_not_ranked_by_the_model():
    train, nobody = part([5, 2, 0], [1, 2, 0], [0, 0, 0]), part(*[[0] * 3] * 3)
    for model, by_model in ((LowerFirst(), [True, False, False]), (AlwaysThree(), [1, 1, 0])):
        known = histories_for(Fitted("model", model), train=train, validation=nobody)
        assert known.by_model_U.tolist() == by_model
        assert known.likes_I.tolist() == [1, 0, 0]


ONE_MORE = part([0, 0, 0, 0, 3], *[[0] * 5] * 3)


@pytest.mark.parametrize(
    "other",
    [
        {"train": ONE_MORE},
        {"validation": ONE_MORE},
        {"train": Interactions(TRAIN.ratings, VALIDATION.likes)},
        {"train": VALIDATION, "validation": TRAIN},
    ],
)
def test_a_model_of_another_split_is_refused_with_the_command_that_fits_it_again(other):
    with pytest.raises(ValueError, match=r"another split.*--from-nodes cdae\.fit_model"):
        known_of(
            Fitted("cdae", LowerFirst(), parts=PARTS),
            **{"train": TRAIN, "validation": VALIDATION} | other,
        )


def test_a_model_that_was_left_out_has_no_histories():
    with pytest.raises(ValueError, match="mf was left out: the table has no ratings"):
        histories_for(
            Fitted("mf", None, "the table has no ratings"), train=TRAIN, validation=VALIDATION
        )


def test_a_rating_in_test_and_in_a_known_part_is_refused_with_user_item_and_part():
    refuse_leak(TEST, train=TRAIN, validation=VALIDATION)
    leak = part([0, 0, 0, 0, 0], [0, 0, 0, 0, 2], *[[0] * 5] * 2)
    with pytest.raises(ValueError, match="user_index 1 has item_index 4 in test and in validation"):
        refuse_leak(TEST, train=TRAIN, validation=leak)


def test_a_rating_of_zero_in_two_parts_is_a_leak_too():
    zero_UI = csr_array(([0.0], ([3], [4])), shape=(4, 5))
    zero = Interactions.of(zero_UI, 4)
    with pytest.raises(ValueError, match="user_index 3 has item_index 4"):
        refuse_leak(Interactions.of(matrix(*TEST.ratings.toarray()), 4), train=zero)
