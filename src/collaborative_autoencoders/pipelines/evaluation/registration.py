"""The door to the MLflow registry."""

from typing import Any

import pandas as pd
from scipy.sparse import csr_array

from collaborative_autoencoders.columns import MODEL, NOT_REGISTERED, VERSION
from collaborative_autoencoders.interactions.core import CoreOptions
from collaborative_autoencoders.interactions.matrices import Interactions
from collaborative_autoencoders.judging.known import known_of
from collaborative_autoencoders.models.model import Fitted
from collaborative_autoencoders.options import Options


class RegistrationOptions(Options):
    """Whether models go into the registry."""

    enabled: bool


def register_model(
    fitted: Fitted,
    metrics: dict[str, float],
    user_ids: pd.DataFrame,
    item_titles: pd.DataFrame,
    train_ratings: csr_array,
    train_likes: csr_array,
    validation_ratings: csr_array,
    validation_likes: csr_array,
    data_facts: dict[str, Any],
    core: CoreOptions,
    options: RegistrationOptions,
) -> dict[str, Any]:
    """Log the model with all it needs to answer for raw ids, and register it under its name.

    Only a model that has been judged gets here: its metrics go with it. Returns name, version
    and address; only why not, where nothing is registered.
    """
    from collaborative_autoencoders.serving.recommender import Recommender
    from collaborative_autoencoders.serving.registering import register

    if not options.enabled:
        return {NOT_REGISTERED: "registration.enabled is false"}
    if fitted.model is None:
        return {NOT_REGISTERED: fitted.left_out}
    known = known_of(
        fitted,
        Interactions(train_ratings, train_likes),
        Interactions(validation_ratings, validation_likes),
    )
    recommender = Recommender.of(
        fitted, user_ids, item_titles, known, core.like_threshold, data_facts
    )
    return register(recommender, fitted.model.options.name, metrics)


def list_registered(**registrations: dict[str, Any]) -> pd.DataFrame:
    """One row per model of this run: model, version, uri, or why it was not registered."""
    rows = [
        {MODEL: name.removesuffix(".registration"), **registration}
        for name, registration in registrations.items()
    ]
    return pd.DataFrame(rows, columns=[MODEL, VERSION, "uri", NOT_REGISTERED])
