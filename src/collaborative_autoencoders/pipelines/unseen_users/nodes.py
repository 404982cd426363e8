"""The doors of this pipeline: who is held out, how they are answered, beside what."""

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd
from scipy.sparse import csr_array

from collaborative_autoencoders.columns import USER_INDEX
from collaborative_autoencoders.interactions.matrices import Interactions
from collaborative_autoencoders.judging.averages import Metrics, average_errors, average_lists
from collaborative_autoencoders.judging.known import known_of, refuse_leak, told_of
from collaborative_autoencoders.judging.options import EvaluationOptions
from collaborative_autoencoders.judging.scores import count_owners
from collaborative_autoencoders.models.model import Catalogue, Fitted

from .comparing import KNOWN, UNSEEN, compare_all
from .holding_out import choose_users, without
from .judging import as_unseen, judge
from .options import UnseenUsersOptions


def hold_out_users(
    user_ids: pd.DataFrame,
    train_ratings: csr_array,
    train_likes: csr_array,
    validation_ratings: csr_array,
    validation_likes: csr_array,
    data_facts: dict[str, Any],
    options: UnseenUsersOptions,
) -> dict[str, Any]:
    """Choose the users, and make of train and validation what the others leave: others x items.

    The test part is not asked for. Raises ValueError where the fraction is nobody.
    """
    unseen_users = choose_users(user_ids, options)
    held_out_H = unseen_users[USER_INDEX].to_numpy()
    train = without(Interactions(train_ratings, train_likes), held_out_H)
    validation = without(Interactions(validation_ratings, validation_likes), held_out_H)
    catalogue = Catalogue(*(data_facts[name] for name in Catalogue._fields))
    others = catalogue._replace(users=train.ratings.shape[0])
    return {
        "unseen_users": unseen_users,
        "train_ratings_of_others": train.ratings,
        "train_likes_of_others": train.likes,
        "validation_ratings_of_others": validation.ratings,
        "validation_likes_of_others": validation.likes,
        "data_facts_of_others": others._asdict(),
    }


def judge_unseen_users(
    fitted_of_others: Fitted,
    fitted: Fitted,
    unseen_users: pd.DataFrame,
    train_ratings: csr_array,
    train_likes: csr_array,
    validation_ratings: csr_array,
    validation_likes: csr_array,
    test_ratings: csr_array,
    test_likes: csr_array,
    evaluation: EvaluationOptions,
) -> dict[str, pd.DataFrame]:
    """One row per unseen user, as in `user_scores`: as somebody unseen, and as somebody known.

    Both times they are answered from train and validation and judged on test. No row where the
    model was left out. Raises ValueError where one of the fits is of another split, or has met
    users that it should not have.
    """
    refuse_leak(test_ratings, train_ratings, validation_ratings)
    if fitted.model is None or fitted_of_others.model is None:
        return {"unseen_user_scores": pd.DataFrame(), "known_user_scores": pd.DataFrame()}
    users_H = unseen_users[USER_INDEX].to_numpy()
    train = Interactions(train_ratings, train_likes)
    validation = Interactions(validation_ratings, validation_likes)
    known_of(fitted_of_others, without(train, users_H), without(validation, users_H))
    told = told_of(fitted_of_others, train, validation)
    asked = (users_H, count_owners(train_ratings), Interactions(test_ratings, test_likes))
    return {
        "unseen_user_scores": judge(as_unseen(fitted_of_others.model), told, *asked, evaluation),
        "known_user_scores": judge(
            fitted.model, known_of(fitted, train, validation), *asked, evaluation
        ),
    }


def average_unseen_users(
    unseen_user_scores: pd.DataFrame,
    known_user_scores: pd.DataFrame,
    evaluation: EvaluationOptions,
) -> Metrics:
    """The means with their 95 % intervals: `unseen_ndcg_at_10`, `known_ndcg_at_10`, `…_low`, …

    A figure that cannot be told is not there; a model that was left out has none.
    """
    figures: Metrics = {}
    for name, scores in ((UNSEEN, unseen_user_scores), (KNOWN, known_user_scores)):
        if not scores.empty:
            means = average_lists(scores, evaluation) | average_errors(scores, evaluation)
            figures |= {f"{name}_{key}": value for key, value in means.items()}
    return {name: value for name, value in figures.items() if math.isfinite(value)}


def compare_unseen_users(evaluation: EvaluationOptions, **scores: pd.DataFrame) -> pd.DataFrame:
    """One row per model and metric: unseen, known, popularity, and the paired differences.

    `scores` holds `<model>.unseen_user_scores` and `<model>.known_user_scores` of every model.
    """
    by_model: dict[str, Mapping[str, pd.DataFrame]] = {}
    for name in scores:
        model, _, kind = name.partition(".")
        if kind == "unseen_user_scores" and not scores[name].empty:
            known = scores[f"{model}.known_user_scores"]
            by_model[model] = {UNSEEN: scores[name], KNOWN: known}
    return compare_all(by_model, evaluation)
