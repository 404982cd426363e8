"""Nodes of inference: recommend in batches and summarise. The work is done in `serving`."""

import logging
from typing import Any

import pandas as pd

from collaborative_autoencoders.columns import MODEL, USER, VERSION
from collaborative_autoencoders.serving.batches import (
    InferenceOptions,
    RecommendationBatches,
    read_users,
)
from collaborative_autoencoders.serving.recommender import BY_MODEL, BY_POPULARITY

from .engine import Recommendations, computed_by, summary_of

logger = logging.getLogger(__name__)


def recommend(asked_users: pd.DataFrame, options: InferenceOptions) -> Recommendations:
    """Recommend with the champion: one line per user and place, best first.

    The lists are lazy: each batch is computed when it is written.
    Raises ValueError if there is no champion, or if the file of users is not valid.
    """
    from collaborative_autoencoders.serving.model_versions import load_champion

    version, recommender = load_champion(options.model)
    data = recommender.data
    logger.info(
        "%s version %d was fitted on %s (%s), %s ratings",
        *(options.model, version, data.get("data_set"), (data.get("checksum") or "")[:8]),
        f"{data['ratings']:,}",
    )
    users = recommender.users[USER]
    if options.users == "file":
        users = read_users(asked_users, recommender.user_ids.kind)
    return computed_by(RecommendationBatches(recommender, users, options, version))


def summarise(recommendations: Recommendations) -> dict[str, Any]:
    """Return the first lines, and a report that counts lines, and users by source of their list."""
    found = summary_of(recommendations)
    report = {
        "users": sum(found.users.values()),
        "users_from_model": found.users.get(BY_MODEL, 0),
        "users_from_popularity": found.users.get(BY_POPULARITY, 0),
        "lines": found.lines,
    }
    for name, version in found.head[[MODEL, VERSION]].head(1).itertuples(index=False):
        report["champion_version"] = int(version)
        logger.info(
            "%s version %d: lists for %d users, %d from the model and %d from popularity",
            *(name, version, report["users"]),
            *(report["users_from_model"], report["users_from_popularity"]),
        )
    return {"recommendations_head": found.head, "recommendations_report": report}
