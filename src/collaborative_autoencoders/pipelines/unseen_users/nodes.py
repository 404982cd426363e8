"""Nodes of the unseen-users pipeline: hold out users, evaluate models on them, compare."""

import math
from typing import Any

import pandas as pd

from collaborative_autoencoders.columns import USER_INDEX
from collaborative_autoencoders.evaluation.averages import Figures
from collaborative_autoencoders.evaluation.evaluate import evaluate
from collaborative_autoencoders.evaluation.known import (
    count_owners,
    histories_for,
    known_of,
    refuse_leak,
)
from collaborative_autoencoders.evaluation.options import EvaluationOptions
from collaborative_autoencoders.evaluation.unseen_users import (
    ANSWERED_AS,
    KNOWN,
    UNSEEN,
    as_unseen,
    average_both,
    by_answer,
    compare_all,
)
from collaborative_autoencoders.interactions import Interactions
from collaborative_autoencoders.interactions.unseen_users import (
    UnseenUsersOptions,
    choose_users,
    refuse_split_by_users,
    without_users,
)
from collaborative_autoencoders.models.model import Fitted


def hold_out_users(
    user_ids: pd.DataFrame,
    train: Interactions,
    validation: Interactions,
    data_facts: dict[str, Any],
    options: UnseenUsersOptions,
) -> dict[str, Any]:
    """Choose the users, and remove their rows from train and validation.

    Raises ValueError if the fraction is less than one user, or if the split is by users.
    """
    refuse_split_by_users(validation)
    unseen_users = choose_users(user_ids, options)
    held_out_H = unseen_users[USER_INDEX].to_numpy()
    remaining = without_users(train, held_out_H)
    users, items = remaining.shape
    core_users, core_items = remaining.core_shape
    sizes = {"users": users, "items": items, "core_users": core_users, "core_items": core_items}
    scale = {name: data_facts[name] for name in ("lowest_rating", "highest_rating")}
    return {
        "unseen_users": unseen_users,
        "train_without_unseen": remaining,
        "validation_without_unseen": without_users(validation, held_out_H),
        "data_facts_without_unseen": sizes | scale,
    }


def evaluate_unseen_users(
    fitted_without_unseen: Fitted,
    fitted: Fitted,
    unseen_users: pd.DataFrame,
    train: Interactions,
    validation: Interactions,
    test: Interactions,
    evaluation: EvaluationOptions,
) -> pd.DataFrame:
    """Score the held-out users twice, as unseen and as known users.

    The scores as unseen users are those of `fitted_without_unseen`, and the scores as known users
    are those of `fitted`. Both models read the users' train and validation ratings and are
    evaluated on the test part. `unseen_users.fraction` says how many they are, so there is no
    sample of them. Returns one row per user and value of `answered_as`; no row if the model was
    left out.

    Raises ValueError if train or validation holds a test rating, or if a model was fitted on other
    parts than these.
    """
    refuse_leak(test, train=train, validation=validation)
    if fitted.model is None or fitted_without_unseen.model is None:
        return pd.DataFrame({ANSWERED_AS: []})
    users_H = unseen_users[USER_INDEX].to_numpy()
    parts = {"train": train, "validation": validation}
    fitted.model.catalogue.check(fitted.model.learns_from, **parts, test=test)
    remaining = {name: without_users(part, users_H) for name, part in parts.items()}
    known_of(fitted_without_unseen, **remaining)
    answers = {
        UNSEEN: (
            as_unseen(fitted_without_unseen.model),
            histories_for(fitted_without_unseen, **parts),
        ),
        KNOWN: (fitted.model, known_of(fitted, **parts)),
    }
    all_users = evaluation.model_copy(update={"test_users": None})
    scores = [
        evaluate(*answer, test, count_owners(train), all_users, users_H).user_scores.assign(
            **{ANSWERED_AS: name}
        )
        for name, answer in answers.items()
    ]
    return pd.concat(scores, ignore_index=True)


def average_unseen_users(
    unseen_user_scores: pd.DataFrame, evaluation: EvaluationOptions
) -> Figures:
    """Average the scores as unseen and as known: `unseen_ndcg_at_10`, `known_ndcg_at_10`, …

    Each mean has the ends of its 95 % interval, `…_low` and `…_high`. A figure that cannot be
    computed is missing. The result is empty for a model that was left out.
    """
    found = average_both(unseen_user_scores, evaluation)
    return {name: value for name, value in found.items() if math.isfinite(value)}


def compare_unseen_users(evaluation: EvaluationOptions, **scores: pd.DataFrame) -> pd.DataFrame:
    """Compare unseen users with known users and with popularity: one row per model and metric.

    `scores` holds `<model>.unseen_user_scores` of every model.
    """
    by_model = {name.partition(".")[0]: by_answer(table) for name, table in scores.items()}
    return compare_all({name: both for name, both in by_model.items() if both}, evaluation)
