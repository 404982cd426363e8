"""Nodes of inference: recommend in batches and summarise. The work is done in `serving`."""

import logging
from collections.abc import Mapping
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
    asked_users: pd.DataFrame, data: dict[str, Any], options: InferenceOptions, registers: bool
) -> Recommendations:
    """Answer with the champion: for lists one line per user and place, best first.

    For similar items there is a line per item and place, and for item vectors one per item.
    The answers are lazy: each batch is computed when it is written. `data` are the facts about the
    data of the environment, if there are any.
    Raises ValueError if there is no champion, if it is of other data than an environment that
    `registers` no model, if it has no answer to the task, or if the file of users is not valid.
    """
    from collaborative_autoencoders.serving.model_versions import load_champion

    version, recommender = load_champion(options.model)
    said = f"{options.model} version {version} was fitted on {named(recommender.data)}"
    same = data.get("checksum") == recommender.data.get("checksum")
    if data and not same and not registers:
        raise ValueError(
            f"{said}, and this environment has {named(data)} and registers no model: its users and "
            "items are others. Set registration.enabled: true and run the models first; if the "
            "champion is of these data, add `--params registration.enabled=true`"
        )
    level = logging.INFO if same else logging.WARNING
    logger.log(level, "%s%s", said, "" if same or not data else f", and data/ holds {named(data)}")
    ids = ids_of(recommender, asked_users, options)
    return computed_by(RecommendationBatches(recommender, ids, options, version))


def named(data: Mapping[str, Any]) -> str:
    """Return the name of a data set, with the beginning of its checksum and its size."""
    checksum = (data.get("checksum") or "")[:8]
    return f"{data.get('data_set')} ({checksum}), {data['ratings']:,} ratings"


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
