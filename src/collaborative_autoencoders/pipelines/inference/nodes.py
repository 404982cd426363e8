"""Nodes of inference: recommend in batches and summarise. The work is done in `serving`."""

import logging
from typing import Any

import pandas as pd

from collaborative_autoencoders.columns import MODEL, USER, VERSION
from collaborative_autoencoders.serving.batches import (
    InferenceOptions,
    RecommendationBatches,
    ids_of,
)
from collaborative_autoencoders.serving.recommender import BY_MODEL, BY_POPULARITY

from .engine import Recommendations, computed_by, summary_of

logger = logging.getLogger(__name__)


def recommend(
    asked_users: pd.DataFrame, options: InferenceOptions, registers: bool
) -> Recommendations:
    """Answer with the champion: for lists one line per user and place, best first.

    For similar items there is a line per item and place, and for item vectors one per item.
    The answers are lazy: each batch is computed when it is written.
    Raises ValueError if there is no champion, if it is of another environment because this one
    `registers` no model, if it has no answer to the task, or if the file of users is not valid.
    """
    from collaborative_autoencoders.serving.model_versions import load_champion

    version, recommender = load_champion(options.model)
    data = recommender.data
    if not registers:
        raise ValueError(
            f"this environment registers no model (registration.enabled: false), and the champion "
            f"{options.model} version {version} was fitted on {data.get('data_set')}. Set "
            "registration.enabled: true and run the models first; if the champion is of these "
            "data, add `--params registration.enabled=true`"
        )
    logger.info(
        "%s version %d was fitted on %s (%s), %s ratings",
        *(options.model, version, data.get("data_set"), (data.get("checksum") or "")[:8]),
        f"{data['ratings']:,}",
    )
    ids = ids_of(recommender, asked_users, options)
    return computed_by(RecommendationBatches(recommender, ids, options, version))


def summarise(recommendations: Recommendations) -> dict[str, Any]:
    """Return the first lines, and a report that counts lines, and users by source of their list.

    Where items were asked for, it counts lines and items.
    """
    found = summary_of(recommendations)
    if USER in found.head:
        counts = {
            "users": sum(found.users.values()),
            "users_from_model": found.users.get(BY_MODEL, 0),
            "users_from_popularity": found.users.get(BY_POPULARITY, 0),
        }
        said = "lists for {users} users, {users_from_model} from the model and "
        said += "{users_from_popularity} from popularity"
    else:
        counts, said = {"items": found.items}, "{lines} lines of {items} items"
    report = counts | {"lines": found.lines}
    for name, version in found.head[[MODEL, VERSION]].head(1).itertuples(index=False):
        report["champion_version"] = int(version)
        logger.info("%s version %d: %s", name, version, said.format(**report))
    return {"recommendations_head": found.head, "recommendations_report": report}
