"""The registered pipelines, which `kedro run --pipelines` runs by name."""

from collections.abc import Iterable
from functools import cache
from typing import get_args

from kedro.pipeline import Pipeline

from .models import MODELS, default_models, models_for
from .models.registry import Entry, Family, models_beside, single_models
from .pipelines import (
    data_engineering,
    evaluation,
    inference,
    new_items,
    promotion,
    training,
    tuning,
    unseen_users,
)
from .pipelines.box import in_box


def register_pipelines() -> dict[str, Pipeline]:
    """Return the pipelines by name; `__default__` goes from the raw data to the leaderboard."""
    return dict(_pipelines_of(tuple(MODELS.items())))


@cache
def _pipelines_of(models: tuple[tuple[str, Entry], ...]) -> dict[str, Pipeline]:
    """Build the pipelines once for these models: the hooks and Kedro ask for them again."""
    return {
        "__default__": from_data_to_leaderboard(default_models()),
        "ranking": from_data_to_leaderboard(models_for("ranking")),
        "rating": from_data_to_leaderboard(models_for("rating")),
        "all_models": from_data_to_leaderboard(MODELS),
        **{family: from_data_to_leaderboard(models_beside(family)) for family in get_args(Family)},
        "data_engineering": data_engineering.create_pipeline(),
        "training": in_box(training.create_pipeline(default_models())),
        "evaluation": in_box(evaluation.create_pipeline(default_models())),
        "inference": inference.create_pipeline(),
        "promotion": promotion.create_pipeline(),
        "update": with_newer_ratings(default_models()),
        "tuning": tuning.create_pipeline(single_models()),
        "unseen_users": on_unseen_users(default_models()),
        "new_items": on_new_items(),
    }


def from_data_to_leaderboard(models: Iterable[str]) -> Pipeline:
    """Return the pipeline of data engineering, training and evaluation of these models."""
    names = list(models)
    fitted_and_evaluated = training.create_pipeline(names) + evaluation.create_pipeline(names)
    return data_engineering.create_pipeline() + in_box(fitted_and_evaluated)


def with_newer_ratings(models: Iterable[str]) -> Pipeline:
    """Return the pipeline that updates these models with newer ratings, up to their promotion."""
    names = list(models)
    fitted_and_evaluated = training.create_update(names) + evaluation.create_pipeline(names)
    return (
        data_engineering.create_update() + in_box(fitted_and_evaluated) + promotion.create_update()
    )


def on_unseen_users(models: Iterable[str]) -> Pipeline:
    """Return the pipeline that fits models without some users and evaluates them on these users."""
    names = list(models)
    return training.create_pipeline(
        names, suffix=unseen_users.SUFFIX
    ) + unseen_users.create_pipeline(names)


def on_new_items() -> Pipeline:
    """Return the pipeline that fits a model without some items and evaluates it on these items."""
    facts = "data_facts"  # the items stay in the catalogue
    fitted = training.create_pipeline([new_items.MODEL], suffix=new_items.SUFFIX)
    same_facts = Pipeline(fitted, inputs={f"{facts}{new_items.SUFFIX}": facts})
    return same_facts + new_items.create_pipeline()
