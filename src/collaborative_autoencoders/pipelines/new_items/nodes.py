"""Nodes of the new-items pipeline: describe items, hold some out, evaluate, compare, list."""

import logging
from typing import Any

import pandas as pd

from collaborative_autoencoders.columns import ITEM_INDEX
from collaborative_autoencoders.evaluation import new_item_lists, new_items, new_items_compared
from collaborative_autoencoders.evaluation.known import fitted_model, known_of, refuse_leak
from collaborative_autoencoders.evaluation.options import EvaluationOptions
from collaborative_autoencoders.interactions import Interactions, item_features
from collaborative_autoencoders.interactions.new_items import (
    CHOOSING,
    TEST,
    NewItemsOptions,
    choose_items,
    without_items,
)
from collaborative_autoencoders.interactions.part import join_views
from collaborative_autoencoders.interactions.titles import TitleOptions
from collaborative_autoencoders.models.model import Fitted

logger = logging.getLogger(__name__)


def describe_items(
    items: pd.DataFrame,
    item_ids: pd.DataFrame,
    titles: TitleOptions,
    options: item_features.ItemFeatureOptions,
) -> pd.DataFrame:
    """Return the features of each item of the table `items`, rated or not.

    Raises ValueError if a column that is named is missing.
    """
    return item_features.describe_items(items, item_ids, titles, options)


def hold_out_items(
    described_items: pd.DataFrame,
    train: Interactions,
    validation: Interactions,
    options: NewItemsOptions,
) -> dict[str, Any]:
    """Choose items of the core, and remove their ratings from train and validation.

    Raises ValueError if the fraction is less than one item, or if the split is by users.
    """
    held_out = choose_items(described_items, train.core_shape[1], options)
    index_H = held_out[ITEM_INDEX].to_numpy()
    return {
        "held_out_items": held_out,
        "train_without_new": without_items(train, index_H),
        "validation_without_new": without_items(validation, index_H),
    }


def evaluate_new_items(
    fitted_without_new: Fitted,
    described_items: pd.DataFrame,
    held_out_items: pd.DataFrame,
    train: Interactions,
    validation: Interactions,
    test: Interactions,
    options: NewItemsOptions,
) -> dict[str, Any]:
    """Rank the held-out items for each user who likes one, by features and by baselines.

    Options are chosen by the likes of train and validation; the figures are of the likes of all
    parts, of other items. Raises ValueError if train or validation holds a test rating, or if the
    model was fitted on other parts than these without the held-out items.
    """
    refuse_leak(test, train=train, validation=validation)
    index_H = held_out_items[ITEM_INDEX].to_numpy()
    known = known_of(
        fitted_without_new,
        train=without_items(train, index_H),
        validation=without_items(validation, index_H),
    )
    likes_UI = {
        CHOOSING: join_views((train, validation), "likes"),
        TEST: join_views((train, validation, test), "likes"),
    }
    model = fitted_model(fitted_without_new)
    fit, parts, names = new_items.describe_parts(
        model, known, described_items, held_out_items, likes_UI
    )
    facts, scores = new_items.evaluate_new_items(fit, parts, names, options)
    facts["list_length"] = options.n  # for `list_new_items`, which has no input left for options
    return {"new_items_facts": facts, "new_items_user_scores": scores}


def compare_new_items(
    new_items_user_scores: pd.DataFrame,
    new_items_facts: dict[str, Any],
    evaluation: EvaluationOptions,
) -> pd.DataFrame:
    """Compare the methods: one row per metric and method, with intervals over users."""
    comparison = new_items_compared.compare_methods(new_items_user_scores, evaluation)
    logger.info("%s", new_items_compared.in_one_line(comparison, new_items_facts))
    return comparison


def list_new_items(
    fitted: Fitted,
    described_items: pd.DataFrame,
    user_ids: pd.DataFrame,
    train: Interactions,
    validation: Interactions,
    test: Interactions,
    new_items_facts: dict[str, Any],
) -> pd.DataFrame:
    """Return the best items outside the core for each user of the core.

    The model is the one fitted on all items of the core. The test part only excludes items. Raises
    ValueError if the model was fitted on other parts than these.
    """
    known = known_of(fitted, train=train, validation=validation)
    n_users, _ = train.core_shape
    return new_item_lists.list_new_items(
        fitted_model(fitted),
        known,
        described_items,
        user_ids.head(n_users),
        join_views((train, validation, test), "ratings")[:n_users],
        new_items_facts["chosen"][new_items.ITEM_FEATURES],
        new_items_facts["list_length"],
    )
