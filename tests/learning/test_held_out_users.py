"""A split by users: who is fitted, what is shown, and on whom a fit is validated, by hand.

user     0 1            2                        3
part     train          validation               test
item     0 1 2 3        0 1 2 3                  0 1 2 3
         5 4 . .        5 . . .  is shown        . 5 . .  is shown
         5 . 4 .        . . 4 .  is held out     . . . 4  is held out
"""

from dataclasses import replace

import pytest
from evaluation.small_world import LowerFirst, options_with, part
from evaluation.test_versions import Version
from model_options import RUNNING, options_of

from collaborative_autoencoders.evaluation.known import histories_for
from collaborative_autoencoders.evaluation.versions import compare_versions
from collaborative_autoencoders.interactions.part import fingerprint
from collaborative_autoencoders.learning.fit_model import fit_model
from collaborative_autoencoders.learning.validation import validation_of
from collaborative_autoencoders.metrics.table import measure
from collaborative_autoencoders.models.model import Catalogue, Fitted
from collaborative_autoencoders.pipelines.evaluation.nodes import evaluate_model

NOBODY = [0, 0, 0, 0]


def rows(*of_users):
    return part(*of_users, *[NOBODY] * (4 - len(of_users)))


TRAIN = rows([5, 4, 0, 0], [5, 0, 4, 0])
VALIDATION = replace(rows(NOBODY, NOBODY, [0, 0, 4, 0]), fold_in=rows(NOBODY, NOBODY, [5, 0, 0, 0]))
TEST = replace(
    rows(NOBODY, NOBODY, NOBODY, [0, 0, 0, 4]), fold_in=rows(NOBODY, NOBODY, NOBODY, [0, 5, 0, 0])
)
PARTS = {"train": TRAIN, "validation": VALIDATION}


@pytest.mark.parametrize(
    ("refit", "likes"),
    [(False, [2, 1, 1, 0]), (True, [3, 1, 2, 0])],  # of user 2, items 0 and 2
)
def test_the_final_fit_has_all_rows_of_validation_users_and_none_of_a_test_user(refit, likes):
    found = fit_model(options_of("popularity"), refit, RUNNING, Catalogue(4, 4, 1, 5), **PARTS)

    assert found.fitted.model.likes_I.tolist() == likes


def test_a_fit_is_validated_on_what_is_shown_of_validation_users():
    model = LowerFirst()

    found = validation_of("recall_at_2", **PARTS)(model)

    assert [some.tolist() for some in model.histories] == [[[1, 0, 0, 0]]]
    assert found == 1  # item 0 is known, so the list is 1, 2


def test_validation_ranks_users_without_a_history_by_popularity_as_the_evaluation_does():
    train = part([0, 5, 0, 0], [0, 5, 4, 0], [0, 0, 0, 0])
    validation = part([0, 0, 0, 0], [0, 0, 0, 4], [0, 0, 5, 0])
    model = LowerFirst()

    validate = validation_of("mrr_at_2", train=train, validation=validation)

    # user 1 is not hit by items 0 and 3; user 2 has no history: popular are items 1, then 2
    assert validate(model) == (1 / 2 + 1 / 2) / 2
    assert [some.tolist() for some in model.histories] == [[[0, 1, 1, 0]]]


@pytest.mark.parametrize(("refitted", "of_user_2"), [(False, [1, 0, 0, 0]), (True, [1, 0, 1, 0])])
def test_a_model_reads_what_is_shown_and_popularity_counts_no_test_user(refitted, of_user_2):
    fitted = Fitted("model", LowerFirst(), refitted=refitted)

    known = histories_for(fitted, **PARTS, fold_in=TEST.fold_in)

    assert known.histories_UI.toarray()[2:].tolist() == [of_user_2, [0, 1, 0, 0]]
    assert known.seen_UI.toarray()[2:].tolist() == [[5, 0, 4, 0], [0, 5, 0, 0]]
    assert known.likes_I.tolist() == [3, 1, 2, 0]


def test_a_test_user_is_evaluated_by_the_history_that_is_shown():
    fitted = fit_model(options_of("itemknn"), True, RUNNING, Catalogue(4, 4, 1, 5), **PARTS).fitted
    fitted = fitted._replace(parts=fingerprint(**PARTS))
    made = evaluate_model(
        fitted,
        **PARTS,
        test=TEST,
        evaluation=options_with(k=[1, 3], primary_metric="rmse"),
        running=RUNNING,
    )

    lists = made["ranked_items"]
    assert lists[lists["user_index"] == 3]["item_index"].tolist() == [0, 2, 3]
    assert made["user_scores"]["n_relevant"].tolist() == [0, 0, 0, 1]
    assert not made["user_scores"]["list_by_popularity"][3]


def test_versions_are_compared_by_the_history_that_is_shown():
    class Recording(Version):
        def score(self, histories_UI, users_U):
            read.append(histories_UI.toarray()[users_U == 3].tolist())
            return super().score(histories_UI, users_U)

    read = []
    compare_versions(
        champions=[Recording(1, 2, 3, 4, seen=rows().ratings)],
        challengers=[Recording(4, 3, 2, 1, seen=rows().ratings)],
        known=TRAIN.joined(VALIDATION),
        test=TEST,
        measure=measure("precision_at_1"),
        options=options_with(k=[1, 4], primary_metric="rmse"),
    )

    assert [0, 1, 0, 0] in [row for batch in read for row in batch]
