"""The pipelines that `kedro run --pipelines` knows."""

from collections.abc import Iterable

from kedro.pipeline import Pipeline

from .models import MODELS, models_for, networks
from .pipelines import (
    data_engineering,
    evaluation,
    inference,
    promotion,
    training,
    tuning,
    unseen_users,
)


def register_pipelines() -> dict[str, Pipeline]:
    """Each pipeline by name; `__default__` takes every model from raw data to the leaderboard."""
    return {
        "__default__": from_data_to_leaderboard(MODELS),
        "ranking": from_data_to_leaderboard(models_for("ranking")),
        "rating": from_data_to_leaderboard(models_for("rating")),
        "data_engineering": data_engineering.create_pipeline(),
        "training": training.create_pipeline(MODELS),
        "evaluation": evaluation.create_pipeline(MODELS),
        "inference": inference.create_pipeline(),
        "promotion": promotion.create_pipeline(),
        "tuning": tuning.create_pipeline(networks()),
        "unseen_users": without_some_users(MODELS),
    }


def from_data_to_leaderboard(models: Iterable[str]) -> Pipeline:
    """The whole way of a rating, for these models."""
    names = list(models)
    return (
        data_engineering.create_pipeline()
        + training.create_pipeline(names)
        + evaluation.create_pipeline(names)
    )


def without_some_users(models: Iterable[str]) -> Pipeline:
    """These models fitted on the ratings of others, and judged on users they have not seen."""
    names = list(models)
    return training.create_pipeline(names, of="_of_others") + unseen_users.create_pipeline(names)
