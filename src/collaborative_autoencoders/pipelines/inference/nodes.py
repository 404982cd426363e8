"""The doors of inference: users in, their lists out, a batch at a time."""

import logging
from collections.abc import Iterable
from typing import Any

import pandas as pd

from collaborative_autoencoders.columns import MODEL, SOURCE, USER, VERSION
from collaborative_autoencoders.serving.recommender import BY_MODEL, BY_POPULARITY

from .batches import RecommendationBatches
from .options import InferenceOptions

logger = logging.getLogger(__name__)

HEAD_LINES = 200


def recommend(asked_users: pd.DataFrame, options: InferenceOptions) -> RecommendationBatches:
    """The champion's lists, a line per place: user_id, rank, item_id, title, score, source, …

    Nothing is computed yet: whoever goes through the batches holds one of them at a time.
    Raises ValueError where there is no champion, or where the file of users cannot be read.
    """
    from collaborative_autoencoders.serving.registry import load_champion

    version, recommender = load_champion(options.model)
    users = recommender.users[USER]
    if options.users == "file":
        users = read_users(asked_users, recommender.user_ids.kind)
    return RecommendationBatches(recommender, users, options, version)


def read_users(asked_users: pd.DataFrame, kind: type) -> pd.Series:
    """Each id once, as the champion's ids are: whole numbers or text.

    Raises ValueError, naming file and line, where there is no id or one of the wrong type.
    """
    file = asked_users.attrs.get("file", "asked_users")
    if USER not in asked_users or asked_users.empty:
        raise ValueError(
            f"inference.users is `file`, and {file} has no column {USER} with an id in it: "
            "put a CSV there, or ask for `all`"
        )
    ids = asked_users[USER]
    wrong = ids.str.fullmatch(r"\s*[+-]?\d+\s*") if kind is int else ids != ""
    if not wrong.all():
        line = int((~wrong).to_numpy().argmax())
        wanted = "a whole number, as the champion's ids are" if kind is int else "an id"
        raise ValueError(f"{file}, line {line + 2}: {ids.iloc[line]!r} is not {wanted}")
    return pd.Series(list(map(kind, ids)), name=USER).drop_duplicates(ignore_index=True)


def summarise(recommendations: Iterable[pd.DataFrame]) -> dict[str, Any]:
    """`recommendations_head`: the first lines; `recommendations_report`: what is in the whole.

    The report counts users with a list, those answered from the model and from popularity, and
    lines; and names the version of the model.
    """
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
