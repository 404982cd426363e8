"""Nodes of inference: recommend in batches and summarise. The work is done in `serving`."""

import logging
from collections.abc import Iterable
from typing import Any

import pandas as pd

from collaborative_autoencoders.columns import MODEL, SOURCE, USER, VERSION
from collaborative_autoencoders.serving.batches import (
    InferenceOptions,
    RecommendationBatches,
    read_users,
)
from collaborative_autoencoders.serving.recommender import BY_MODEL, BY_POPULARITY

logger = logging.getLogger(__name__)

HEAD_LINES = 200


def recommend(asked_users: pd.DataFrame, options: InferenceOptions) -> RecommendationBatches:
    """Recommend with the champion: one line per user and place, best first.

    The lists are lazy: each batch is computed when it is written.
    Raises ValueError if there is no champion, or if the file of users is not valid.
    """
    from collaborative_autoencoders.serving.model_versions import load_champion

    version, recommender = load_champion(options.model)
    users = recommender.users[USER]
    if options.users == "file":
        users = read_users(asked_users, recommender.user_ids.kind)
    return RecommendationBatches(recommender, users, options, version)


def summarise(recommendations: Iterable[pd.DataFrame]) -> dict[str, Any]:
    """Return the first lines, and a report that counts lines, and users by source of their list."""
    head: list[pd.DataFrame] = []
    report = {"users": 0, "users_from_model": 0, "users_from_popularity": 0, "lines": 0}
    for batch in recommendations:
        if sum(map(len, head)) < HEAD_LINES:
            head.append(batch)
        source = batch.drop_duplicates(USER)[SOURCE]
        report["users"] += len(source)
        report["users_from_model"] += int((source == BY_MODEL).sum())
        report["users_from_popularity"] += int((source == BY_POPULARITY).sum())
        report["lines"] += len(batch)
    first = pd.concat(head, ignore_index=True).head(HEAD_LINES)
    for name, version in first[[MODEL, VERSION]].head(1).itertuples(index=False):
        report["champion_version"] = int(version)
        logger.info(
            "%s version %d: lists for %d users, %d from the model and %d from popularity",
            *(name, version, report["users"]),
            *(report["users_from_model"], report["users_from_popularity"]),
        )
    return {"recommendations_head": first, "recommendations_report": report}
